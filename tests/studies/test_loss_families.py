"""Families of networks: their arms, the steps of their snapshots, and who is compared."""

import pytest
from landscape.training import SGD
from studies.loss_families import ALL, loss_family

from tests.sample_study import config_of, digits_task

CHANGES = {"SGD": {"optimizer": SGD(0.1)}, "slow": {"optimizer": SGD(0.01)}, "fast": {}}
FACTORS = {name: {"optimizer": name} for name in CHANGES}


def family(shares=(0.01, 0.5, 1.0), changes=CHANGES, **options):
    given = {"factors": FACTORS, "pairs": [("SGD", "slow")], "examples": 8, **options}
    return loss_family("rates", digits_task(), config_of(), changes, shares=shares, **given)


def test_arms_share_snapshots_at_shares_of_training_and_know_their_family():
    one = family()  # Two epochs of three steps.
    assert one.steps == (1, 3, 6)
    assert {config.snapshots for config in one.configs.values()} == {(1, 3, 6)}
    arm = one.arms["slow"]
    assert arm == "rates: slow" and arm.factors == {"family": "rates", "optimizer": "slow"}
    assert one.configs[arm].optimizer == SGD(0.01)


def test_pairs_have_a_regression_each_and_more_arms_one_together():
    one = family()
    assert one.pairs == [{"SGD": "rates: SGD", "slow": "rates: slow"}]
    assert dict(one.groups) == {
        "SGD / slow": ["rates: SGD", "rates: slow"],
        ALL: ["rates: SGD", "rates: slow", "rates: fast"],
    }
    two = family(changes={name: CHANGES[name] for name in ("SGD", "slow")})
    assert list(two.groups) == ["SGD / slow"]


def test_snapshots_are_measured_in_either_mode(study):
    one = family()
    runs = study.train(one.configs, digits_task(), seeds=[0])
    assert [s.step for part in one.snapshots(runs) for s in part.values()][::3] == [1, 3, 6]
    (part, *_) = one.in_batches(runs)
    assert {tuple(s.options.items()) for s in part.values()} == {
        (("bn", "batch"), ("bn_block", one.batch_size))
    }


@pytest.mark.parametrize("shares", [(1.0,), (0.5, 1.5), (0.0, 1.0)])
def test_shares_that_make_no_curve_are_refused(shares):
    with pytest.raises(ValueError, match="Pass shares in"):
        family(shares=shares)
