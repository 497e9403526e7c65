"""The bench of verdicts: a small run, and whether it notices a fault."""

import dataclasses
import math

import pytest
from studies.judging import findings

from bench import studies, verdicts

FEW = 60


@pytest.mark.slow
@pytest.mark.parametrize(
    "scenario", studies.SCENARIOS, ids=lambda one: f"{one.subject}: {one.study}"
)
def test_each_rate_is_as_stated(scenario):
    # Four standard errors of a share of 60; the bench itself asks for more of 400.
    seen, errors = verdicts.rate(scenario, FEW), 4 / math.sqrt(FEW)
    for rate, sign in ((scenario.low, 1), (scenario.high, -1)):
        assert sign * (seen - rate) >= -errors * math.sqrt(rate * (1 - rate))


def test_scenarios_have_random_numbers_of_their_own():
    names = {(scenario.subject, scenario.study) for scenario in studies.SCENARIOS}
    assert len(names) == len(studies.SCENARIOS) >= 25
    scenario = studies.SCENARIOS[0]
    assert verdicts.rate(scenario, FEW) == verdicts.rate(scenario, FEW)


@pytest.mark.slow
def test_without_holm_too_many_checks_are_reversed(monkeypatch):
    (scenario,) = [one for one in studies.SCENARIOS if one.study == "6 checks, all true ratios 1"]
    monkeypatch.setattr(findings, "holm", list)
    assert not verdicts.row(scenario, 200)[1]


def test_a_wrong_rate_ends_the_bench_and_is_not_published(monkeypatch, tmp_path, capsys):
    wrong = dataclasses.replace(studies.SCENARIOS[0], event=lambda numbers: False)
    monkeypatch.setattr(verdicts, "SCENARIOS", [studies.SCENARIOS[0], wrong])
    with pytest.raises(SystemExit, match="1 of 2 rates are not as stated; nothing is published"):
        verdicts.main(["--trials", str(FEW), "--publish", str(tmp_path / "README.md")])
    assert "| 0.0% |" in capsys.readouterr().out


def test_the_table_is_published(monkeypatch, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("<!-- verdicts:begin -->\n<!-- verdicts:end -->\n")
    monkeypatch.setattr(verdicts, "SCENARIOS", studies.SCENARIOS[:1])
    verdicts.main(["--trials", str(FEW), "--publish", str(readme)])
    assert "| coverage | ratio of 2, 6 pairs" in readme.read_text()


def test_stated_rates_read_as_they_are():
    texts = {verdicts.stated(scenario) for scenario in studies.SCENARIOS}
    assert texts >= {"95%", "80%", "at most 5%", "at most 2.5%", "at least 80%", "at least 95%"}
