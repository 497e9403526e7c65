#!/usr/bin/env bash
# matplotlib 3.11.2: clabel writes 1, 2 and 5 on the contours 1e-6, 2e-6 and 5e-6.
#
# Guess:  the label is the level, "1e-06" or "0.000001", as an axis shows the factor 1e-6 at its end.
# Seen:   "1", "2", "5". The default formatter takes the common power of ten out, for an axis to print at
#         its end, and a contour has no end to print it at. Levels of 1e-4 and more are written in full.
# Matters: losses near zero, where trained networks are, get labels that are wrong by a factor of a
#         million, and the picture shows no sign of it. fmt="%g" writes the level.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" "matplotlib==3.11.2" "numpy==2.4.6" 2>/dev/null
MPLBACKEND=agg MPLCONFIGDIR="$folder" PYTHONPATH="$folder" python3 - <<'PYTHON'
import matplotlib
import matplotlib.pyplot as plt
import numpy as np

x, y = np.meshgrid(np.linspace(-1, 1, 41), np.linspace(-1, 1, 41))


def labels(scale, **options):
    figure, axis = plt.subplots()
    lines = axis.contour(x, y, scale * 10 * (x**2 + y**2), levels=scale * np.array([1.0, 2.0, 5.0]))
    texts = axis.clabel(lines, **options)
    figure.canvas.draw()
    everything = {text.get_text() for text in figure.findobj(matplotlib.text.Text)}
    factor = any("1e" in text or "10^" in text or "×" in text for text in everything)
    plt.close(figure)
    return sorted(text.get_text() for text in texts), factor


print("matplotlib", matplotlib.__version__)
seen = {}
for scale in (1e-2, 1e-6):
    seen[scale] = texts, factor = labels(scale)
    print(f"  levels 1, 2 and 5 times {scale:g}: labels {texts}, a factor anywhere: {factor}")
written, _ = labels(1e-6, fmt="%g")
print(f"  the same with fmt='%g': {written}")
right = seen[1e-2][0] == ["0.01", "0.02", "0.05"] and written == ["1e-06", "2e-06", "5e-06"]
if not right or seen[1e-6] != (["1", "2", "5"], False):
    raise SystemExit("matplotlib behaves otherwise than recorded here")
PYTHON
