#!/usr/bin/env bash
# scipy 1.17.1: eigsh of a zero matrix blames the starting vector, also where the caller gave one of ones.
#
# Guess:  the eigenvalues of a zero matrix are zeros; every vector is an eigenvector, and Lanczos stops
#         after one step with an exact answer, as it does for the identity.
# Seen:   ArpackError -9, "Starting vector is zero", with ARPACK's own start and with v0 = ones. eigsh of
#         the identity, lobpcg and svds by lobpcg or PROPACK return the right values.
# Matters: the Hessian of a network that is stuck, or of a layer behind dead units, is exactly zero. "The
#         largest eigenvalue is 0" then arrives as an error about a vector that is not zero.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" "scipy==1.17.1" "numpy==2.4.6" 2>/dev/null
PYTHONPATH="$folder" python3 - <<'PYTHON'
import numpy as np
import scipy
from scipy.sparse.linalg import ArpackError, eigsh, lobpcg, svds

zeros, ones = np.zeros((50, 50)), np.ones(50)
blocks = np.random.default_rng(0).normal(size=(50, 2))
CASES = {
    "eigsh of the identity": lambda: eigsh(np.eye(50), k=2)[0],
    "eigsh of zeros": lambda: eigsh(zeros, k=2)[0],
    "eigsh of zeros from v0 = ones": lambda: eigsh(zeros, k=2, v0=ones)[0],
    "lobpcg of zeros": lambda: lobpcg(zeros, blocks)[0],
    "svds of zeros by PROPACK": lambda: svds(zeros, k=2, solver="propack")[1],
}


def answer(case):
    try:
        return np.round(case(), 12).tolist()
    except ArpackError as error:
        return str(error)


seen = {name: answer(case) for name, case in CASES.items()}
print("scipy", scipy.__version__)
for name, values in seen.items():
    print(f"  {name}: {values}")
blamed = "ARPACK error -9: Starting vector is zero."
if list(seen.values()) != [[1, 1], blamed, blamed, [0, 0], [0, 0]]:
    raise SystemExit("scipy behaves otherwise than recorded here")
PYTHON
