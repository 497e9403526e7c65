"""The machinery of this report: what studies record, how claims are judged, how it is told."""

from pathlib import Path

from landscape.store.fingerprint import read_code

# What of this package computes results is known by its content, as the library is.
read_code(Path(__file__).parent)
