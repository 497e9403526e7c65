#!/usr/bin/env bash
# torch 2.13.0: the forward-mode derivative of cholesky_inverse is wrong, and with it torch.func.hessian.
#
# Guess:  forward and reverse mode give the same first derivative, as for cholesky and inv; jvp, vjp and
#         finite differences of cholesky_inverse agree.
# Seen:   vjp and finite differences agree, jvp gives another number for a lower triangular factor.
#         hessian, which is forward over reverse, is wrong too; two backward passes are right.
#         cholesky_inverse of the upper factor, asked for with upper=True, is wrong in the same way.
# Matters: covariances of Laplace approximations are inverses from a Cholesky factor. Sensitivities by jvp
#         or hessian are wrong by tens of per cent, and nothing warns.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" "torch==2.13.0" "numpy==2.4.6" 2>/dev/null
PYTHONPATH="$folder" python3 - <<'PYTHON'
import torch
from torch.func import grad, hessian, jvp

torch.set_default_dtype(torch.float64)
lower = torch.linalg.cholesky(torch.tensor([[2.0, 0.5], [0.5, 1.0]]))
change = torch.tensor([[0.3, 0.0], [0.7, -0.2]])  # Lower triangular as well.
zero, one, step = torch.zeros(()), torch.ones(()), 1e-4
FUNCTIONS = {
    "lower factor": lambda t: torch.cholesky_inverse(lower + t * change).sum(),
    "upper factor": lambda t: torch.cholesky_inverse((lower + t * change).mT, upper=True).sum(),
    "inv of the product": lambda t: torch.linalg.inv(
        (lower + t * change) @ (lower + t * change).mT
    ).sum(),
}
print("torch", torch.__version__)
surprises = []
for name, function in FUNCTIONS.items():
    first = {
        "jvp": float(jvp(function, (zero,), (one,))[1]),
        "grad": float(grad(function)(zero)),
        "differences": float((function(step) - function(-step)) / (2 * step)),
    }
    second = {
        "hessian": float(hessian(function)(zero)),
        "grad of grad": float(grad(grad(function))(zero)),
        "differences": float((function(step) - 2 * function(0.0) + function(-step)) / step**2),
    }
    for order, seen in (("first", first), ("second", second)):
        print(
            f"  {name}, {order} derivative: " + ", ".join(f"{k} {v:.5f}" for k, v in seen.items())
        )
    truths = (first["grad"], second["grad of grad"])
    checks = (first["differences"], second["differences"])
    if any(abs(a - b) > 1e-5 * abs(b) for a, b in zip(checks, truths, strict=True)):
        raise SystemExit("torch behaves otherwise than recorded here")
    surprises.append(
        [
            abs(first["jvp"] - truths[0]) > 0.05 * abs(truths[0]),
            abs(second["hessian"] - truths[1]) > 0.05 * abs(truths[1]),
        ]
    )
if surprises != [[True, True], [True, True], [False, False]]:
    raise SystemExit("torch behaves otherwise than recorded here")
PYTHON
