"""Sentences on runs: their common settings, and how often accuracy falls."""

from studies.tables import runs as tables

from tests.sample_solutions import trained
from tests.sample_study import recorded_run, runs_of


def test_the_setup_has_the_common_settings_and_each_size(study):
    runs = trained(study, rates=(0.05, 0.1))
    text = tables.setup(runs).text
    (size,) = set(runs.sizes.values())
    assert f"Parameters: {size:,} (rate 0.05) and {size:,} (rate 0.1). " in text
    config = next(iter(runs.configs.values()))
    assert f" on batches of {config.batch_size} examples." in text
    assert f"Number of epochs: {config.epochs}. Optimizer: SGD" in text
    # The arms differ in their learning rate, and settings that are off say nothing.
    assert "learning rate" not in text and "nesterov" not in text
    alone = tables.setup(runs.where(arm="rate 0.1")).text
    assert "learning rate 0.1" in alone


def test_falls_of_accuracy_are_counted_after_the_initialisation():
    first = recorded_run({"test_accuracy": [0.9, 0.1, 0.3, 0.2, 0.5]})
    second = recorded_run({"test_accuracy": [0.1, 0.5, 0.4, 0.3, 0.2]})
    lost = recorded_run({})
    runs = runs_of({("a", 0): first, ("a", 1): second, ("b", 0): lost})
    assert tables.falls(runs).text == (
        "Test accuracy falls from one measurement to the next 4 of 6 times with a and 0 of 0 times "
        "with b."
    )
