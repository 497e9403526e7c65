#!/usr/bin/env bash
# torch 2.13.0: under activation checkpointing batch norm's running statistics take each batch twice.
#
# Guess:  checkpointing changes memory and time only. It puts the random numbers back for the second forward
#         pass, so it also keeps that pass from changing the buffers.
# Seen:   after one training step num_batches_tracked is 2, and the running mean has moved by
#         1 - 0.9^2 = 0.19 of the way in place of 0.1, with either value of use_reentrant.
# Matters: the momentum of the running statistics nearly doubles where memory is short, and the network in
#         evaluation mode differs from the one of the same training without checkpointing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" "torch==2.13.0" "numpy==2.4.6" 2>/dev/null
PYTHONPATH="$folder" python3 - <<'PYTHON'
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

inputs = (torch.arange(12.0).view(6, 2) + 1).requires_grad_()


def after_a_step(forward):
    layer = nn.BatchNorm1d(2)
    forward(layer).pow(3).sum().backward()
    share = float((layer.running_mean / inputs.detach().mean(dim=0))[0])
    return int(layer.num_batches_tracked), round(share, 5)


seen = {
    "no checkpoint": after_a_step(lambda layer: layer(inputs)),
    "use_reentrant=False": after_a_step(lambda net: checkpoint(net, inputs, use_reentrant=False)),
    "use_reentrant=True": after_a_step(lambda net: checkpoint(net, inputs, use_reentrant=True)),
}
print("torch", torch.__version__)
for name, (batches, share) in seen.items():
    print(
        f"  {name}: {batches} batches counted, running mean {share} of the way to the batch's mean"
    )
if list(seen.values()) != [(1, 0.1), (2, 0.19), (2, 0.19)]:
    raise SystemExit("torch behaves otherwise than recorded here")
PYTHON
