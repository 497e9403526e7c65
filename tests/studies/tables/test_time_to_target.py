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
        ([12.34, 11.9, 12.8, 12.0, 12.6], "12.3 [11.9, 12.8]"),
        ([12.34, 11.9, INF, 12.0, 12.6], "12.3 [11.9, ∞), 1 of 5 never"),
        ([12.34, 11.9, INF, INF, INF], "> 24 (3 of 5 never)"),
        ([INF] * 5, "> 24 (5 of 5 never)"),
        ([12.34, 11.9, 12.8], "12.3"),
        ([12.34, 11.9, INF], "12.3, 1 of 3 never"),
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
    assert shown.columns == ["configuration", "to 97%", "to 98%"]
    assert shown.rows == [["a", "2", "8"], ["b", "5", "> 24 (2 of 3 never)"]]


def test_the_caption_says_what_the_cells_are():
    few, five = at(1.0, 2.0, within=0.5), at(1.0, 2.0, 3.0, 4.0, INF, within=0.25)

    def caption(*durations):
        found = {"e": {str(number): of for number, of in enumerate(durations)}}
        return time_to_target.time_table(found, {"e": "e"}, **WORDS).caption

    median, apart = (
        "How long. Median epochs over seeds",
        " Measurements are at most 0.5 epochs apart",
    )
    assert caption(few) == f"{median}.{apart}."
    covers = ", with its 93.75% interval in brackets."
    never = " Runs that never reach a level count as the slowest; > marks a lower bound."
    assert caption(few, five) == f"{median}{covers}{apart}, which the interval includes.{never}"
    assert caption(at(INF)) == f"{median}.{never}"


def test_runs_that_end_below_the_lowest_level_they_reached_are_counted(numbers):
    reached = {"a": at(1.0, 2.0, INF), "b": at(3.0, 4.0, 5.0)}
    for arm, ends in (("a", [0.96, 0.98, 0.9]), ("b", [0.97, 0.99, 0.98])):
        for seed, accuracy in enumerate(ends):
            numbers.add("test_accuracy", accuracy, arm=arm, seed=seed)
    durations = dict.fromkeys(("95%", "97%", "99%"), reached)
    targets = {"loss": ("train_loss", 0.1), "99%": ("test_accuracy", 0.99)}
    targets |= {"97%": ("test_accuracy", 0.97)}
    text = time_to_target.relapsed(durations, targets, numbers).text
    assert text == "1 of the 5 runs that reach 97% ends below it again: 1 of 2 with a."
    targets |= {"95%": ("test_accuracy", 0.95)}
    assert time_to_target.relapsed(durations, targets, numbers).text == (
        "None of the 5 runs that reach 95% ends below it."
    )


def test_columns_are_called_as_their_targets_where_no_heading_is_given():
    durations = {"to 97%": {"a": at(1.0)}, "to 98%": {"a": at(2.0)}}
    assert time_to_target.time_table(durations, **WORDS).columns == [
        "configuration",
        "to 97%",
        "to 98%",
    ]
