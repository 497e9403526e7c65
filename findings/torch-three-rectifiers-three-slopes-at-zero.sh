#!/usr/bin/env bash
# torch 2.13.0: relu(x), maximum(x, 0) and clamp(x, min=0) have the slopes 0, 0.5 and 1 at zero.
#
# Guess:  the three compute the same function, and at the kink all take relu's convention, slope 0.
# Seen:   0, 0.5 and 1; the curvature of the square of each at zero is 0, 0.5 and 2.
# Matters: exact zeros are common: dark pixels times weights plus a bias that starts at zero. Writing a
#         network's rectifier in another way then changes its gradient and its Hessian at the start, and a
#         "dead" unit of relu learns under clamp.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" "torch==2.13.0" "numpy==2.4.6" 2>/dev/null
PYTHONPATH="$folder" python3 - <<'PYTHON'
import torch

zero = torch.zeros(())
RECTIFIERS = {
    "relu(x)": torch.relu,
    "maximum(x, 0)": lambda x: torch.maximum(x, zero),
    "clamp(x, min=0)": lambda x: x.clamp(min=0),
}
print("torch", torch.__version__)
seen = []
for name, rectifier in RECTIFIERS.items():
    slope = float(torch.func.grad(rectifier)(zero))
    curvature = float(torch.func.hessian(lambda x, f=rectifier: f(x) ** 2)(zero))
    print(f"  {name}: slope at 0 {slope}, curvature of its square {curvature}")
    seen.append((slope, curvature))
if seen != [(0.0, 0.0), (0.5, 0.5), (1.0, 2.0)]:
    raise SystemExit("torch behaves otherwise than recorded here")
PYTHON
