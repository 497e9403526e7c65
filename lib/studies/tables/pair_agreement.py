"""Tables of sign agreement: by environment, and with p-values."""

import math
from collections.abc import Mapping, Sequence

from studies.display import Table
from studies.formatting import number_text
from studies.prediction import PREDICTORS
from studies.sign_agreement import SignAgreement
from studies.tables.layout import table_of


def agreements(
    results: Mapping[str, SignAgreement], predictors: Sequence[str], *, label: str, caption: str
) -> Table:
    """Return a table of mean, worst environment and corrected p-value, a row a predictor.

    Args:
        results: Heading, such as the outcome -> the agreement.
        predictors: Columns among ``prediction.PREDICTORS``.
        label: Such as ``tab-agreement``.
        caption: What to see.
    """
    columns = ["predictor", "arms"]
    for heading in results:
        columns += [heading, "worst", "p"]
    rows = []
    for name in predictors:
        first = next(iter(results.values()))
        row = [PREDICTORS[name], str(first.arms[first.place(name)])]
        for result in results.values():
            row += _cells(result, name)
        rows.append(row)
    return table_of(columns, rows, label=label, caption=caption)


def environments(
    result: SignAgreement, predictors: Sequence[str], *, label: str, caption: str
) -> Table:
    """Return a table of the sign agreement in each environment.

    Args:
        result: The agreement.
        predictors: Columns among ``prediction.PREDICTORS``.
        label: Such as ``tab-environments``.
        caption: What to see.
    """
    places = [result.place(name) for name in predictors]
    rows = []
    for number, environment in enumerate(result.environments):
        values = result.values[places, number]
        if any(map(math.isfinite, values)):
            pairs = str(result.pairs[places, number].max())
            rows.append([environment.replace("_", " "), pairs, *map(_psi, values)])
    columns = ["environment", "pairs", *(PREDICTORS[name] for name in predictors)]
    return table_of(columns, rows, label=label, caption=caption)


def _cells(result: SignAgreement, name: str) -> list[str]:
    mean = result.mean(name)
    if not math.isfinite(mean):
        return ["–", "–", "–"]
    low, high = result.interval(name)
    interval = f" ({_psi(low)} to {_psi(high)})" if high - low > 1e-12 else ""
    p = result.p_adjusted[result.place(name)]
    return [f"{_psi(mean)}{interval}", _psi(result.worst(name)[1]), number_text(float(f"{p:.1g}"))]


def _psi(value: float) -> str:
    return number_text(round(float(value), 2) + 0.0) if math.isfinite(value) else "–"  # No −0.
