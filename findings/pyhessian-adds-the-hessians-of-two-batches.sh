#!/usr/bin/env bash
# PyHessian 0.1: a second hessian(...) of the same network measures the sum of both batches' Hessians.
#
# Guess:  each object holds the Hessian of its own batch; gradients left on the network shift the gradient
#         by a constant and leave second derivatives alone.
# Seen:   for batches with the largest eigenvalues 3 and 2 along different weights the second object says
#         3, and with the batch given twice it says twice the eigenvalue. The first object's backward pass
#         leaves its graph in .grad, and the second differentiates the sum. After zero_grad() it says 2.
# Matters: a loop that makes one object for each batch, to see the spread over batches, reads running sums
#         if the objects are made first and measured later.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" \
    "pyhessian==0.1" "torch==2.13.0" "numpy==2.4.6" 2>/dev/null
PYTHONPATH="$folder" python3 -W ignore::UserWarning - <<'PYTHON'
from importlib.metadata import version

import torch
from pyhessian import hessian


class Scales(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(2))

    def forward(self, inputs):
        return inputs * self.weight


def half_squares(outputs, targets):
    return 0.5 * (outputs - targets).square().sum()


def batch(first, second):  # Its Hessian is diagonal: first and second.
    return torch.tensor([[first**0.5, second**0.5]]), torch.zeros(1, 2)


def largest(*batches, clear=False):
    torch.manual_seed(0)
    network, objects = Scales(), []
    for data in batches:
        objects.append(hessian(network, half_squares, data=data, cuda=False))
        if clear:
            network.zero_grad()
    return [round(made.eigenvalues(maxIter=500, tol=1e-9)[0][0], 2) for made in objects]


one, two = batch(3.0, 1.0), batch(0.0, 2.0)
seen = {
    "the second batch alone": largest(two),
    "the first, then the second": largest(one, two),
    "the second batch twice": largest(two, two),
    "the first, zero_grad(), the second": largest(one, two, clear=True),
}
print("PyHessian", version("pyhessian"))
for name, values in seen.items():
    print(f"  largest eigenvalue, {name}: {values}")
if list(seen.values()) != [[2.0], [3.0, 3.0], [2.0, 4.0], [3.0, 2.0]]:
    raise SystemExit("PyHessian behaves otherwise than recorded here")
PYTHON
