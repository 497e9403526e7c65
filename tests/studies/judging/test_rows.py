"""Rows: plain values without NaN, and the summary of a claim."""

import json
import math

import numpy as np
import pytest
from studies.judging import rows
from studies.judging.associations import correlation
from studies.judging.atomic_claims import AtomicClaim
from studies.judging.relations import level, ratio
from studies.judging.rules import CHECKS, Rule
from studies.judging.sentences import sentence
from studies.judging.verdicts import Judgement, judge

CLAIM = AtomicClaim("S1.2a", "S1", "S1.2", "BN raises λ", (1.5,), "57 against 37", "Fashion-MNIST")
SHAPE = np.array([-1.2, -0.6, -0.1, 0.3, 0.4, 1.2])


def times(factor, sd=0.1):
    return ratio("λ", factor * np.exp(sd * SHAPE), np.ones(6), contrast="with BN")


UP, DOWN, EQUAL, OPEN = times(2), times(0.5), times(1), times(1.2, 0.9)


def judged(measured=UP, **options):
    return judge(CLAIM, Rule("S1.2a", "above", measured, **options))


def documented(part):
    """The keys that the module's docstring lists in one of its two blocks."""
    block = rows.__doc__.split("::\n")[part].split("\n\n")[0]
    lines = [line[4:] for line in block.splitlines() if line[4:5].strip()]
    names = [line.split("  ")[0] for line in lines]
    return {name.strip() for line in names for name in line.split(",") if name.strip()}


def test_a_row_has_the_documented_keys_and_no_nan():
    judgement = judged(
        checks={"training loss": EQUAL, "scale": times(math.nan), "size": "one size only"},
        former="inconclusive",
        reason_of_change="it had no word for no effect",
        commit="abc",
        setting="fewer epochs",
    )
    row = rows.row(judgement)
    again = json.loads(json.dumps(row, allow_nan=False))
    assert again == row and set(row) == documented(1)
    assert set(row["findings"][0]) == documented(2)
    assert (row["verdict"], row["headline"]) == ("reproduced", "explained by the training loss")
    assert row["sentence"] == sentence(judgement)
    assert (row["source_setting"], row["setting"]) == ("Fashion-MNIST", "fewer epochs")
    assert list(row["checks"]) == list(CHECKS) and row["depends_on"] == ["training loss"]
    assert row["checks"]["size"] == {
        "word": "not run",
        "place": "at another size",
        "reason": "one size only",
        "findings": [],
    }
    assert row["checks"]["scale"]["findings"][0]["estimate"] is None
    assert row["size"] == {"word": "no", "numbers": [1.5], "text": "57 against 37"}
    assert row["rule"] == {
        "side": "above",
        "border": 1.0,
        "former": "inconclusive",
        "changed": True,
        "reason_of_change": "it had no word for no effect",
        "commit": "abc",
    }


def test_a_finding_has_what_a_forest_plot_needs():
    row = rows.row(judged(OPEN))["findings"][0]
    assert row["low"] < row["low90"] < row["estimate"] < row["high90"] < row["high"]
    assert (row["scale"], row["border"], row["neutral"]) == ("log", 1.0, 1.0)
    assert (row["margin"], row["margin_low"], row["margin_high"]) == (1.25, 0.8, 1.25)
    assert row["outcome"] == "undecided" and row["would_have_seen"] > 2
    assert row["would_have_seen_text"] in row["text"]
    assert rows.row(judged(UP))["findings"][0]["would_have_seen"] is None


def test_numbers_of_a_row_have_ten_digits():
    # What a processor makes of the last bits is no result.
    row = rows.row(judged(UP))["findings"][0]
    numbers = [value for value in row.values() if isinstance(value, float)]
    assert len(numbers) > 8 and all(value == float(f"{value:.10g}") for value in numbers)


def test_a_finding_without_margin_or_clusters_has_null():
    row = rows.row(judged(level("loss", [2.0, 2.1]), border=1.0))["findings"][0]
    assert row["margin"] is row["margin_low"] is row["p_equivalent"] is row["neutral"] is None
    assert row["clusters"] is None and row["scale"] == "linear" and row["equivalent"] is False
    x = np.arange(12.0)
    arms = correlation("λ", x, x, other="a", clusters=[0, 1, 2, 3, 4, 5] * 2)
    assert rows.row(judged(arms))["findings"][0]["clusters"] == 6


def test_a_claim_that_is_not_judged_has_a_row():
    row = rows.row(Judgement(CLAIM, None, "not judged", reason="Nobody trains it"))
    assert set(row) == documented(1) and row["rule"] is None and row["findings"] == []
    assert (row["reason"], row["headline"]) == ("Nobody trains it", "not judged")
    json.dumps(row, allow_nan=False)


@pytest.mark.parametrize(
    ("measured", "checks", "headline"),
    [
        (UP, {}, "holds"),
        (UP, {"size": OPEN}, "holds; open: size"),
        (UP, {"size": OPEN, "scale": OPEN}, "holds; open: scale and size"),
        (UP, {"size": OPEN, "scale": DOWN}, "explained by the scale"),
        (DOWN, {"size": EQUAL}, "contradicted"),
        (OPEN, {}, "undecided"),
        (UP, {"estimator": DOWN, "scale": DOWN}, "an artefact of the estimator"),
        (UP, {"scale": EQUAL, "training loss": DOWN}, "explained by the scale and training loss"),
        (UP, {"BN mode": DOWN}, "depends on the BN mode"),
        (UP, {"BN mode": DOWN, "scale": DOWN}, "depends on the BN mode and scale"),
    ],
)
def test_the_headline_of_a_claim(measured, checks, headline):
    assert rows.headline(judged(measured, checks=checks)) == headline


def test_a_trial_gives_numbers_and_no_word_on_a_claim():
    checks = {"size": OPEN, "scale": DOWN, "BN mode": "not measured"}
    options = {"former": "reproduced", "reason_of_change": "why"}
    judgement = judged(OPEN, checks=checks, **options)
    row = rows.trial_row(judgement)
    assert set(row) == documented(1) and set(row["findings"][0]) == documented(2)
    assert row["verdict"] == row["headline"] == row["size"]["word"] == rows.TRIAL
    assert [row["checks"][name]["word"] for name in ("size", "scale", "BN mode")] == [
        "trial",
        "trial",
        "not run",
    ]
    assert row["sentence"].startswith("λ with BN: ratio 1.2 (0.5 to 2.6, n = 6)")
    text = json.dumps(row)
    said = ("reproduced", "contradicted", "undecided", "holds", "gone", "reversed", "claimed")
    assert [word for word in said if word in text] == []
    assert (
        rows.trial_row(Judgement(CLAIM, None, "not judged", reason="Nobody trains it"))["sentence"]
        == "Nobody trains it."
    )
