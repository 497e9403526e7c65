#!/usr/bin/env bash
# hessian-eigenthings 1.0.0a5: the last, smaller batch of a loader counts as much as a full one.
#
# Guess:  the Hessian "averaged over batches" of a mean loss is the Hessian over the data, so it does not
#         depend on the loader's batch size: batches are weighted by their number of examples, as
#         PyHessian and curvlinops weigh them.
# Seen:   four examples with the curvatures 2, 2, 2 and 18 give 6 in batches of 4, 2 or 1, and 10 in
#         batches of 3: the single example of the last batch weighs as much as the other three together.
#         microbatch_size=3, meant to save memory only, does the same.
# Matters: most data sets leave a smaller last batch. Eigenvalues then lean towards a few examples, by
#         more the smaller the rest.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" \
    "hessian-eigenthings==1.0.0a5" "torch==2.13.0" "numpy==2.4.6" "scipy==1.17.1" 2>/dev/null
PYTHONPATH="$folder" python3 - <<'PYTHON'
from importlib.metadata import version

import torch
from hessian_eigenthings.loss_fns import supervised_loss
from hessian_eigenthings.operators import HessianOperator
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

inputs, targets = torch.tensor([[1.0], [1.0], [1.0], [3.0]]), torch.zeros(4, 1)
network, loss = nn.Linear(1, 1, bias=False), supervised_loss(nn.MSELoss())


def curvature(size, **options):
    loader = DataLoader(TensorDataset(inputs, targets), batch_size=size)
    operator = HessianOperator(network, loader, loss, **options)
    return round(float(operator.matvec(torch.ones(1))), 4)


seen = {f"batches of {size}": curvature(size) for size in (4, 2, 1, 3)}
seen |= {f"one batch, microbatch_size={m}": curvature(4, microbatch_size=m) for m in (2, 3)}
print("hessian-eigenthings", version("hessian-eigenthings"))
for name, value in seen.items():
    print(f"  {name}: curvature {value}")
if list(seen.values()) != [6, 6, 6, 10, 6, 10]:
    raise SystemExit("hessian-eigenthings behaves otherwise than recorded here")
PYTHON
