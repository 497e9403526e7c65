"""Forest plots of judgements: an overview of all claims, and one of each claim with its checks."""

import io
import re
from collections.abc import Sequence

import matplotlib
import matplotlib.figure
import matplotlib.style
from landscape.plots.forest import ForestPanel
from landscape.plots.forest import forest as draw_forest
from landscape.plots.style import STYLES, maths

from studies.display import Bundle, Figure
from studies.figures.forest_rows import (
    AXES,
    check_rows,
    legend_names,
    measured_row,
    panel_titles,
    panels_of,
)
from studies.formatting import list_text
from studies.judging.claim_rows import by_claim, claim_evidence, claim_headline
from studies.judging.rows import trial_sentence
from studies.judging.sentences import sentence
from studies.judging.verdicts import Judgement
from studies.placed import Placed

_FIRST, _ROWS = 22, 30  # Of the first figure, which shares a page with text, and of the others.
_READ = (
    "The point is the estimate, the thin line its 95% interval, the thick line the 90% interval; "
    "the vertical line is the border of the claim, and within the grey band two numbers count as "
    "equal."
)
# A font's name at each text is a quarter of a picture that holds little else.
_REPEATED = (
    ("font-family: 'DejaVu Sans', sans-serif; ", ""),
    ("<svg ", "<svg font-family=\"'DejaVu Sans', sans-serif\" "),
)
_UNTURNED = re.compile(r' transform="rotate\(-0 [^)]*\)"')
_SYMBOL = re.compile(r"λ_(max|min)")
_TRIAL = "Trial on other data, no evidence."


class ClaimForest(Placed):
    """A claim of a source with its parts: a forest plot, and facts as text.

    The report puts it into the row of the claim in its opening table.

    Args:
        claim: Such as ``S1.4``.
        figure: The forest plot; None where nothing was measured.
        facts: Markdown that says the same.
        alt: What the picture shows, in plain text.
        evidence: Labels of figures and tables that show what judges the claim.
    """

    def __init__(
        self,
        claim: str,
        figure: matplotlib.figure.Figure | None,
        *,
        facts: str,
        alt: str,
        evidence: Sequence[str] = (),
    ) -> None:
        self.claim, self.figure, self.alt = claim, figure, alt
        self.facts, self.evidence = maths(facts), list(evidence)
        self.label = f"verdict-{claim}"

    def svg(self) -> str:
        """Return the picture as SVG, with letters as text: a page holds a picture a claim.

        Raises:
            ValueError: If nothing was measured, so that there is no picture.
        """
        if self.figure is None:
            raise ValueError(f"nothing of {self.claim} was measured, so there is no picture.")
        buffer = io.StringIO()
        with matplotlib.style.context([*STYLES, {"svg.fonttype": "none"}]):
            matplotlib.rcParams["svg.hashsalt"] = self.label
            self.figure.savefig(buffer, format="svg", metadata={"Date": None})
        return _lighter(buffer.getvalue())

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Bundle:
        carried = {
            "kind": "claim",
            "claim": self.claim,
            "label": self.label,
            "alt": self.alt,
            "evidence": self.evidence,
            "place": self.place,
        }
        data = {"text/markdown": self.facts, "text/plain": self.facts}
        if self.figure is not None:
            data["image/svg+xml"] = self.svg()
        return data, {"landscape": carried}


def _lighter(svg: str) -> str:
    """Return an SVG with what its texts repeat said once, and λ_max typeset."""
    for repeated, short in _REPEATED:
        svg = svg.replace(repeated, short)
    svg = _UNTURNED.sub("", svg)
    return _SYMBOL.sub(
        r'<tspan font-style="italic">λ</tspan><tspan font-size="70%">\1</tspan>', svg
    )


