"""The table of epochs to targets, which keeps runs that never reach them."""

import math

import pytest
from studies.durations import Duration
from studies.tables import time_to_target

INF = math.inf
WORDS = {"label": "tab-test", "caption": "How long."}


def at(*epochs, end=24.0, within=0.0):
    """Durations; infinite ones never get there."""
    return [
        Duration(value, max(value - within, 0.0), value)
        if value <= end
        else Duration(end, end, INF)
        for value in epochs
    ]


def cell(*epochs):
    return time_to_target.time_table({"e": {"a": at(*epochs)}}, {"e": "to 97%"}, **WORDS).rows[0][1]


@pytest.mark.parametrize(
    ("epochs", "text"),
    [
        ([12.34, 11.9, 12.8, 12.0, 12.6], "12.3 (11.9 to 12.8)"),
        ([12.34, 11.9, INF, 12.0, 12.6], "12.3 (11.9 or more, 1 of 5 never)"),
        ([12.34, 11.9, INF, INF, INF], "> 24 (3 of 5 never)"),
        ([INF] * 5, "> 24 (5 of 5 never)"),
        ([12.34, 11.9, 12.8], "12.3"),
        ([12.34, 11.9, INF], "12.3 (1 of 3 never)"),
        ([12.0, 8.0, INF, INF], "> 18 (2 of 4 never)"),
        ([0.0], "0"),
        ([INF], "> 24 (1 of 1 never)"),
    ],
)
def test_a_cell_is_the_median_with_what_is_known_of_it(epochs, text):
    assert cell(*epochs) == text


def test_arms_are_rows_and_levels_columns():
    found = {
        "e97": {"a": at(1.0, 2.0, 3.0), "b": at(4.0, 5.0, 6.0)},
        "unused": {"a": at(1.0), "b": at(1.0)},
        "e98": {"a": at(7.0, 8.0, 9.0), "b": at(INF, INF, 6.0)},
    }
    shown = time_to_target.time_table(found, {"e97": "to 97%", "e98": "to 98%"}, **WORDS)
    assert shown.columns == ["arm", "to 97%", "to 98%"]
    assert shown.rows == [["a", "2", "8"], ["b", "5", "> 24 (2 of 3 never)"]]


def test_the_caption_says_what_the_cells_are():
    few, five = at(1.0, 2.0, within=0.5), at(1.0, 2.0, 3.0, 4.0, INF, within=0.25)

    def caption(*durations):
        found = {"e": {str(number): of for number, of in enumerate(durations)}}
        return time_to_target.time_table(found, {"e": "e"}, **WORDS).caption

    apart = "; interpolated between measurements at most"
    assert caption(few) == f"How long. Median over seeds{apart} 0.5 epochs apart."
    covers = ", in brackets its interval, which covers in 93.75% of cases"
    never = ". Runs that never get there count as later than all that do; > is a lower bound."
    counted = f"{covers}{apart} 0.5 epochs apart, which the interval counts"
    assert caption(few, five) == f"How long. Median over seeds{counted}{never}"
    assert caption(at(INF)) == f"How long. Median over seeds{never}"


def test_runs_that_end_below_the_lowest_level_they_reached_are_counted(numbers):
    reached = {"a": at(1.0, 2.0, INF), "b": at(3.0, 4.0, 5.0)}
    for arm, ends in (("a", [0.96, 0.98, 0.9]), ("b", [0.97, 0.99, 0.98])):
        for seed, accuracy in enumerate(ends):
            numbers.add("test_accuracy", accuracy, arm=arm, seed=seed)
    durations = dict.fromkeys(("95%", "97%", "99%"), reached)
    targets = {"loss": ("train_loss", 0.1), "99%": ("test_accuracy", 0.99)}
    targets |= {"97%": ("test_accuracy", 0.97)}
    text = time_to_target.relapsed(durations, targets, numbers).text
    assert text == "Of the 5 runs that reach 97% 1 end below it: a (1 of 2)."
    targets |= {"95%": ("test_accuracy", 0.95)}
    assert time_to_target.relapsed(durations, targets, numbers).text == (
        "None of the 5 runs that reach 95% ends below it."
    )


def test_columns_are_called_as_their_targets_where_no_heading_is_given():
    durations = {"to 97%": {"a": at(1.0)}, "to 98%": {"a": at(2.0)}}
    assert time_to_target.time_table(durations, **WORDS).columns == ["arm", "to 97%", "to 98%"]
