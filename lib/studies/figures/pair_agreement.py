"""Sign agreement of predictors with outcomes, alone and with the training loss held equal."""

from collections.abc import Mapping, Sequence

from landscape.plots.dots import DotPanel, cuts_interval
from landscape.plots.dots import dots as draw_dots

from studies.display import Figure, Missing
from studies.prediction import PREDICTORS
from studies.sign_agreement import SignAgreement


def sign_agreements(
    results: Mapping[str, Mapping[str, SignAgreement]],
    predictors: Sequence[str],
    *,
    label: str,
    caption: str,
) -> Figure | Missing:
    """Return a panel for each outcome: mean sign agreement of predictors with 95% intervals.

    Args:
        results: Outcome in words -> what is held equal -> the agreement.
        predictors: Columns among ``prediction.PREDICTORS``, from top to bottom; what has no number
            is left out.
        label: Such as ``fig-agreement``.
        caption: What to see.
    """
    panels = [
        DotPanel(
            title=outcome,
            x="sign agreement ψ",
            dots={group: _dots(result, predictors) for group, result in groups.items()},
            reference=0.0,
        )
        for outcome, groups in results.items()
    ]
    if not any(rows for panel in panels for rows in panel.dots.values()):
        return Missing(label)
    cut = " An arrow marks an interval that goes on." if any(map(cuts_interval, panels)) else ""
    rows = [PREDICTORS[name] for name in predictors]
    return Figure(
        draw_dots(panels, columns=len(panels)),
        label=label,
        caption=f"{caption}{cut}",
        alt=f"Sign agreement with {' and '.join(results)} of {', '.join(rows)}.",
    )


def _dots(
    result: SignAgreement, predictors: Sequence[str]
) -> dict[str, tuple[float, float, float]]:
    return {
        PREDICTORS[name]: (result.mean(name), *result.interval(name))
        for name in predictors
        if name in result.predictors and result.mean(name) == result.mean(name)
    }