def claim_forest(parts: Sequence[Judgement], *, evidence: bool = True) -> ClaimForest:
    """Return a claim of a source: each part as measured, and below it its checks.

    Args:
        parts: The judgements of all its atomic claims.
        evidence: Whether the numbers are evidence; if not, nothing is said of the claim.
    """
    claim = parts[0].claim.claim
    rows = []
    for judgement in parts:
        findings = [(f, measured_row(judgement, f, evidence=evidence)) for f in judgement.findings]
        checked = judgement.all_findings[len(judgement.findings) :]
        rows += [*findings, *zip(checked, check_rows(judgement, evidence=evidence), strict=True)]
    panels = panels_of(rows, titles=False)
    names = legend_names(evidence=evidence)
    figure = draw_forest(panels, groups=names, mathematics=False) if panels else None
    return ClaimForest(
        claim,
        figure,
        facts=_facts(parts, evidence=evidence),
        alt=f"Forest plot of {claim}: every relation that judges it, with two intervals, against "
        "the border of the claim.",
        evidence=claim_evidence(parts),
    )


def claim_forests(judgements: Sequence[Judgement], *, evidence: bool = True) -> list[ClaimForest]:
    """Return each claim of a source with its parts and checks.

    Args:
        judgements: The judgements, of whole claims.
        evidence: As for ``claim_forest``.
    """
    return [claim_forest(parts, evidence=evidence) for parts in by_claim(judgements).values()]


def overview_forests(
    judgements: Sequence[Judgement], *, label: str, evidence: bool = True
) -> list[Figure]:
    """Return figures of all atomic claims as the sources measured them, grouped by kind.

    Args:
        judgements: The judgements.
        label: Such as ``fig-all``; figures after the first get a number behind it.
        evidence: Whether the numbers are evidence; if not, nothing is said of the claims.
    """
    rows = [
        (finding, measured_row(judgement, finding, strong=False, evidence=evidence))
        for judgement in judgements
        for finding in judgement.findings
    ]
    order = list(AXES)
    rows.sort(key=lambda pair: order.index(k) if (k := pair[0].relation.kind) in order else 99)
    figures = []
    for number, page in enumerate(_pages(panels_of(rows)), start=1):
        counts = sum(len(panel.rows) for panel in page)
        figures.append(
            Figure(
                draw_forest(page, groups=legend_names(evidence=evidence)),
                label=label if number == 1 else f"{label}-{number}",
                caption=_caption(page, evidence=evidence),
                alt=f"Forest plot of {panel_titles(page)}: {counts} estimates with two intervals, "
                "against the border of each claim.",
            )
        )
    return figures


def _caption(page: Sequence[ForestPanel], *, evidence: bool) -> str:
    rows = [row for panel in page for row in panel.rows]
    if not evidence:
        return f"{_TRIAL} {len(rows)} relations were measured: {panel_titles(page)}. {_READ}"
    counts = {name: sum(row.group == name for row in rows) for name in legend_names(evidence=True)}
    told = [f"{counts.pop('as claimed')} of {len(rows)} relations lie as claimed"]
    told += [_counted(count, name) for name, count in counts.items() if count]
    return f"As the sources measured them, {list_text(told)}. {_READ}"


def _counted(count: int, name: str) -> str:
    several = count > 1
    verbs = {
        "against the claim": "lie against the claim" if several else "lies against the claim",
        "no difference": f"show{'' if several else 's'} no difference",
        "undecided": f"{'are' if several else 'is'} undecided",
    }
    return f"{count} {verbs[name]}"


def _facts(parts: Sequence[Judgement], *, evidence: bool) -> str:
    lines = [f"**{parts[0].claim.claim}.** {claim_headline(parts) if evidence else _TRIAL}", ""]
    tell = sentence if evidence else trial_sentence
    return "\n".join([*lines, *(f"- {one.claim.id}: {tell(one)}" for one in parts)])


def _pages(panels: Sequence[ForestPanel]) -> list[list[ForestPanel]]:
    """Return panels in groups that fit a page each; the first is smaller."""
    pages: list[list[ForestPanel]] = []
    for panel in panels:
        rows = sum(len(other.rows) for other in pages[-1]) if pages else _ROWS
        if rows + len(panel.rows) > (_FIRST if len(pages) == 1 else _ROWS):
            pages.append([])
        pages[-1].append(panel)
    return pages
