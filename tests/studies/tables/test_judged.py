"""Tables of judgements."""

from studies.tables import judged as tables

from tests.sample_judgements import judged, sample, times

SAID = ("reproduced", "contradicted", "undecided", "holds", "gone", "reversed")


def test_a_row_says_what_was_found_and_on_what_it_depends():
    table = tables.judgement_table(sample(), label="tab-all")
    first, *_, last = table.rows
    assert first[0] == "S1.1a" and first[1].startswith("λ_max is 2.00 times as large with BN")
    assert first[2:5] == ["reproduced", "BN mode: gone; open: size", "yes"]
    assert last == ["S2.3", "Not yet.", "not judged", "–", "–", "–"]
    assert table.caption.startswith("Of 6 claims 5 are tested: 3 are reproduced")


def test_a_table_of_a_trial_holds_no_verdict():
    for table in (
        tables.judgement_table(sample(), label="tab-all", evidence=False),
        tables.dependence_table(sample(), label="tab-depends", evidence=False),
    ):
        text = " ".join([table.caption, *(cell for row in table.rows for cell in row)])
        assert table.caption.startswith("Trial on other data")
        assert [word for word in SAID if word in text] == []
    assert tables.dependence_table(sample(), label="tab-depends", evidence=False).rows[1] == [
        "BN mode",
        "1",
    ]


def test_checks_are_counted_and_the_one_that_takes_most_is_bold():
    checks = {"BN mode": times(0.5), "scale": times(2.0), "size": times(1.1, 0.9)}
    parts = [judged(f"S1.{n}", times(2.0), checks=checks) for n in (1, 2)]
    rows = tables.dependence_table([*parts, *sample()], label="tab-depends").rows
    assert rows[1] == ["Under batch statistics", "0", "**3**", "0", "S1.1, S1.2, S1.1a"]
    assert rows[2] == ["In relative units", "3", "0", "0", "–"]
    assert rows[5][1:4] == ["0", "0", "4"]
    none = tables.dependence_table([judged("S1.1", times(2.0))], label="tab-depends").rows
    assert [row[2] for row in none] == ["0"] * 6


def test_a_rule_is_a_relation_with_its_border_and_margin():
    ruled = judged("S1.1", times(2.0), border=1.5, commit="0123456789")
    table = tables.rules_table([ruled], label="tab-rules")
    assert table.rows == [
        ["S1.1", "λ_max, with BN over without (ratio)", "above 1.5", "factor 1.25"]
    ]
    assert table.caption.endswith("Commit of the rules: 0123456.")
    same = tables.rules_table([judged("S1.1", times(1.0), side="within")], label="tab-rules")
    assert same.rows[0][2] == "equal to 1"


def test_words_that_changed_stand_with_their_reason():
    table = tables.changed_words(sample(), label="tab-changed")
    assert table.rows == [
        ["S1.1a", "inconclusive", "reproduced; depends on the BN mode", "Split."],
        ["S1.2", "artefact", "contradicted", "Split."],
    ]
    assert table.caption.startswith("2 words differ from those of the report before")


def test_an_artefact_that_stays_one_has_not_changed():
    checks = {"estimator": times(0.5)}
    stays = judged("S1.1", times(2.0), checks=checks, former="artefact")
    assert tables.changed_words([stays], label="tab-changed").rows == []
    depends = judged("S1.1", times(2.0), checks={"scale": times(0.5)}, former="reproduced")
    assert len(tables.changed_words([depends], label="tab-changed").rows) == 1


def test_claims_that_are_not_judged_say_why():
    assert tables.unjudged(sample(), label="tab-open").rows == [["S2.3", "Claim S2.3.", "Not yet."]]
