#!/usr/bin/env bash
# nbformat 5.11.1: with rfc3987-syntax installed, importing nbformat takes fifty times as many calls.
#
# Guess:  an optional package that checks one format of strings costs nothing until a schema asks for that
#         format; importing nbformat takes the same time with and without it.
# Seen:   jsonschema 4.26.0 imports rfc3987-syntax 1.1.0 while it is imported itself, and that builds a
#         grammar of internationalised addresses with lark: 3.4 million calls in place of 0.07 million,
#         seconds in place of tenths. No schema of notebooks names a format at all. JupyterLab brings the
#         package.
# Matters: every short process that reads a notebook of numbers pays it: a test, a worker, a command line.
#         Whoever measures start-up sees a tenfold change between two environments with the same nbformat.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder/packages" "nbformat==5.11.1" "jsonschema==4.26.0" 2>/dev/null
python3 -m pip install --quiet --target "$folder/syntax" "rfc3987-syntax==1.1.0" "lark==1.3.1" 2>/dev/null

run() {  # Folders of packages -> calls while nbformat is imported, whether lark is, formats of the schemas.
    PYTHONPATH="$1" python3 - <<'PYTHON'
import json
import sys
from pathlib import Path

calls = 0


def count(frame, event, argument):
    global calls
    calls += event == "call"


def formats(schema):
    found, parts = set(), schema
    if isinstance(schema, dict):
        found = {schema["format"]} if isinstance(schema.get("format"), str) else set()
        parts = schema.values()
    return found.union(*(formats(part) for part in parts if isinstance(part, (dict, list))))


sys.setprofile(count)
import nbformat

sys.setprofile(None)
schemas = sorted(Path(nbformat.__file__).parent.glob("v*/*.schema.json"))
asked = set().union(*(formats(json.loads(path.read_text())) for path in schemas))
print(calls, "lark" in sys.modules, len(schemas) > 0, sorted(asked))
PYTHON
}

without=$(run "$folder/packages")
with=$(run "$folder/packages:$folder/syntax")
echo "nbformat 5.11.1"
echo "  without rfc3987-syntax: calls, lark imported, schemas found, formats they name: $without"
echo "  with rfc3987-syntax:    calls, lark imported, schemas found, formats they name: $with"
if [ "${without#* }" != "False True []" ] || [ "${with#* }" != "True True []" ] ||
    [ "${with%% *}" -lt $((10 * ${without%% *})) ]; then
    echo "nbformat behaves otherwise than recorded here"
    exit 1
fi
