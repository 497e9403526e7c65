#!/usr/bin/env bash
# loss-landscapes 3.0.6: random_line with distance=10 walks a tenth of the way of distance=1, not ten
# times it.
#
# Guess:  the line ends `distance` away from the start, perhaps in units of the network's own norm: the
#         docstring says "up to the maximum distance from the start point".
# Seen:   the end lies |weights| / distance away: 10, 1 and 0.1 norms for distance=0.1, 1 and 10.
#         random_plane has the same factor. With distance=0.1, the default of random_line, the walk is ten
#         norms long.
# Matters: "we zoomed out until the barrier showed" zoomed in; widths read off the axis are wrong by the
#         square of the distance.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" \
    "loss-landscapes==3.0.6" "torch==2.13.0" "numpy==2.4.6" 2>/dev/null
PYTHONPATH="$folder" python3 - <<'PYTHON'
from importlib.metadata import version

import loss_landscapes
import torch
from loss_landscapes.metrics import Metric

torch.manual_seed(0)
layer = torch.nn.Linear(5, 3)


def flat(parameters):
    return torch.cat([p.detach().flatten() for p in parameters]).clone()


start = flat(layer.parameters())


class Way(Metric):
    """How far from the start the network is, in units of the start's norm."""

    def __call__(self, model):
        point = flat(model.get_module_parameters())
        return float((point - start).norm() / start.norm())


def ends_at(distance):
    line = loss_landscapes.random_line(
        layer, Way(), distance=distance, steps=10, deepcopy_model=True
    )
    return round(float(line[-1]), 4)


seen = {distance: ends_at(distance) for distance in (0.1, 1, 10)}
print("loss-landscapes", version("loss-landscapes"))
for distance, way in seen.items():
    print(f"  distance={distance}: the line ends {way} norms from the start")
if seen != {0.1: 10.0, 1: 1.0, 10: 0.1}:
    raise SystemExit("loss-landscapes behaves otherwise than recorded here")
PYTHON
