"""Forest plots of judgements."""

import dataclasses

import pytest
from studies.figures.judged import ClaimForest, claim_forest, claim_forests, overview_forests
from studies.judging.claim_rows import by_claim
from studies.judging.relations import difference, ratio, share
from studies.judging.verdicts import Judgement

from tests.sample_judgements import SHAPE, judged, sample, times


def labels(figure, panel=0):
    return [text.get_text() for text in figure.axes[panel].get_yticklabels()]


def notes(figure, panel=0):
    return [text.get_text() for text in figure.axes[panel].texts]


def test_the_overview_has_a_panel_a_kind_and_no_check():
    (figure,) = overview_forests(sample(), label="fig-all")
    titles = [axis.get_title(loc="left") for axis in figure.figure.axes]
    assert titles == ["Ratios", "Differences of accuracy", "Loss"]
    assert len(labels(figure.figure)) == 4 and "2.00 (1.83 to 2.18)" in notes(figure.figure)
    assert figure.label == "fig-all"
    assert figure.caption.startswith(
        "As the sources measured them, 4 of 6 relations lie as claimed, 1 lies against the claim "
        "and 1 is undecided. The point is"
    )


@pytest.mark.slow
def test_many_rows_take_several_figures():
    many = [judged(f"S1.{n}", times(2.0)) for n in range(1, 41)]
    many += [judged(f"S2.{n}", share("nets learn", [True] * 6), border=0.1) for n in range(1, 9)]
    first, second = overview_forests(many, label="fig-all")
    assert (first.label, second.label) == ("fig-all", "fig-all-2")


def test_a_trial_says_nothing_of_a_claim():
    (figure,) = overview_forests(sample(), label="fig-all", evidence=False)
    forest = claim_forest([judged("S1.1", times(2.0), checks={"size": times(0.5)})], evidence=False)
    said = ("claimed", "against", "difference", "undecided", "holds", "reproduced")
    for one in (figure.figure, forest.figure):
        (legend,) = one.legends
        assert [text.get_text() for text in legend.get_texts()] == ["measured"]
    assert figure.caption.startswith("Trial on other data, no evidence.")
    assert [word for word in said if word in forest.facts] == []


def test_a_claim_has_its_parts_in_bold_and_its_checks_below():
    checks = {"BN mode": times(1.01, 0.02), "training loss": [times(2.2), times(1.5)]}
    checks["training loss"][1] = dataclasses.replace(
        times(1.5), contrast="with BN per unit of training loss"
    )
    parts = [judged("S1.1a", times(2.0), checks=checks), judged("S1.1b", times(0.5), border=1.5)]
    forest = claim_forest(parts)
    assert labels(forest.figure) == [
        "S1.1a λ_max",
        "under batch statistics",
        "at equal training loss",
        "per unit of training loss",
        "S1.1b λ_max (claimed > 1.5)",
    ]
    bold = [text.get_fontweight() == "bold" for text in forest.figure.axes[0].get_yticklabels()]
    assert bold == [True, False, False, False, True]
    assert forest.facts.startswith("**S1.1.** S1.1a: depends on the BN mode; S1.1b: contradicted")


def test_relations_that_are_claimed_together_are_told_apart():
    narrow, wide = (
        ratio("Width", f * 2 + 0.1 * SHAPE, [1.0] * 6, contrast=f"in CNNs of the {w} width")
        for f, w in ((1, "smaller"), (2, "larger"))
    )
    accuracy = difference("Test accuracy", 0.9 + 0.01 * SHAPE, [0.5] * 6)
    same, mixed = judged("S1.1", [narrow, wide]), judged("S1.2", [times(2.0), accuracy])
    named = [
        dataclasses.replace(one, claim=dataclasses.replace(one.claim, name="wider"))
        for one in (same, mixed)
    ]
    assert labels(claim_forest(named[:1]).figure) == [
        "S1.1 wider: smaller width",
        "S1.1 wider: larger width",
    ]
    assert labels(claim_forest(named[1:]).figure, panel=1) == ["S1.2 wider: test accuracy"]


