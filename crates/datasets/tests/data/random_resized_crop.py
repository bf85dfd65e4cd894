"""Writes random_resized_crop.json: the parts that torchvision's RandomResizedCrop takes for given random numbers from 0 to 1."""
import json
from pathlib import Path
from unittest.mock import patch

import torch
from torchvision.transforms import RandomResizedCrop

torch.set_default_dtype(torch.float64)
CASES = [
    # width, height, scale, ratio
    (500, 375, (0.08, 1.0), (3 / 4, 4 / 3)),
    (224, 224, (0.08, 1.0), (3 / 4, 4 / 3)),
    (32, 32, (0.5, 1.0), (0.9, 1.1)),
    (60, 300, (0.3, 1.0), (3 / 4, 4 / 3)),
    # No part fits: the middle.
    (400, 41, (0.9, 1.0), (3 / 4, 4 / 3)),
    (33, 200, (0.9, 1.0), (3 / 4, 4 / 3)),
    (100, 120, (1.0, 1.0), (1.2, 1.5)),
    (101, 100, (1.5, 2.0), (3 / 4, 4 / 3)),
]


def part(case, shares):
    """The part of a picture, and the shares that were drawn."""
    width, height, scale, ratio = case
    drawn = []

    def share():
        drawn.append(next(shares))
        return drawn[-1]

    def uniform(tensor, low, high):
        return tensor.fill_(float(low) + share() * (float(high) - float(low)))

    def randint(low, high, size):
        return torch.tensor([low + int(share() * (high - low))])

    with patch('torch.Tensor.uniform_', uniform), patch('torch.randint', randint):
        top, left, h, w = RandomResizedCrop.get_params(torch.zeros(3, height, width), list(scale), list(ratio))
    return {'picture': [width, height], 'scale': scale, 'ratio': ratio, 'draws': drawn, 'part': [left, top, w, h]}


shares = iter([(i * 0.6180339887498949) % 1 for i in range(1, 2000)])
parts = [part(case, shares) for case in CASES for _ in range(4)]
(Path(__file__).parent / 'random_resized_crop.json').write_text('[\n' + ',\n'.join(map(json.dumps, parts)) + '\n]\n')
