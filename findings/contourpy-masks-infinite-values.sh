#!/usr/bin/env bash
# contourpy 1.3.3: infinite values are masked without a word, so "everything above a level" has holes
# exactly where the surface is highest.
#
# Guess:  inf > 0.5, so filled(0.5, inf) covers a grid whose values are all inf, as it covers one whose
#         values are all 1e308; only NaN, which is on neither side, is left out.
# Seen:   no polygon for inf, one for 1e308; likewise -inf is left out of filled(-inf, level). A half
#         sentence in the docstring of contour_generator says that invalid values are masked.
# Matters: a loss that overflows to inf is a result. A sublevel set or its complement computed from
#         contourpy's polygons loses these points without a warning, and areas come out too small.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" "contourpy==1.3.3" "numpy==2.4.6" 2>/dev/null
PYTHONPATH="$folder" python3 - <<'PYTHON'
import warnings

import contourpy
import numpy as np

warnings.simplefilter("error")  # A warning would be an answer as well.


def polygons(value, lower, upper):
    grid = np.full((3, 3), value)
    return len(contourpy.contour_generator(z=grid, name="serial").filled(lower, upper)[0])


seen = {
    "all 1e308, above 0.5": polygons(1e308, 0.5, np.inf),
    "all inf,   above 0.5": polygons(np.inf, 0.5, np.inf),
    "all -1e308, below 0.5": polygons(-1e308, -np.inf, 0.5),
    "all -inf,   below 0.5": polygons(-np.inf, -np.inf, 0.5),
}
print("contourpy", contourpy.__version__)
for case, count in seen.items():
    print(f"  {case}: {count} polygons")
if list(seen.values()) != [1, 0, 1, 0]:
    raise SystemExit("contourpy behaves otherwise than recorded here")
PYTHON
