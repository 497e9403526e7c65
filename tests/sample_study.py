"""What the ``study`` of a test wrote."""

import csv


def rows_of(folder, name="measurements.csv"):
    """Return the rows of a results file below a test's folder."""
    path = folder / "build" / "paper" / "results" / "09_tests" / name
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
