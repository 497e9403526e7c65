#!/usr/bin/env bash
# scipy 1.17.1: eigsh starts from a fresh random vector in every process, and np.random.seed does not help.
#
# Guess:  ARPACK draws its starting vector from its own generator with a fixed seed, so a script that runs
#         twice gives the same bits; if the vector came from NumPy, np.random.seed would fix it.
# Seen:   six processes with np.random.seed(0) give six different eigenvectors; signs differ as well. With
#         rng=0 or with v0 all six agree in every bit.
# Matters: "the top eigenvector" as the direction of a loss plane is another one, mirrored, in half of the
#         runs; hashes of results and caches keyed by them never match.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" "scipy==1.17.1" "numpy==2.4.6" 2>/dev/null

run() {  # A further argument of eigsh -> how many different eigenvectors six processes give.
    for _ in 1 2 3 4 5 6; do
        PYTHONPATH="$folder" python3 - <<PYTHON
import numpy as np
from scipy.sparse.linalg import eigsh

np.random.seed(0)
print(eigsh(np.diag(np.arange(1.0, 41.0)), k=1, $1)[1].tobytes().hex())
PYTHON
    done | sort -u | wc -l
}

plain=$(run "which='LM'")
seeded=$(run "rng=0")
started=$(run "v0=np.ones(40)")
echo "scipy 1.17.1"
echo "  different eigenvectors of six processes: np.random.seed(0) $plain, rng=0 $seeded, v0 $started"
if [ "$plain" -lt 2 ] || [ "$seeded" -ne 1 ] || [ "$started" -ne 1 ]; then
    echo "scipy behaves otherwise than recorded here"
    exit 1
fi
