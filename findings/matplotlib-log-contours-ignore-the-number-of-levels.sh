#!/usr/bin/env bash
# matplotlib 3.11.2: contourf of a surface within one decade, with LogNorm and levels=20, is one flat
# colour.
#
# Guess:  levels=20 asks for about twenty levels, spaced in the logarithm, as it asks for twenty spaced
#         evenly without LogNorm.
# Seen:   the levels are powers of ten whatever the number: [1, 10] for values from 1.1 to 8.9, so one
#         band and no inner line. np.geomspace as levels draws the twenty.
# Matters: a loss plane in log colours loses its basin: between 0.2 and 0.9 everything is one colour, and
#         asking for more levels changes nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" "matplotlib==3.11.2" "numpy==2.4.6" 2>/dev/null
MPLBACKEND=agg MPLCONFIGDIR="$folder" PYTHONPATH="$folder" python3 - <<'PYTHON'
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm

x, y = np.meshgrid(np.linspace(-1, 1, 41), np.linspace(-1, 1, 41))
bowl = 1.1 + 3.9 * (x**2 + y**2)  # From 1.1 to 8.9.


def bands(levels, norm):
    _, axis = plt.subplots()
    drawn = axis.contourf(x, y, bowl, levels=levels, norm=norm)
    colours = {
        tuple(c)
        for c, p in zip(drawn.get_facecolor(), drawn.get_paths(), strict=True)
        if len(p.vertices)
    }
    plt.close("all")
    return len(colours), len(drawn.levels) - 1


seen = {
    "levels=20": bands(20, None),
    "levels=20, LogNorm": bands(20, LogNorm()),
    "levels=5, LogNorm": bands(5, LogNorm()),
    "levels=geomspace(1.1, 8.9, 21), LogNorm": bands(np.geomspace(1.1, 8.9, 21), LogNorm()),
}
print("matplotlib", matplotlib.__version__)
for name, (colours, count) in seen.items():
    print(f"  {name}: {count} bands, {colours} colours drawn")
plain, twenty, five, spaced = seen.values()
if plain[0] < 10 or twenty != (1, 1) or five != (1, 1) or spaced != (20, 20):
    raise SystemExit("matplotlib behaves otherwise than recorded here")
PYTHON
