"""What the report opens with: findings, an abstract, an example, and a sentence on each claim.

The words stand in a TOML file as templates (``templates``), so that code holds no result::

    [claims."S1.2"]         one sentence on a claim of a source: text, supposes
    [[highlights]]          a finding: title, topic, text, brief, claims, figure, supposes; brief is
                            its sentence of the abstract
    [example]               how to read a verdict: text, claim, supposes
    [abstract]              question, data, and counts, in which {claims}, {judged}, {reproduced},
                            {firm} (without a condition), {partly}, {contradicted} and {undecided}
                            are numbers of claims

Where judgements come out otherwise than a template supposes, the automatic sentences of its claims
stand in its place, under its topic, and a note says so.
"""

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from studies.judging.claim_rows import WORDS, claim_counts
from studies.judging.rows import headline
from studies.judging.sentences import sentence
from studies.judging.templates import Template
from studies.judging.verdicts import Judgement

NOTE = "*These sentences are automatic: the numbers no longer bear out the words written for them.*"
LONGEST_ABSTRACT = 150  # Words.
LONGEST_EXAMPLE = 90


@dataclasses.dataclass(frozen=True)
class Highlight:
    """A finding that the report opens with, as templates.

    Attributes:
        title: Its title, which states the finding.
        topic: The title where the words do not fit.
        text: Template of its text.
        brief: Template of its sentence in the abstract.
        claims: The claims of sources that it is about.
        figure: The label of the figure that shows it, such as ``01_bn_ablation/fig-sharpness``.
    """

    title: str
    topic: str
    text: Template
    brief: Template
    claims: tuple[str, ...]
    figure: str


@dataclasses.dataclass(frozen=True)
class Opening:
    """All templates of the report's opening.

    Attributes:
        claims: Claim of a source -> the sentence on it.
        highlights: The findings.
        example: How to read a verdict.
        example_claim: The claim that the example is about.
        abstract: ``question``, ``data`` and ``counts``.
    """

    claims: Mapping[str, Template]
    highlights: tuple[Highlight, ...]
    example: Template
    example_claim: str
    abstract: Mapping[str, str]

    def finding(self, claim: str, judgements: Mapping[str, Judgement]) -> str:
        """Return the sentence on a claim; empty where there is none or it does not fit.

        Args:
            claim: Such as ``S1.4``.
            judgements: Id -> judgement.
        """
        template = self.claims.get(claim)
        if template is None or not template.fits(judgements):
            return ""
        return template.write(judgements)

    def misfits(self, judgements: Mapping[str, Judgement]) -> list[str]:
        """Return the titles and claims whose words the judgements do not bear out.

        Args:
            judgements: Id -> judgement.
        """
        named = {
            **self.claims,
            **{highlight.title: highlight.text for highlight in self.highlights},
            "the example": self.example,
        }
        return [name for name, template in named.items() if not template.fits(judgements)]


def read_opening(path: Path) -> Opening:
    """Read the templates of the report's opening.

    Args:
        path: The TOML file; the module's docstring describes it.

    Raises:
        ValueError: If it is no TOML, a part is missing, or a template is none.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return Opening(
            claims={id: Template(**entry) for id, entry in content["claims"].items()},
            highlights=tuple(_highlight(**entry) for entry in content["highlights"]),
            example=Template(content["example"]["text"], content["example"]["supposes"]),
            example_claim=content["example"]["claim"],
            abstract=content["abstract"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path.name}: {error}. Write the tables claims, highlights, example and abstract as "
            "studies.judging.highlights describes them."
        ) from error


def highlight_rows(opening: Opening, judgements: Mapping[str, Judgement]) -> list[dict[str, Any]]:
    """Return the findings as rows: ``title``, ``text``, ``brief``, ``claims`` and ``figure``.

    ``brief`` is the finding in one sentence; empty where the judgements are not as it supposes.

    Args:
        opening: The templates.
        judgements: Id -> judgement.
    """
    rows = []
    for highlight in opening.highlights:
        title, text = highlight.title, ""
        if highlight.text.fits(judgements):
            text = highlight.text.write(judgements)
        else:
            title = highlight.topic
            ids = [id for id in highlight.text.supposes if id in judgements]
            text = " ".join([*(f"{id}: {sentence(judgements[id])}" for id in ids), NOTE])
        rows.append(
            {
                "title": title,
                "text": text,
                "brief": _brief(highlight, judgements),
                "claims": list(highlight.claims),
                "figure": highlight.figure,
            }
        )
    return rows


def abstract_text(
    opening: Opening, judgements: Mapping[str, Judgement], rows: Sequence[Mapping[str, Any]]
) -> str:
    """Return the abstract: question, data, counts, and the findings that fit.

    Args:
        opening: The templates.
        judgements: Id -> judgement.
        rows: The rows of the sources' claims, for the counts.

    Raises:
        ValueError: If it has more words than ``LONGEST_ABSTRACT``.
    """
    counts = {word: 0 for word in WORDS} | claim_counts(rows)
    numbers = {word.replace(" ", "_"): count for word, count in counts.items()}
    firm = sum(row["verdict"] == "reproduced" and not row["condition"] for row in rows)
    numbers |= {"firm": firm, "claims": len(rows), "judged": len(rows) - counts["not judged"]}
    parts = [opening.abstract["question"], opening.abstract["data"]]
    parts.append(opening.abstract["counts"].format(**numbers))
    briefs = (_brief(highlight, judgements) for highlight in opening.highlights)
    parts += [brief for brief in briefs if brief]
    text = " ".join(parts)
    _check_length("abstract", text, LONGEST_ABSTRACT)
    return text


def example_text(opening: Opening, judgements: Mapping[str, Judgement]) -> str:
    """Return how to read a verdict, on one example.

    Args:
        opening: The templates.
        judgements: Id -> judgement.

    Raises:
        ValueError: If it has more words than ``LONGEST_EXAMPLE``.
    """
    if opening.example.fits(judgements):
        text = opening.example.write(judgements)
    else:
        judgement = next(
            one for one in judgements.values() if one.claim.claim == opening.example_claim
        )
        text = f"{judgement.claim.id}: *{headline(judgement)}*. {sentence(judgement)} {NOTE}"
    _check_length("example", text, LONGEST_EXAMPLE)
    return text


def _brief(highlight: Highlight, judgements: Mapping[str, Judgement]) -> str:
    fits = highlight.brief.fits(judgements)
    return highlight.brief.write(judgements) if fits else ""


def _highlight(supposes, text, brief, claims, **words) -> Highlight:
    text, brief = (Template(one, supposes) for one in (text, brief))
    return Highlight(text=text, brief=brief, claims=tuple(claims), **words)


def _check_length(what: str, text: str, longest: int) -> None:
    if (words := len(text.split())) > longest:
        raise ValueError(
            f"the {what} has {words} words, and {longest} are allowed. Shorten its template."
        )
