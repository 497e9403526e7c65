#!/usr/bin/env bash
# torch 2.13.0: the second derivative of sinc at its peak is 0 or NaN, depending on the mode, not -pi^2/3.
#
# Guess:  torch.sinc knows that its value at 0 is 1 and its slope 0, so its curvature there is -pi^2/3
#         too.
# Seen:   torch.func.hessian gives 0, two backward passes give NaN; 1e-6 beside it both give -3.29. The
#         guard against 0/0 is in the value and the slope, and a guard is a constant to the next
#         derivative. The same two answers come for the length of a vector at 0, where there is no right
#         one.
# Matters: "the Hessian at the point" is finite by one function of torch and NaN by another. A 0 from a
#         guard reads as a flat direction.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" "torch==2.13.0" "numpy==2.4.6" 2>/dev/null
PYTHONPATH="$folder" python3 - <<'PYTHON'
import math

import torch

torch.set_default_dtype(torch.float64)
MODES = {
    "torch.func.hessian": lambda f, x: torch.func.hessian(f)(x),
    "torch.autograd.functional.hessian": torch.autograd.functional.hessian,
}
print("torch", torch.__version__)
print(f"  truth for sinc at 0: {-(math.pi**2) / 3:.4f}")
seen = []
for mode, hessian in MODES.items():
    peak = float(hessian(torch.sinc, torch.tensor(0.0)))
    beside = float(hessian(torch.sinc, torch.tensor(1e-6)))
    length = float(hessian(torch.norm, torch.zeros(2))[0, 0])
    print(f"  {mode}: sinc at 0 {peak}, at 1e-6 {beside:.4f}; length of a vector at 0 {length}")
    seen.append((peak, beside, length))
(forward, near, forward_length), (backward, near_too, backward_length) = seen
close = all(abs(value + math.pi**2 / 3) < 1e-3 for value in (near, near_too))
guards = forward == 0 and forward_length == 0
if not close or not guards or not (math.isnan(backward) and math.isnan(backward_length)):
    raise SystemExit("torch behaves otherwise than recorded here")
PYTHON
