"""Writes training.json: what PyTorch gives for schedules, weighted losses and clipped gradients, in float64."""
import json
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from torch.optim import lr_scheduler as s

STEPS = 12


def rates(make, groups=(0.1,)):
    """The learning rate of each group before each step."""
    optimizer = torch.optim.SGD([{'params': [torch.nn.Parameter(torch.zeros(1))], 'lr': lr} for lr in groups], lr=1.0, momentum=0.9)
    scheduler = make(optimizer)
    seen = []
    for _ in range(STEPS):
        seen.append([group['lr'] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return [list(of_group) for of_group in zip(*seen)]


schedules = {
    'multistep': rates(lambda o: s.MultiStepLR(o, [3, 7], gamma=0.2)),
    'exponential': rates(lambda o: s.ExponentialLR(o, 0.9)),
    'polynomial': rates(lambda o: s.PolynomialLR(o, total_iters=10, power=2.0)),
    'linear': rates(lambda o: s.LinearLR(o, 1.0, 0.1, total_iters=8)),
    'cosine_eta_min': rates(lambda o: s.CosineAnnealingLR(o, STEPS, eta_min=0.01)),
    'onecycle_groups': rates(lambda o: s.OneCycleLR(o, [0.5, 0.05], total_steps=STEPS), (0.5, 0.05)),
}

LOSSES = [2.0, 1.5, 1.4, 1.45, 1.4, 1.41, 1.3999, 1.39, 1.5, 1.6, 1.5, 1.4, 1.39, 1.2, 1.2, 1.2, 1.2, 1.2, 1.3, 1.4, 1.2, 1.2, float('inf'), 1.3]


def plateau(groups, **options):
    """The learning rate of each group after each loss."""
    optimizer = torch.optim.SGD([{'params': [torch.nn.Parameter(torch.zeros(1))], 'lr': lr} for lr in groups])
    scheduler = s.ReduceLROnPlateau(optimizer, **options)
    seen = []
    for loss in LOSSES:
        scheduler.step(loss)
        seen.append([group['lr'] for group in optimizer.param_groups])
    return {'groups': groups, 'options': options, 'rates': seen}


plateaus = [
    plateau([0.1], patience=2),
    plateau([0.1, 0.003], patience=1, factor=0.3, min_lr=0.001),
    plateau([0.1], patience=0, factor=0.5, cooldown=2),
    plateau([0.1], patience=1, threshold=0.1, cooldown=1),
    plateau([0.1], patience=0, eps=1e-3),
]

generator = torch.Generator().manual_seed(0)
logits = torch.randn(4, 3, dtype=torch.float64, generator=generator, requires_grad=True)
weight = torch.tensor([0.5, 1.0, 3.0], dtype=torch.float64)
classes = torch.tensor([2, 0, 1, 1])
probabilities = torch.softmax(torch.randn(4, 3, dtype=torch.float64, generator=generator), 1)


def loss(targets, **options):
    value = cross_entropy(logits, targets, **options)
    gradient, = torch.autograd.grad(value, logits)
    return {'loss': value.item(), 'gradient': gradient.flatten().tolist()}


losses = {
    'weighted': loss(classes, weight=weight),
    'weighted_smoothed': loss(classes, weight=weight, label_smoothing=0.1),
    'weighted_smoothed_sum': loss(classes, weight=weight, label_smoothing=0.1, reduction='sum'),
    'probabilities': loss(probabilities),
    'probabilities_weighted_smoothed': loss(probabilities, weight=weight, label_smoothing=0.1),
}

parameters = [torch.nn.Parameter(torch.zeros(n, dtype=torch.float64)) for n in (3, 2)]
gradients = [torch.tensor([3.0, -4.0, 0.5], dtype=torch.float64), torch.tensor([1.0, 2.0], dtype=torch.float64)]
for parameter, gradient in zip(parameters, gradients):
    parameter.grad = gradient.clone()
norm = torch.nn.utils.clip_grad_norm_(parameters, 2.0).item()
clipped = {'norm': norm, 'gradients': [p.grad.tolist() for p in parameters], 'before': [g.tolist() for g in gradients], 'max_norm': 2.0}

tables = {
    'schedules': schedules,
    'plateaus': {'losses': [loss if loss < float('inf') else None for loss in LOSSES], 'cases': plateaus},
    'losses': {
        'logits': logits.flatten().tolist(), 'classes': classes.tolist(), 'weight': weight.tolist(),
        'probabilities': probabilities.flatten().tolist(), 'cases': losses,
    },
    'clipped': clipped,
}
(Path(__file__).parent / 'training.json').write_text(json.dumps(tables, indent=1) + '\n')
