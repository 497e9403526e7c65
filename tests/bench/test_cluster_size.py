"""The simulation of a cluster, where its answer is known without it."""

import random

from bench import cluster_size


def finish(units, workers, *, failures=0.0, seed=0):
    return cluster_size.finish(
        units,
        workers,
        failures_an_hour=failures,
        overhead=0.5,
        restart=10.0,
        draw=random.Random(seed),
    )


def test_without_failures_units_fill_the_workers():
    assert finish([3.5, 1.5, 1.5], 2) == 4.0
    assert finish([3.5, 1.5, 1.5], 1) == 8.0
    assert cluster_size.ideal([3.5, 1.5, 1.5], 2) == 3.5
    assert cluster_size.ideal([3.5, 1.5, 1.5], 1) == 6.5


def test_failures_delay_and_no_unit_is_lost():
    late = [finish([60.0] * 10, 2, failures=60.0, seed=seed) for seed in range(20)]
    assert min(late) > finish([60.0] * 10, 2) == 302.5


def test_the_published_units_are_entries_of_their_records():
    seconds = cluster_size.measured()
    assert len(seconds) > 100 and min(seconds) >= 1.0 and max(seconds) < 3600
