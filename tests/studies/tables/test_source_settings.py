"""The settings in which a study departs from its source, each with its reason."""

import pytest
from studies.display import Sentence
from studies.tables import source_settings

SOURCE = {"batch_size": 32, "rate": 0.1, "crop": False, "layers": (1, 2), "norm": None}


def test_departures_are_only_what_differs_each_with_its_reason():
    ours = {**SOURCE, "batch_size": 128, "crop": True, "layers": [1, 2], "profile": "paper"}
    reasons = {"batch_size": "large batches cost less.", "crop": "we ask", "rate": "unused"}
    found = source_settings.departures(SOURCE, ours, reasons, label="tab-d")
    words = "The source has 32; this study has 128, because large batches cost less."
    assert found.rows == [
        ["batch size (examples)", words],
        ["crop", "The source has no; this study has yes, because we ask."],
    ]
    assert found.caption == (
        "This study departs from its source in 2 of the 5 settings that the source names; it keeps "
        "rate, layers and norm."
    )
    assert found.place == "appendix"


@pytest.mark.parametrize(
    "change, cells",
    [
        ({"rate": 1e-5}, ["0.1", "1×10⁻⁵"]),
        ({"norm": "batch"}, ["none", "batch"]),
        ({"layers": [1, 2, 3]}, ["1, 2", "1, 2, 3"]),
    ],
)
def test_settings_are_shown_as_a_reader_would_write_them(change, cells):
    reasons = dict.fromkeys(change, "why")
    (row,) = source_settings.departures(SOURCE, {**SOURCE, **change}, reasons, label="tab-d").rows
    assert row[1] == f"The source has {cells[0]}; this study has {cells[1]}, because why."


def test_settings_as_in_the_source_are_a_sentence():
    found = source_settings.departures(
        SOURCE, {**SOURCE, "rate": 0.1, "more": 1}, {}, label="tab-d"
    )
    assert isinstance(found, Sentence)
    assert found.text == (
        "This study has the settings of its source: batch size (examples), rate, crop, layers and "
        "norm."
    )


@pytest.mark.parametrize("reasons", [{}, {"rate": " "}, {"crop": "Because."}])
def test_a_departure_without_a_reason_is_refused(reasons):
    with pytest.raises(
        ValueError, match=r"settings \['rate'\] depart .* without a reason.*Say why"
    ):
        source_settings.departures(SOURCE, {**SOURCE, "rate": 0.2}, reasons, label="tab-d")


def test_a_setting_that_ours_do_not_have_is_refused():
    with pytest.raises(ValueError, match=r"settings \['norm'\] are not among ours: batch_size"):
        ours = {name: value for name, value in SOURCE.items() if name != "norm"}
        source_settings.departures(SOURCE, ours, {}, label="tab-d")
