#!/usr/bin/env bash
# scipy 1.17.1: a LinearOperator without dtype calls matvec at once, with zeros of int8, and may become
# int8.
#
# Guess:  dtype defaults to float64, and nothing is called before the first product.
# Seen:   the constructor calls matvec on an int8 vector of zeros and takes the result's dtype. An
#         operator that keeps its argument's precision is of dtype int8; one that divides in place raises
#         in the constructor. The next products get float64.
# Matters: a Hessian-vector product is a pass over the data, here spent on zeros, and code that hands the
#         vector to a network's framework meets integers there and nowhere else. dtype=float avoids it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" "scipy==1.17.1" "numpy==2.4.6" 2>/dev/null
PYTHONPATH="$folder" python3 - <<'PYTHON'
import numpy as np
import scipy
from scipy.sparse.linalg import LinearOperator, eigsh

calls = []
diagonal = np.linspace(0.0, 1.0, 40)


def product(vector):  # In the vector's own precision, as a product in half or single precision is.
    calls.append((vector.dtype.name, bool(vector.any())))
    return (diagonal * vector.ravel()).astype(vector.dtype)


def halve(vector):
    vector /= 2
    return vector


def answer(**options):
    try:
        return LinearOperator((40, 40), matvec=halve, **options).dtype.name
    except TypeError as error:
        return type(error).__name__


operator = LinearOperator((40, 40), matvec=product)
at_construction, kind = calls.copy(), operator.dtype.name
calls.clear()
largest = float(eigsh(operator, k=1, rng=0)[0][0])
later = {name for name, _ in calls}
calls.clear()
LinearOperator((40, 40), matvec=product, dtype=float)
print("scipy", scipy.__version__)
print(
    f"  constructor: matvec got {at_construction} (dtype, any value not zero); operator is {kind}"
)
print(f"  eigsh: matvec got {later}, largest eigenvalue {largest:.6f}")
print(f"  constructor with dtype=float: matvec got {calls}")
print(f"  dividing in place: {answer()}, with dtype=float {answer(dtype=float)}")
seen = (at_construction, kind, later, calls, answer(dtype=float))
if seen != ([("int8", False)], "int8", {"float64"}, [], "float64") or "Error" not in answer():
    raise SystemExit("scipy behaves otherwise than recorded here")
PYTHON
