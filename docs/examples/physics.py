"""A physics-informed network: it solves u'' = −sin x, and its loss is the squared residual."""

import torch
from torch import nn


class Residual(nn.Module):
    """Points x (N, 1) in, the residual u''(x) + sin x (N, 1) out."""

    def __init__(self):
        super().__init__()
        self.u = nn.Sequential(
            nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1)
        )

    def forward(self, x):
        with torch.enable_grad():
            x = x.requires_grad_()
            slope = torch.autograd.grad(self.u(x).sum(), x, create_graph=True)[0]
            curvature = torch.autograd.grad(slope.sum(), x, create_graph=True)[0]
        return curvature + x.sin()


def build():
    torch.manual_seed(0)
    return Residual()


def data():
    x = torch.linspace(0, torch.pi, 40)[:, None]
    return x, torch.zeros_like(x)
