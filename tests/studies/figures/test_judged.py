"""Forest plots of judgements."""

from studies.figures.judged import forests
from studies.judging.relations import share

from tests.sample_judgements import judged, sample, times


def test_relations_stand_in_panels_of_their_kind_with_checks_below():
    (figure,) = forests(sample(), label="fig-bn")
    titles = [axis.get_title(loc="left") for axis in figure.figure.axes]
    assert titles == ["Ratios", "Differences of accuracy", "Shares", "Levels"]
    ratios = [text.get_text() for text in figure.figure.axes[0].get_yticklabels()]
    assert ratios[0].startswith("S1.1a $") and ratios[1:4] == [
        "S1.1a · BN mode",
        "S1.1a · scale",
        "S1.1a · size",
    ]
    assert figure.label == "fig-bn" and "ratios, differences of accuracy" in figure.caption
    assert not figure.caption.startswith("Trial")


def test_a_long_quantity_is_cut_beside_its_row():
    asked = share("networks of over a million parameters have a converged eigenvalue", [True] * 6)
    claim = judged("S1.1", asked.against(0.5))
    (figure,) = forests([claim], label="fig-bn")
    (label,) = figure.figure.axes[0].get_yticklabels()
    assert label.get_text() == "S1.1 networks of over a million …"


def test_a_trial_says_so_and_many_rows_take_several_figures():
    many = [judged(f"S1.{n}", times(2.0)) for n in range(1, 41)]
    first, second = forests(many, label="fig-bn", evidence=False)
    assert (first.label, second.label) == ("fig-bn", "fig-bn-2")
    assert first.caption.startswith("Trial numbers, no evidence.")
    assert len(first.figure.axes[0].get_yticklabels()) == 36


def test_a_relation_without_any_number_is_left_out():
    nothing = judged("S1.1", times(float("nan")))
    assert forests([nothing], label="fig-bn") == []
    (figure,) = forests([nothing, judged("S1.2", times(2.0))], label="fig-bn")
    assert len(figure.figure.axes[0].get_yticklabels()) == 1
