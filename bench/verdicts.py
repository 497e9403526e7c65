"""How often verdicts come out right, on simulated studies: ``python -m bench.verdicts``.

It ends with an error where a rate lies outside what is stated, by more than chance allows.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from landscape import rng

from bench.studies import SCENARIOS, Scenario
from bench.tables import markdown, publish

TRIALS = 400


def rate(scenario: Scenario, trials: int) -> float:
    """Return how often the event of a scenario happens, each study with numbers of its own."""
    names = "bench", "verdicts", scenario.subject, scenario.study
    seeds = (rng.stream(trial, *names).initial_seed() for trial in range(trials))
    return float(np.mean([scenario.event(np.random.default_rng(seed)) for seed in seeds]))


def allowed(scenario: Scenario, trials: int) -> tuple[float, float]:
    """Return the rates that pass: as stated, give or take what chance adds to the repetitions."""
    slack = scenario.slack * math.sqrt(TRIALS / trials)
    return max(scenario.low - slack, 0.0), min(scenario.high + slack, 1.0)


def stated(scenario: Scenario) -> str:
    """Return the stated rate as text."""
    if scenario.low == scenario.high:
        return f"{100 * scenario.low:g}%"
    if scenario.low == 0:
        return f"at most {100 * scenario.high:g}%"
    return f"at least {100 * scenario.low:g}%"


def row(scenario: Scenario, trials: int) -> tuple[list[str], bool]:
    """Return one line of the table, and whether the rate is as stated."""
    seen, (low, high) = rate(scenario, trials), allowed(scenario, trials)
    right = low <= seen <= high
    cells = [scenario.subject, scenario.study, stated(scenario), f"{seen:.1%}"]
    cells += [f"{100 * low:.3g} to {100 * high:.3g}%", "yes" if right else "**no**"]
    return cells, right


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, and write it into a README if asked to and all rates are as stated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--publish", type=Path, help="README whose table is renewed")
    options = parser.parse_args(arguments)
    rows = [row(scenario, options.trials) for scenario in SCENARIOS]
    head = ["what", "simulated studies", "stated", "seen", "allowed", "as stated"]
    text = markdown(head, [cells for cells, _ in rows])
    print(text)
    wrong = sum(not right for _, right in rows)
    if wrong:
        raise SystemExit(f"{wrong} of {len(rows)} rates are not as stated; nothing is published.")
    if options.publish:
        publish(options.publish, text, "verdicts")


if __name__ == "__main__":
    main()
