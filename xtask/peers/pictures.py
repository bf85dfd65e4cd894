"""Times Pillow and torchvision on the photos of `cargo bench -p datasets`, stage by stage, on one core, in microseconds a photo.

  pictures.py [ROUNDS]     the best of 40 rounds by default
"""
import io, pathlib, sys, time
import PIL, torch
from PIL import Image
from torchvision import transforms

FOLDER = pathlib.Path(__file__).parents[2] / 'crates/datasets/benches/photos'

def best(rounds, stage, inputs):
    def once():
        start = time.process_time()
        for value in inputs:
            stage(value)
        return (time.process_time() - start) / len(inputs) * 1e6
    return min(once() for _ in range(rounds))

def stages(folder, rounds):
    normalize = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    decode = lambda data: Image.open(io.BytesIO(data)).convert('RGB')
    resize = transforms.Resize(256)
    crop = transforms.CenterCrop(224)
    to_tensor = transforms.Compose([transforms.ToTensor(), normalize])
    everything = transforms.Compose([decode, resize, crop, to_tensor])

    files = [path.read_bytes() for path in sorted(folder.glob('*.jpg'))]
    decoded = [decode(data) for data in files]
    cropped = [crop(resize(image)) for image in decoded]
    print(folder.name)
    for name, stage, inputs in [('decode', decode, files), ('resize to 256', resize, decoded),
                                ('normalise 224x224', to_tensor, cropped), ('all', everything, files)]:
        time_us = best(rounds, stage, inputs)
        print(f'{name}: {time_us:.0f} us, {1e6 / time_us:.0f} pictures/s')

def main():
    torch.set_num_threads(1)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    print(f'Pillow {PIL.__version__}, torch {torch.__version__}')
    for size in ['500x375', '341x256']:
        stages(FOLDER / size, rounds)

if __name__ == '__main__':
    main()
