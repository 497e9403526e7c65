#!/usr/bin/env bash
# typst 0.15.2: str(-1.5) is not "-1.5": its sign is U+2212, which other languages cannot read as a number.
#
# Guess:  str is for machines and writes "-1.5" with the hyphen of the keyboard; the typographic minus comes
#         where a number is set as text.
# Seen:   str writes U+2212, for integers as well, so str(-1.5) == "-1.5" is false; repr writes the hyphen.
#         Typst's own float reads both, Python's float refuses U+2212.
# Matters: keys, file names and numbers that a document computes and hands on (metadata and query) fail for
#         negative values only: a change of a loss, a smallest eigenvalue.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" "typst==0.15.2" 2>/dev/null
cd "$folder"
cat > numbers.typ <<'TYPST'
#metadata((
  str: str(-1.5), int: str(-2), repr: repr(-1.5), same: str(-1.5) == "-1.5",
  back: float(str(-1.5)), hyphen: float("-1.5"), positive: str(1.5) == "1.5",
)) <numbers>
TYPST
PYTHONPATH="$folder" python3 - <<'PYTHON'
import json
from importlib.metadata import version

import typst

seen = json.loads(typst.query("numbers.typ", "<numbers>", field="value", one=True))


def readable(text):
    try:
        return float(text) == -1.5
    except ValueError:
        return False


print("typst", version("typst"))
for name in ("str", "int", "repr"):
    print(f"  {name}: {seen[name]!a}")
print(f"  str(-1.5) == '-1.5': {seen['same']}, str(1.5) == '1.5': {seen['positive']}")
print(f"  float in Typst of both: {seen['back']}, {seen['hyphen']}")
print(f"  float in Python of str: {readable(seen['str'])}, of repr: {readable(seen['repr'])}")
expected = {"str": "\u22121.5", "int": "\u22122", "repr": "-1.5", "same": False}
expected |= {"back": -1.5, "hyphen": -1.5, "positive": True}
if seen != expected or readable(seen["str"]) or not readable(seen["repr"]):
    raise SystemExit("typst behaves otherwise than recorded here")
PYTHON
