"""Sentences on all judgements."""

from studies.judging.rows import headline
from studies.tables import verdict_sentences as tells
from studies.verdicts.judgements import Basis

from tests.sample_judgements import judged, sample, times


def test_what_stood_counts_claims_and_their_parts():
    text = tells.what_stood(sample()).text
    assert text == (
        "Of 6 claims 5 are tested: 3 are reproduced as the source measured them, 1 are "
        "contradicted and 1 are undecided. They have 6 measured parts: 4 reproduced, 1 "
        "contradicted and 1 undecided."
    )


def test_what_depends_names_the_check_that_takes_most():
    moved = [judged(f"S3.{n}", times(2.0), checks={"scale": times(0.5)}) for n in (1, 2)]
    assert tells.what_depends([*sample(), *moved]).text == (
        "Of 6 parts that are reproduced as the source measured them, 3 end otherwise in at least "
        "one check, and 1 more have a check that stays open. Most fall in relative units (2)."
    )
    assert tells.what_depends([*sample(), *moved[:1]]).text.endswith(
        "Most fall under batch statistics and in relative units (1 each)."
    )


def test_the_hardest_fall_is_the_farthest_from_the_source():
    near, far = (
        judged("S1.1", times(0.5), numbers=(2.0,)),
        judged("S1.2", times(0.25), numbers=(9,)),
    )
    holds = judged("S1.3", times(2.0), numbers=(900.0,))
    text = tells.hardest([near, far, holds]).text
    assert text == (
        "[S1.2](#verdict-S1.2) lies farthest from its source: its ratio of the "
        "$\\lambda_{\\max}$ is 9 in the source and 0.25 here."
    )
    still = judged("S1.2", times(0.25), numbers=(9,), checks={"estimator": times(1.1, 0.9)})
    assert tells.hardest([still]).text.endswith(
        "here; with a better estimator the direction is open."
    )
    assert tells.hardest([holds]).text.startswith("No contradicted ratio has a number")


def test_what_it_means_has_a_sentence_for_each_check_that_takes_a_claim():
    scale = [judged(f"S3.{n}", times(2.0), checks={"scale": times(0.5)}) for n in (1, 2)]
    text = tells.what_it_means([*sample(), *scale]).text
    assert "S1.1a falls under batch statistics: " in text
    assert "S3.1 and S3.2 fall in relative units: " in text and "artefact" not in text
    assert tells.what_it_means([judged("S1.1", times(2.0))]).text.endswith("takes a claim away.")


def test_borders_are_listed_with_their_claims_unless_they_mean_no_effect():
    plain = judged("S1.1", times(2.0))
    chosen = [judged(id, times(2.0), border=1.5) for id in ("S1.2", "S1.3")]
    assert "1.5 (S1.2 and S1.3)" in tells.own_borders([plain, *chosen]).text
    assert tells.own_borders([plain]).text.startswith("Every border is the value")


def test_a_control_in_another_place_is_no_artefact():
    lost = {"estimator": times(0.5)}
    control = judged("S1.1", times(2.0), checks=lost, places={"estimator": "on lines"})
    text = tells.what_it_means([control, judged("S1.2", times(2.0), checks=lost)]).text
    assert "S1.1 fails on lines." in text and "S1.2 falls with a better estimator" in text
    assert headline(control) == "fails on lines"


def test_a_trial_is_told_without_verdicts():
    told = tells.verdict_findings(sample(), evidence=False).sentences
    assert len(told) == 1 and told[0].endswith("6 of 7 parts were measured.")
    for tell in (tells.what_depends, tells.hardest, tells.what_it_means):
        assert tells.TRIAL in tell(sample(), evidence=False).text
    assert len(tells.verdict_findings(sample(), evidence=True).sentences) == 3


def test_stale_and_missing_numbers_are_counted():
    basis = {"S1.1": Basis(stale=("01",)), "S1.2": Basis(missing=("no sam",)), "S1.3": Basis()}
    text = tells.rests_on(basis).text
    assert text.startswith("Of 3 parts with a rule 1 rests on numbers that were measured by code")
    assert "gives the same (S1.1);" in text
    assert text.endswith("1 lacks numbers for a relation or a check (S1.2).")
    assert tells.rests_on({"S1.3": Basis()}).text == (
        "Of 1 parts with a rule none rests on numbers of code that changed since; none lacks a "
        "number."
    )
