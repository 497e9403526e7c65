"""What the README says of verdicts is written by code, short, and checked."""

import json

import pytest

from report.errors import ReportError
from report.readme import figures, problems, write_blocks
from report.verdicts import Highlight, Verdicts, read_verdicts
from tests import sample_report as sample

CLAIMS = [
    {
        "claim": "S1.2",
        "source": "S1",
        "statement": "BN raises the largest eigenvalue.",
        "finding": "λ_max is 1.52 times as large with BN (1.20 to 1.91, n = 5).",
        "verdict": "reproduced",
    },
    {
        "claim": "S1.3",
        "source": "S1",
        "statement": "a|b\nc",
        "finding": "No study measures it.",
        "verdict": "not judged",
    },
]
HIGHLIGHT = {
    "title": "BN sharpens",
    "text": "λ_max is 1.52 times as large. More words.",
    "brief": "BN sharpens networks: λ_max is 1.52 times as large.",
    "claims": ["S1.2"],
    "figure": "01_bn/fig-a",
}
WRITTEN = """\
# Title

<!-- answer:begin -->
- **BN sharpens networks**: λ_max is 1.52 times as large (S1.2).
<!-- answer:end -->
<!-- figure:begin -->
![BN sharpens](report/published/figures/01_bn/fig-a.svg)
<!-- figure:end -->
<!-- verdicts:begin -->
| Claim of a source | Finding | Verdict |
|---|---|---|
| S1.2 BN raises the largest eigenvalue. \
| λ_max is 1.52 times as large with BN (1.20 to 1.91, n = 5). | **reproduced** |
| S1.3 a\\|b c | No study measures it. | **not judged** |

1 of the sources' 2 claims have a verdict so far.
<!-- verdicts:end -->

Text.
"""


@pytest.fixture
def root(tmp_path):
    """A project with two published claims and a README whose places are empty."""
    path = tmp_path / "report" / "published" / "verdicts.json"
    path.parent.mkdir(parents=True)
    rows = {"judgements": [sample.JUDGEMENTS[1]], "claims": CLAIMS, "highlights": [HIGHLIGHT]}
    path.write_text(json.dumps(rows))
    (tmp_path / "README.md").write_text(f"# Title\n\n{sample.readme_places()}\nText.\n")
    return tmp_path


def test_the_readme_has_the_answer_the_figure_and_a_row_for_each_claim(root):
    write_blocks(root)
    assert (root / "README.md").read_text() == WRITTEN
    write_blocks(root)
    assert (root / "README.md").read_text() == WRITTEN and problems(root) == []


def test_the_figure_is_that_of_the_first_finding_and_those_in_the_text(root):
    verdicts = read_verdicts(root / "report" / "published" / "verdicts.json")
    assert figures(root, verdicts) == [("01_bn", "fig-a")]
    readme = root / "README.md"
    readme.write_text(readme.read_text() + "![B](report/published/figures/03_x/fig-b.svg)\n")
    assert figures(root, verdicts) == [("01_bn", "fig-a"), ("03_x", "fig-b")]
    shown = Highlight("BN", "It rises.", (), "02_y/fig-c")
    assert figures(root, Verdicts(highlights=(shown,)))[0] == ("02_y", "fig-c")


@pytest.mark.parametrize(("before", "after"), [("1.52", "1.62"), ("**repro", "**contra")])
def test_a_stale_readme_is_said_with_the_remedy(root, before, after):
    write_blocks(root)
    readme = root / "README.md"
    assert before in readme.read_text()
    readme.write_text(readme.read_text().replace(before, after, 1))
    (said,) = problems(root)
    assert "README.md: what it says of verdicts is not what" in said and "P=--table" in said


def test_a_long_readme_and_a_long_cell_are_problems(root):
    write_blocks(root)
    readme = root / "README.md"
    readme.write_text(readme.read_text() + "\n" * 250 + f"| {'x' * 161} | b |\n")
    lines, cell = problems(root)
    assert "lines, more than 250" in lines and "a cell has 161 characters, more than 160" in cell


def test_without_published_verdicts_there_is_nothing_to_check(root, capsys):
    (root / "report" / "published" / "verdicts.json").unlink()
    assert problems(root) == []
    assert "no verdicts are published yet" in capsys.readouterr().out
    write_blocks(root)
    assert "No claim has a verdict yet." in (root / "README.md").read_text()


@pytest.mark.parametrize("name", ["answer", "figure", "verdicts"])
def test_a_readme_without_a_place_is_an_error(root, name):
    readme = root / "README.md"
    readme.write_text(readme.read_text().replace(f"<!-- {name}:end -->", ""))
    with pytest.raises(ReportError, match=f"README.md must hold the lines <!-- {name}:begin"):
        write_blocks(root)
    assert "must hold the lines" in problems(root)[0]
