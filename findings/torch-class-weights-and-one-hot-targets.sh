#!/usr/bin/env bash
# torch 2.13.0: with class weights, cross_entropy of class numbers and of the same classes one-hot differ.
#
# Guess:  a one-hot target is the same target as the class number, so the losses are equal, as they are
#         without class weights and with reduction="sum".
# Seen:   the mean over class numbers divides by the sum of the targets' weights, the mean over one-hot
#         targets by the number of examples. With the weight 10 on every class the two losses differ
#         tenfold.
# Matters: a change to one-hot targets (mixup, soft labels) rescales loss, gradient and all eigenvalues of
#         the Hessian by a factor that depends on the batch's classes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" "torch==2.13.0" "numpy==2.4.6" 2>/dev/null
PYTHONPATH="$folder" python3 - <<'PYTHON'
import torch
import torch.nn.functional as F

outputs = torch.tensor([[1.0, 2.0, 0.5], [0.3, -1.0, 0.2], [0.0, 1.0, 3.0], [1.0, 0.0, -1.0]])
classes = torch.tensor([0, 0, 1, 2])
hot = F.one_hot(classes, 3).float()
WEIGHTS = {
    "none": None,
    "1, 2, 5": torch.tensor([1.0, 2.0, 5.0]),
    "10, 10, 10": torch.full((3,), 10.0),
}
print("torch", torch.__version__)
ratios = []
for name, weight in WEIGHTS.items():
    means = [float(F.cross_entropy(outputs, t, weight=weight)) for t in (classes, hot)]
    sums = [
        float(F.cross_entropy(outputs, t, weight=weight, reduction="sum")) for t in (classes, hot)
    ]
    print(f"  weights {name}: mean {means[0]:.5f} and one-hot {means[1]:.5f},")
    print(f"    sum {sums[0]:.5f} and one-hot {sums[1]:.5f}")
    ratios.append((round(means[1] / means[0], 4), round(sums[1] / sums[0], 4)))
if ratios != [(1.0, 1.0), (2.25, 1.0), (10.0, 1.0)]:
    raise SystemExit("torch behaves otherwise than recorded here")
PYTHON
