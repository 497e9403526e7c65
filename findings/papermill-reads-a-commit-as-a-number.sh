#!/usr/bin/env bash
# papermill 2.7.0: -p commit 7362e10 hands the notebook 73620000000000.0, and -p day 2026_11_30 20261130.
#
# Guess:  -p makes numbers of what a person would write as a number, and leaves names, dates and hashes
#         alone. The same text after -p and in -y means the same.
# Seen:   -p tries Python's int and float on every value: digits with underscores are integers, and a hash
#         of digits with one e, or the names nan and infinity, are floats. -y "lr: 1e-3", in turn, is the
#         text "1e-3", which -p reads as 0.001.
# Matters: one abbreviated hash of seven characters in eighteen is all digits, or digits around one e, so
#         a report keyed by commit breaks now and then. Learning rates from YAML arrive as text. -r leaves
#         text alone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder/packages" "papermill==2.7.0" 2>/dev/null
cd "$folder"
cat > in.ipynb <<'JSON'
{"nbformat": 4, "nbformat_minor": 5,
 "metadata": {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}},
 "cells": [{"cell_type": "code", "id": "first", "execution_count": null, "outputs": [],
            "metadata": {"tags": ["parameters"]}, "source": "commit = day = name = raw = lr = rate = ''"}]}
JSON
export PYTHONPATH="$folder/packages"
python3 -m papermill in.ipynb out.ipynb --prepare-only \
    -p commit 7362e10 -p day 2026_11_30 -p name nan -p lr 1e-3 -y "rate: 1e-3" -r raw 7362e10 2>/dev/null
python3 - <<'PYTHON'
import json
from importlib.metadata import version

cells = json.load(open("out.ipynb"))["cells"]
seen = {}
exec("".join(cells[1]["source"]), seen)
names = ("commit", "day", "name", "lr", "rate", "raw")
print("papermill", version("papermill"))
for name in names:
    print(f"  {name}: {seen[name]!r}")
expected = ["73620000000000.0", "20261130", "nan", "0.001", "'1e-3'", "'7362e10'"]
if [repr(seen[name]) for name in names] != expected:
    raise SystemExit("papermill behaves otherwise than recorded here")
PYTHON
