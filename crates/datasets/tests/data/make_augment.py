"""Writes augment.txt: a small picture after each operation of torchvision's TrivialAugmentWide, in hexadecimal."""
import numpy as np
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.autoaugment import _apply_op

OPERATIONS = ['Identity', 'ShearX', 'ShearY', 'TranslateX', 'TranslateY', 'Rotate', 'Brightness', 'Color', 'Contrast', 'Sharpness',
              'Posterize', 'Solarize', 'AutoContrast', 'Equalize']
FITTING = {'Identity': [6.0], 'AutoContrast': [6.0], 'Equalize': [6.0], 'Posterize': [6.0], 'TranslateX': [6.0], 'TranslateY': [6.0],
           'Solarize': [90.0], 'Rotate': [0.3, -0.7, 6.0, 90.0, -130.5]}

yy, xx = np.mgrid[0:8, 0:11]
source = np.stack([xx * 21 + yy, yy * 27 + 20, (xx * 7 + yy * 31) % 200 + 30], -1).astype(np.uint8)
lines = [('source', source)]
for operation in OPERATIONS:
    for magnitude in FITTING.get(operation, [0.3, -0.7]):
        picture = _apply_op(Image.fromarray(source), operation, magnitude, interpolation=InterpolationMode.NEAREST, fill=None)
        number = int(magnitude) if magnitude == int(magnitude) else magnitude
        lines.append((f'{operation} {number}', np.array(picture)))
with open('augment.txt', 'w') as out:
    for name, picture in lines:
        out.write(f'{name}\t{picture.tobytes().hex()}\n')