def test_quantities_are_told_apart_by_the_words_in_which_they_differ():
    above, below, all_of_them = (
        ratio(f"networks that start{words}", 2 + 0.1 * SHAPE, [1.0] * 6)
        for words in (" above it", " below it", "")
    )
    pair, beginning = judged("S1.1", [above, below]), judged("S1.1", [above, all_of_them])
    for judgement, words in (
        (pair, ["above it", "below it"]),
        (beginning, ["above it", "networks that start"]),
    ):
        claim = dataclasses.replace(judgement.claim, name="wider")
        figure = claim_forest([dataclasses.replace(judgement, claim=claim)]).figure
        assert labels(figure) == [f"S1.1 wider: {word}" for word in words]


def test_what_contrasts_compare_with_is_not_said_in_each_row():
    deep, deeper = (
        ratio("κ", f + 0.1 * SHAPE, [1.0] * 6, contrast=f"in {w} than in those of 8 layers with BN")
        for f, w in ((2, "deep networks"), (3, "deep ResNets"))
    )
    other = ratio("κ", 2 + 0.1 * SHAPE, [1.0] * 6, contrast="in trees than in those of 4 layers")
    for members, words in (
        ([deep, deeper], ["networks", "ResNets"]),
        ([deep, other], ["deep networks than in those of 8 layers with BN"]),
    ):
        judgement = judged("S1.1", members)
        claim = dataclasses.replace(judgement.claim, name="worse")
        figure = claim_forest([dataclasses.replace(judgement, claim=claim)]).figure
        assert labels(figure)[: len(words)] == [f"S1.1 worse: {word}" for word in words]


def test_ratios_far_from_one_have_a_panel_of_their_own_in_the_overview():
    judgements = [judged(f"S1.{n}", times(factor)) for n, factor in ((1, 2.0), (2, 5e4), (3, 2e-4))]
    (figure,) = overview_forests(judgements, label="fig-all")
    titles = [axes.get_title(loc="left") for axes in figure.figure.axes]
    assert titles == ["Ratios", "Ratios beyond 100"]
    assert [len(labels(figure.figure, panel=n)) for n in (0, 1)] == [1, 2]


def test_a_claim_is_carried_with_what_the_report_needs():
    parts = by_claim(sample())["S1.1"]
    claim = dataclasses.replace(parts[0].claim, evidence=("01_bn/fig-a", "01_bn/tab-b"))
    forest = claim_forest([dataclasses.replace(parts[0], claim=claim), *parts[1:]])
    data, metadata = forest._repr_mimebundle_()
    assert metadata["landscape"] == {
        "kind": "claim",
        "claim": "S1.1",
        "label": "verdict-S1.1",
        "alt": forest.alt,
        "evidence": ["01_bn/fig-a", "01_bn/tab-b"],
        "place": "body",
    }
    svg = data["image/svg+xml"]
    assert 2_000 < len(svg) < 15_000 and svg == forest.svg()
    # λ_max is typeset once a label, and a font is named once a picture.
    assert "λ_max" not in svg and ">max</tspan>" in svg and svg.count("DejaVu Sans', sans") == 1


def test_a_claim_without_numbers_has_facts_alone():
    nothing = Judgement(judged("S1.1", times(2.0)).claim, None, "not judged", reason="Not yet.")
    (forest,) = claim_forests([nothing])
    data, _ = forest._repr_mimebundle_()
    assert forest.figure is None and "image/svg+xml" not in data
    assert data["text/markdown"] == "**S1.1.** not judged\n\n- S1.1: Not yet."
    no_estimate = judged("S1.1", times(float("nan")))
    assert claim_forest([no_estimate]).figure is None


def test_a_claim_without_a_measurement_has_no_picture():
    unmeasured = ClaimForest("S1.1", None, facts="Not measured.", alt="")
    with pytest.raises(ValueError, match=r"nothing of S1.1 was measured, so there is no picture"):
        unmeasured.svg()
