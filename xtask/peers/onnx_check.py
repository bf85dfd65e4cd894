"""Checks `convoy export --format onnx` with ONNX Runtime: batches of 1 and of 3 must give the project's own logits within 1e-5 of the
largest. Needs numpy and onnxruntime, and the project's programs, built by

  cargo build -p cli -p op-suite --bin convoy --example onnx_cases

  onnx_check.py [--bin DIR] [--torch] [MODEL ...]     every model where none is named

--bin: the folder of `convoy` (target/debug). --torch: also that PyTorch opens `export --format pth` with weights_only and strict, and
that ONNX Runtime agrees with its logits; needs torch and torchvision.
"""
import argparse, json, pathlib, subprocess, sys, tempfile
import numpy as np, onnxruntime

TOLERANCE = 1e-5

def read_safetensors(path):
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], 'little')
    tensors = {key: info for key, info in json.loads(data[8:start]).items() if key != '__metadata__'}
    def array(info):
        begin, end = (start + offset for offset in info['data_offsets'])
        return np.frombuffer(data[begin:end], np.float32).reshape(info['shape'])
    return {key: array(info) for key, info in tensors.items()}

def deviation(found, expected):
    return float(np.abs(found - expected).max() / np.abs(expected).max()) if found.shape == expected.shape else float('inf')

def torch_logits(name, path, x):
    import torch, torchvision
    extra = {'transform_input': True, 'init_weights': False} if name in ('inception_v3', 'googlenet') else {}
    model = getattr(torchvision.models, name)(weights=None, **extra).eval()
    model.load_state_dict(torch.load(path, weights_only=True), strict=True)
    with torch.inference_mode():
        return model(torch.from_numpy(x.copy())).numpy()

def check(name, args, folder):
    export = lambda file: subprocess.run([args.bin / 'convoy', 'export', folder / f'{name}.pth', '--output', file],
                                         check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    subprocess.run([args.bin / 'examples/onnx_cases', folder, name], check=True)
    case = read_safetensors(folder / f'{name}.safetensors')
    export(folder / 'model.onnx')
    session = onnxruntime.InferenceSession(folder / 'model.onnx', providers=['CPUExecutionProvider'])
    run = lambda n: session.run(['logits'], {'input': case['input'][:n]})[0]
    found = {f'batch {n}': deviation(run(n), case['logits'][:n]) for n in (1, 3)}
    if args.torch:
        export(folder / 'exported.pth')
        expected = torch_logits(name, folder / 'exported.pth', case['input'])
        found |= {'PyTorch and ONNX Runtime': deviation(run(3), expected), 'PyTorch and ours': deviation(case['logits'], expected)}
    print(f'{name}: ' + ', '.join(f'{what} {value:.1e}' for what, value in found.items()), flush=True)
    return all(value <= TOLERANCE for value in found.values())

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--bin', type=pathlib.Path, default=pathlib.Path('target/debug'))
    parser.add_argument('--torch', action='store_true')
    parser.add_argument('models', nargs='*')
    args = parser.parse_args()
    args.bin = args.bin.resolve()
    models = args.models or subprocess.run([args.bin / 'convoy', 'models'], check=True, capture_output=True, text=True).stdout.split()
    wrong = []
    for name in models:
        with tempfile.TemporaryDirectory() as folder:
            wrong += [] if check(name, args, pathlib.Path(folder)) else [name]
    sys.exit(f'more than {TOLERANCE:g} apart: {", ".join(wrong)}' if wrong else 0)

if __name__ == '__main__':
    main()
