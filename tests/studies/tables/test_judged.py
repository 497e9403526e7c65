"""Tables and sentences of judgements."""

from types import SimpleNamespace

from studies import display
from studies.tables import judged as tables
from studies.verdicts.judgements import Basis

from tests.sample_judgements import judged, sample, times


def test_counts_name_the_words_and_what_is_open():
    text = tables.verdict_counts(sample(), evidence=True).text
    counted, told = text.split(". ", 1)
    assert counted == (
        "Of 7 atomic claims 6 are judged: 4 **reproduced**, 1 **contradicted** and 1 **undecided**"
    )
    assert told == (
        "Of those reproduced, 3 hold in all checks that decide (1 with a check that is open); "
        "1 depends on the BN mode."
    )
    assert tables.verdict_counts(sample(), evidence=False).text.startswith("These are trial")


def test_counts_agree_in_number():
    moved, estimator = {"BN mode": times(0.5)}, {"estimator": times(0.5)}
    pairs = [judged(f"S1.{n}", times(2.0), checks=moved) for n in (1, 2)]
    pairs += [judged(f"S2.{n}", times(2.0), checks=estimator) for n in (1, 2)]
    pairs.append(judged("S3.1", times(2.0), checks={"scale": times(0.5)}))
    text = tables.verdict_counts(pairs, evidence=True).text
    assert text.endswith(
        "0 hold in all checks that decide; 2 depend on the BN mode, 2 are artefacts of the "
        "estimator and 1 is explained by the scale."
    )


def test_a_row_says_what_was_found_and_on_what_it_depends():
    table = tables.judgement_table(sample(), label="tab-bn", caption="BN.", evidence=False)
    first, *_, last = table.rows
    assert first[0] == "S1.1a" and first[1].startswith("λ_max is 2.00 times as large with BN")
    assert first[2:5] == ["reproduced", "BN mode: gone; open: size", "yes"]
    assert last == ["S2.3", "Not yet.", "not judged", "–", "–"]
    assert table.caption.startswith("Trial numbers, no evidence. BN. One row an atomic claim")
    assert set(table.align) == {"left"}


def test_one_setting_for_all_rows_stands_in_the_caption():
    same = [judged(f"S1.{n}", times(2.0), setting="fewer epochs (2 of 6)") for n in (1, 2)]
    table = tables.judgement_table(same, label="tab-bn")
    assert table.columns[-1] == "Size" and {len(row) for row in table.rows} == {5}
    assert table.caption.endswith("number. Setting: fewer epochs (2 of 6).")
    other = [*same, judged("S1.3", times(2.0), setting="other data")]
    assert tables.judgement_table(other, label="tab-bn").columns[-1] == "Setting"


def test_each_claim_of_a_source_has_a_heading_that_others_link_to():
    headings = tables.claim_summaries(sample())
    assert [heading.label for heading in headings][:2] == ["verdict-S1.1", "verdict-S1.2"]
    assert headings[0].text == "S1.1: S1.1a: depends on the BN mode; S1.1b: holds"


def test_words_that_changed_stand_with_their_reason():
    table = tables.changed_words(sample(), label="tab-changed")
    assert table.rows == [
        ["S1.1a", "inconclusive", "reproduced; depends on the BN mode", "Split."],
        ["S1.2", "artefact", "contradicted", "Split."],
    ]


def test_an_artefact_that_stays_one_has_not_changed():
    checks = {"estimator": times(0.5)}
    stays = judged("S1.1", times(2.0), checks=checks, former="artefact")
    assert tables.changed_words([stays], label="tab-changed").rows == []
    depends = judged("S1.1", times(2.0), checks={"scale": times(0.5)}, former="reproduced")
    assert len(tables.changed_words([depends], label="tab-changed").rows) == 1


def test_claims_that_are_not_judged_say_why():
    assert tables.unjudged(sample(), label="tab-open").rows == [["S2.3", "Claim S2.3.", "Not yet."]]


def test_stale_and_missing_numbers_are_counted():
    basis = {"S1.1": Basis(stale=("01",)), "S1.2": Basis(missing=("no sam",)), "S1.3": Basis()}
    text = tables.rests_on(basis).text
    assert text.startswith("Of 3 claims with a rule 1 rests on numbers that were measured by code")
    assert text.endswith("1 lacks numbers for a relation or a check (S1.2).")
    assert tables.rests_on({"S1.3": Basis()}).text == (
        "Of 1 claims with a rule none rests on numbers of code that changed since; none lacks a "
        "number."
    )


def test_a_study_is_shown_by_sections_table_and_plots():
    all_claims = SimpleNamespace(evidence=True, of=lambda study: sample())
    shown = tables.judged_study(all_claims, object(), label="bn")
    kinds = [type(one) for one in shown]
    assert kinds.count(display.Heading) == 6 and kinds.count(display.Table) == 1
    assert shown[6].label == "tab-bn" and shown[7].label == "fig-bn"
