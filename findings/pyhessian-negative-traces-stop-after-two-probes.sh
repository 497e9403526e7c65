#!/usr/bin/env bash
# PyHessian 0.1: trace() of a Hessian with a negative trace stops after two probes, whatever tol says.
#
# Guess:  flipping the sign of the loss flips the trace and changes nothing else: same probes, same number
#         of them, same error.
# Seen:   from the same seed the trace takes 13 to 33 probes for a Hessian and always 2 for its negative,
#         with three times the error. The stopping rule divides the change by (trace + 1e-6), not by its
#         absolute value, and a negative ratio is below every tolerance.
# Matters: away from minima a trace can be negative, and there the estimate is the mean of two probes
#         while the caller asked for a relative change of 1e-3.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" \
    "pyhessian==0.1" "torch==2.13.0" "numpy==2.4.6" 2>/dev/null
PYTHONPATH="$folder" python3 -W ignore::UserWarning - <<'PYTHON'
from importlib.metadata import version

import torch
from pyhessian import hessian

torch.manual_seed(0)
root = torch.randn(20, 20)
FORM = root @ root.T + torch.eye(20)  # Positive, so every probe has the sign of the trace.
UNUSED = (torch.zeros(1), torch.zeros(1))


class Form(torch.nn.Module):
    def __init__(self, sign):
        super().__init__()
        self.sign, self.weight = sign, torch.nn.Parameter(torch.ones(20))

    def forward(self, _):
        return 0.5 * self.sign * self.weight @ FORM @ self.weight


def probes(sign, seed):
    made = hessian(Form(sign), lambda outputs, _: outputs, data=UNUSED, cuda=False)
    torch.manual_seed(seed)
    return made.trace(maxIter=100, tol=1e-3)


runs = {sign: [probes(sign, seed) for seed in range(8)] for sign in (1.0, -1.0)}
print("PyHessian", version("pyhessian"))
errors = {}
for sign, traces in runs.items():
    truth = sign * float(FORM.trace())
    estimates = torch.tensor([sum(values) / len(values) for values in traces])
    errors[sign] = float((estimates - truth).square().mean().sqrt() / abs(truth))
    counts = [len(values) for values in traces]
    print(f"  trace {truth:.1f}: {counts} probes from 8 seeds, relative error {errors[sign]:.3f}")
mirrored = all(abs(a[0] + b[0]) < 1e-3 * abs(a[0]) for a, b in zip(*runs.values(), strict=True))
more = sum(len(values) for values in runs[1.0]) > 3 * 8
if not mirrored or not more or any(len(values) != 2 for values in runs[-1.0]):
    raise SystemExit("PyHessian behaves otherwise than recorded here")
PYTHON
