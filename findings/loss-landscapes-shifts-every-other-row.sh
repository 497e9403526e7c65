#!/usr/bin/env bash
# loss-landscapes 3.0.6: every other row of a plane is one cell off, so straight valleys come out as
# zigzags.
#
# Guess:  the grid is start + i / n * first + j / n * second, as the comment above the loop says.
# Seen:   even rows hold j = 1 ... n, odd rows j = 0 ... n - 1: the walk goes there and back along the
#         second direction, and steps before it measures both ways. On a function that is the coordinate
#         itself rows differ by 1 / n. The same loop draws random_plane; the start itself is no point of
#         the first row.
# Matters: contours show teeth of one cell's width, and a minimum read off the plane is off by a cell in
#         half of the rows.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" \
    "loss-landscapes==3.0.6" "torch==2.13.0" "numpy==2.4.6" 2>/dev/null
PYTHONPATH="$folder" python3 - <<'PYTHON'
from importlib.metadata import version

import loss_landscapes
import numpy as np
import torch
from loss_landscapes.metrics import Metric

STEPS = 4


class Weight(Metric):
    """The network's weight of this index in place of a loss."""

    def __init__(self, index):
        super().__init__()
        self.index = index

    def __call__(self, model):
        return float(model.get_module_parameters()[0][0, self.index])


def network(first, second):
    layer = torch.nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[first, second]]))
    return layer


def plane(index):
    return loss_landscapes.planar_interpolation(
        network(0.0, 0.0), network(1.0, 0.0), network(0.0, 1.0), Weight(index), steps=STEPS
    )


print("loss-landscapes", version("loss-landscapes"))
first, second = plane(0), plane(1)
print("  along the first direction:", *first.tolist(), sep="\n    ")
print("  along the second direction:", *second.tolist(), sep="\n    ")
inner = np.arange(STEPS) / STEPS
rows = np.stack([inner + 1 / STEPS if row % 2 == 0 else inner for row in range(STEPS)])
columns = np.repeat(inner[:, None], STEPS, axis=1)
if not np.allclose(first, columns) or not np.allclose(second, rows):
    raise SystemExit("loss-landscapes behaves otherwise than recorded here")
PYTHON
