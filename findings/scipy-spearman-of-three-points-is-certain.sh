#!/usr/bin/env bash
# scipy 1.17.1: three points in order have a Spearman correlation with p = 0; among six orders that is
# 1/3.
#
# Guess:  scipy counts the orders of small samples, as kendalltau and mannwhitneyu do by default: p = 1/3
#         for three points, 1/12 for four.
# Seen:   0.0 in both cases: the p-value is Student's, which has no mass left at a correlation of 1. It is
#         below any level, however many comparisons are corrected for. kendalltau and permutation_test are
#         right.
# Matters: with one number for each of three or four networks "perfectly ranked" happens by chance in one
#         study of three, and spearmanr calls it certain.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" "scipy==1.17.1" "numpy==2.4.6" 2>/dev/null
PYTHONPATH="$folder" python3 - <<'PYTHON'
import math

import scipy
from scipy import stats


def counted(x, y):
    def statistic(shuffled):
        return stats.spearmanr(shuffled, y).statistic

    return stats.permutation_test((x,), statistic, permutation_type="pairings").pvalue


print("scipy", scipy.__version__)
fine = True
for count in (3, 4):
    x, y = [float(i) for i in range(count)], [float(i * i) for i in range(count)]
    spearman = float(stats.spearmanr(x, y).pvalue)
    kendall = float(stats.kendalltau(x, y).pvalue)
    exact, truth = float(counted(x, y)), 2 / math.factorial(count)
    print(f"  {count} points in order: spearmanr p = {spearman}, kendalltau p = {kendall:.4f},")
    print(f"    permutation_test of spearmanr p = {exact:.4f}, counted by hand {truth:.4f}")
    fine &= spearman == 0 and abs(kendall - truth) < 1e-9 and abs(exact - truth) < 1e-9
if not fine:
    raise SystemExit("scipy behaves otherwise than recorded here")
PYTHON
