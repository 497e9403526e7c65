#!/usr/bin/env bash
# torch 2.13.0: vector_to_parameters makes the parameters views of the vector, so training changes the
# vector.
#
# Guess:  it copies the vector's values into the parameters, as load_state_dict does, and the way back,
#         parameters_to_vector, makes a new vector. The vector kept as the start of a walk stays as it
#         was.
# Seen:   after vector_to_parameters(start, ...) and a step of SGD, start has moved with the network: the
#         distance from start is 0 after any number of steps. All parameters also lie in one storage.
# Matters: "go to the start, train, measure how far it went" gives 0, and the second visit to the start
#         goes elsewhere. A clone of the vector helps.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" "torch==2.13.0" "numpy==2.4.6" 2>/dev/null
PYTHONPATH="$folder" python3 - <<'PYTHON'
import torch
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters


def distance_from_start(load):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    start = torch.linspace(-1, 1, sum(p.numel() for p in network.parameters()))
    kept = start.clone()
    load(network, start)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        network(torch.ones(5, 3)).square().sum().backward()
        optimizer.step()
    end = parameters_to_vector(network.parameters()).detach()
    storages = {p.untyped_storage().data_ptr() for p in network.parameters()}
    return float((end - start).norm()), float((end - kept).norm()), len(storages)


def by_vector(network, start):
    vector_to_parameters(start, network.parameters())


def by_state(network, start):
    parts = start.split([p.numel() for p in network.parameters()])
    pairs = zip(network.state_dict().items(), parts, strict=True)
    network.load_state_dict({name: part.view_as(old) for (name, old), part in pairs})


print("torch", torch.__version__)
seen = {}
for load in (by_vector, by_state):
    seen[load.__name__] = distance, truth, storages = distance_from_start(load)
    print(
        f"  {load.__name__}: distance from start {distance:.4f}, from a copy of start {truth:.4f},"
    )
    print(f"    storages of the 4 parameters: {storages}")
vector, state = seen["by_vector"], seen["by_state"]
if vector[0] != 0 or vector[1] < 0.1 or vector[2] != 1 or state[0] != state[1] or state[2] != 4:
    raise SystemExit("torch behaves otherwise than recorded here")
PYTHON
