#!/usr/bin/env bash
# linear_operator 0.6.1: logdet is exact up to 800 rows and a random estimate from 801 on.
#
# Guess:  logdet of a dense positive definite matrix is a number of the matrix: two calls agree, and one
#         row more changes it a little.
# Seen:   at 800 rows three calls agree with the truth to rounding; at 801 rows three calls give three
#         numbers, and solve, exact to rounding before, is wrong by tens of per cent in its small entries.
#         From 801 rows on settings.max_cholesky_size switches to Lanczos with 10 probes and to conjugate
#         gradients with a tolerance of 1.
# Matters: evidence and log determinants of Hessians are compared between models of different size;
#         differences across the border are noise, and a finite difference of logdet has no meaning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" \
    "linear-operator==0.6.1" "torch==2.13.0" "numpy==2.4.6" "scipy==1.17.1" 2>/dev/null
PYTHONPATH="$folder" python3 -W ignore - <<'PYTHON'
import linear_operator
import torch

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)


def measured(rows):
    values = torch.linspace(1, 1e4, rows)
    operator = linear_operator.to_linear_operator(torch.diag(values))
    calls = [float(operator.logdet()) for _ in range(3)]
    solution = operator.solve(torch.ones(rows, 1)).squeeze()
    return calls, float(values.log().sum()), float((solution * values - 1).abs().max())


print("linear_operator", linear_operator.__version__)
seen = {}
for rows in (800, 801):
    seen[rows] = calls, truth, error = measured(rows)
    shown = ", ".join(f"{value:.3f}" for value in calls)
    print(
        f"  {rows} rows: logdet {shown}, truth {truth:.3f}; largest relative error of solve {error:.0e}"
    )
(exact, truth, small), (noisy, _, large) = seen[800], seen[801]
agree = max(abs(value - truth) for value in exact) < 1e-6 and small < 1e-9
if not agree or max(noisy) - min(noisy) < 0.1 or large < 0.1:
    raise SystemExit("linear_operator behaves otherwise than recorded here")
PYTHON
