"""Trains ResNet-18 from random weights on the bundled digits, in f32 and in bf16, with `convoy train` and with PyTorch (bf16: under
torch.autocast), with the same settings, and prints the test accuracy after five epochs for each seed. Needs numpy, torch, torchvision.

  autocast_digits.py [--bin FILE] [SEED ...]     seeds 0, 1 and 2 by default

--bin: the program (target/debug/convoy).
"""
import argparse, contextlib, csv, pathlib, subprocess, tempfile
import numpy as np, torch, torchvision
from torch.nn import functional as F

ROOT = pathlib.Path(__file__).parents[2]
EPOCHS, BATCH, TRAIN_ROWS = 5, 32, 1437

def digits():
    """3x32x32 pictures from -1 to 1, as `datasets::Digits` prepares them, and their labels."""
    table = np.loadtxt(ROOT / 'crates/datasets/data/digits.csv.gz', delimiter=',', dtype=np.float32)
    small = torch.from_numpy(table[:, :64]).reshape(-1, 1, 8, 8) / 16 * 2 - 1
    return F.interpolate(small, scale_factor=4).expand(-1, 3, -1, -1).contiguous(), torch.from_numpy(table[:, 64]).long()

def pytorch(dtype, seed, pictures, labels):
    precision = lambda: torch.autocast('cpu', torch.bfloat16) if dtype == 'bf16' else contextlib.nullcontext()
    torch.manual_seed(seed)
    model = torchvision.models.resnet18(num_classes=10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
    for _ in range(EPOCHS):
        for batch in torch.randperm(TRAIN_ROWS).split(BATCH):
            with precision():
                loss = F.cross_entropy(model(pictures[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.inference_mode(), precision():
        found = model(pictures[TRAIN_ROWS:]).argmax(1)
    return (found == labels[TRAIN_ROWS:]).double().mean().item()

def convoy(program, dtype, seed):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, 'train', '--dataset', 'digits', '--weights', 'none', '--epochs', str(EPOCHS), '--dtype', dtype,
                        '--seed', str(seed)], cwd=folder, check=True, capture_output=True)
        results, = pathlib.Path(folder).glob('runs/*/results.csv')
        return float(list(csv.DictReader(results.open()))[-1]['val/accuracy_top1'])

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--bin', type=pathlib.Path, default=ROOT / 'target/debug/convoy')
    parser.add_argument('seeds', nargs='*', type=int, default=[0, 1, 2])
    args = parser.parse_args()
    pictures, labels = digits()
    for dtype in ('f32', 'bf16'):
        for seed in args.seeds:
            ours, theirs = convoy(args.bin.resolve(), dtype, seed), pytorch(dtype, seed, pictures, labels)
            print(f'{dtype}, seed {seed}: Convoy {100 * ours:.1f} %, PyTorch {100 * theirs:.1f} %', flush=True)

if __name__ == '__main__':
    main()
