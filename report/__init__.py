"""Building the report: the environment, the studies, and the one HTML file and PDF made of them."""

import sys

# nbformat imports jsonschema, which imports this grammar of addresses where JupyterLab put it.
# Building it takes a second of each process, and no schema of notebooks asks for an address.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # As if absent.
