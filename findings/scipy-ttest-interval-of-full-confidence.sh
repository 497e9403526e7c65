#!/usr/bin/env bash
# scipy 1.17.1: Student's interval at confidence 1.0 is (inf, inf) and holds no number at all.
#
# Guess:  (-inf, inf), as scipy.stats.t.interval(1.0, ...) gives it: with full confidence every mean is
#         possible.
# Seen:   ttest_1samp, ttest_rel and ttest_ind return (inf, inf). The lower end comes from
#         scipy.special.stdtrit(df, 0.0), which is +inf; stats.t.ppf(0, df) is -inf, and stdtrit(df, 1e-300)
#         is a large negative number.
# Matters: confidences split over many comparisons are computed, and may round to 1.0. An interval that
#         should hold everything then lies above every border, and a claim looks confirmed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" "scipy==1.17.1" "numpy==2.4.6" 2>/dev/null
PYTHONPATH="$folder" python3 - <<'PYTHON'
import math

import scipy
from scipy import special, stats

samples, others = [2.0, 3.0, 5.0], [1.0, 1.5, 2.5]
seen = {
    "ttest_1samp": stats.ttest_1samp(samples, 0).confidence_interval(1.0),
    "ttest_rel": stats.ttest_rel(samples, others).confidence_interval(1.0),
    "ttest_ind": stats.ttest_ind(samples, others).confidence_interval(1.0),
}
right = stats.t.interval(1.0, 2, loc=0.0, scale=1.0)
print("scipy", scipy.__version__)
for name, interval in seen.items():
    print(f"  {name} at confidence 1.0: ({interval.low}, {interval.high})")
print(f"  t.interval at confidence 1.0: ({right[0]}, {right[1]})")
print(f"  stdtrit(2, 0.0) = {special.stdtrit(2, 0.0)}, t.ppf(0.0, 2) = {stats.t.ppf(0.0, 2)}")
same = all((interval.low, interval.high) == (math.inf, math.inf) for interval in seen.values())
if not same or tuple(right) != (-math.inf, math.inf):
    raise SystemExit("scipy behaves otherwise than recorded here")
PYTHON
