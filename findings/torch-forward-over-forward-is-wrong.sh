#!/usr/bin/env bash
# torch 2.13.0: the jvp of a jvp is wrong through batch norm, layer norm and slogdet, without an error.
#
# Guess:  torch.func's transforms compose, so the second derivative along a line is the same by two jvps as
#         by two backward passes; an operator without the formula raises NotImplementedError.
# Seen:   for batch_norm, layer_norm, slogdet and linalg.solve the jvp of the jvp is another number (for
#         slogdet it is 0), and so is jacfwd of jacfwd. hessian (jacfwd of jacrev), two backward passes and
#         finite differences agree. group_norm, made of the same formula, is right. (pytorch issue 198017
#         lists such operators.)
# Matters: the jvp of a jvp is the obvious way to get the curvature v'Hv along a direction without a graph.
#         In networks with batch normalisation its size and even its sign can be wrong.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" "torch==2.13.0" "numpy==2.4.6" 2>/dev/null
PYTHONPATH="$folder" python3 - <<'PYTHON'
import torch
import torch.nn.functional as F
from torch.func import grad, hessian, jacfwd, jvp

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
rows, way = torch.randn(4, 3), torch.randn(4, 3)
square = torch.randn(3, 3) + 3 * torch.eye(3)
zero, one = torch.zeros(()), torch.ones(())
FUNCTIONS = {
    "batch_norm": lambda t: (F.batch_norm(rows + t * way, None, None, training=True) ** 3).sum(),
    "layer_norm": lambda t: (F.layer_norm(rows + t * way, (3,)) ** 3).sum(),
    "slogdet": lambda t: torch.linalg.slogdet(square + t * way[:3])[1],
    "solve": lambda t: torch.linalg.solve(square + t * way[:3], rows[0]).sum(),
    "group_norm": lambda t: (F.group_norm(rows + t * way, 1) ** 3).sum(),
}


def second_derivatives(function):
    def slope(t):
        return jvp(function, (t,), (one,))[1]

    step = 1e-4
    return {
        "jvp of jvp": float(jvp(slope, (zero,), (one,))[1]),
        "jacfwd of jacfwd": float(jacfwd(jacfwd(function))(zero)),
        "hessian": float(hessian(function)(zero)),
        "grad of grad": float(grad(grad(function))(zero)),
        "differences": float((function(step) - 2 * function(0.0) + function(-step)) / step**2),
    }


print("torch", torch.__version__)
surprises = []
for name, function in FUNCTIONS.items():
    seen = second_derivatives(function)
    print(f"  {name}: " + ", ".join(f"{how} {value:.5f}" for how, value in seen.items()))
    truth = seen["grad of grad"]

    def right(how, seen=seen, truth=truth):
        return abs(seen[how] - truth) < 1e-3 * abs(truth)

    wrong = not right("jvp of jvp") and not right("jacfwd of jacfwd")
    surprises.append(wrong and right("hessian") and right("differences"))
if surprises != [True, True, True, True, False]:
    raise SystemExit("torch behaves otherwise than recorded here")
PYTHON
