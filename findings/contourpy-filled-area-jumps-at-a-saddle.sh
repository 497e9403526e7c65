#!/usr/bin/env bash
# contourpy 1.3.3: the filled area below a level triples when the level passes a saddle by 1e-6.
#
# Guess:  areas below a level follow the surface continuously: on the unit cell with values 0, 1, 1, 0
#         in turn, half of the cell lies below 0.5, and about half just under and just over it.
# Seen:   filled(-inf, level) covers 0.25 of the cell just under 0.5 and 0.75 at 0.5: the cell's polygon
#         has straight sides between the crossings of its edges, and the rule for saddles decides
#         whether two corners are cut off or joined. quad_as_tri=True, which adds the cell's middle as
#         a point, gives 0.5 on both sides.
# Matters: the width of a basin measured as the area of a sublevel set is wrong by up to half of each
#         saddle cell with the default options.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" "contourpy==1.3.3" "numpy==2.4.6" 2>/dev/null
PYTHONPATH="$folder" python3 - <<'PYTHON'
import contourpy
import numpy as np

SADDLE = np.array([[0.0, 1.0], [1.0, 0.0]])


def area(level, **options):
    generator = contourpy.contour_generator(
        z=SADDLE, name="serial", fill_type="OuterOffset", corner_mask=False, **options
    )
    total = 0.0
    for points, offsets in zip(*generator.filled(-np.inf, level), strict=True):
        for start, stop in zip(offsets[:-1], offsets[1:], strict=True):
            x, y = points[start:stop].T
            total += 0.5 * float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))
    return abs(total)


seen = {
    "default": (area(0.5 - 1e-6), area(0.5)),
    "quad_as_tri=True": (area(0.5 - 1e-6, quad_as_tri=True), area(0.5, quad_as_tri=True)),
}
print("contourpy", contourpy.__version__)
for options, (under, at) in seen.items():
    print(f"  {options}: area below 0.499999 is {under:.6f}, below 0.5 is {at:.6f}")
expected = {"default": (0.25, 0.75), "quad_as_tri=True": (0.5, 0.5)}
if not all(np.allclose(seen[name], expected[name], atol=1e-5) for name in expected):
    raise SystemExit("contourpy behaves otherwise than recorded here")
PYTHON
