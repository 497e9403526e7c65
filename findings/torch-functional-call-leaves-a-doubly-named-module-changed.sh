#!/usr/bin/env bash
# torch 2.13.0: torch.func.functional_call leaves a module changed that is registered under two names.
#
# Guess:  functional_call replaces parameters for one call and puts the module's own back.
# Seen:   for a layer that stands under two names (self.head = self.net), the parameter afterwards is
#         the tensor of the call. Tied weights are replaced under both names; the second name's
#         "original" is the tensor that was just put there under the first, and it is restored last.
# Matters: whatever differentiates by functional_call leaves views of its flat parameter vector in such
#         a model: a later copy.deepcopy fails, and so does assigning to the attribute.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" "torch==2.13.0" 2>/dev/null
PYTHONPATH="$folder" python3 - <<'PYTHON'
import torch
from torch import nn


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(2, 1)
        self.head = self.net

    def forward(self, x):
        return self.net(x)


def changed(model, name):
    before = model.net.weight
    other = torch.zeros(1, 2, requires_grad=True) * 1
    torch.func.functional_call(model, {name: other}, (torch.ones(1, 2),))
    return model.net.weight is not before


class Once(Twice):
    def __init__(self):
        super().__init__()
        del self.head


seen = {"one name": changed(Once(), "net.weight"), "two names": changed(Twice(), "net.weight")}
print("torch", torch.__version__, seen)
if seen != {"one name": False, "two names": True}:
    raise SystemExit("torch behaves otherwise than recorded here")
PYTHON
