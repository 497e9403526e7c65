"""The check at equal training loss: by the record of curves where there is one, else the former."""

import pytest
from studies.verdicts.columns import NotMeasuredError
from studies.verdicts.contrasts import Contrast, SizeSeries
from studies.verdicts.expressions import Parameter
from studies.verdicts.judged_study import JudgedStudy
from studies.verdicts.networks import Networks
from studies.verdicts.one_loss import OneLoss
from studies.verdicts.recorded_study import RecordedStudy

from tests.sample_records import SampleRecord

FORMER = ["the former check"]
PLACES = {"training loss": "per unit of training loss"}


def along(folder, *, family="BN", group="BN / no BN"):
    record = SampleRecord(folder / "along")
    for norm, value in (("batch", 3.0), ("none", 2.0)):
        for seed in range(4):
            labels = {"arm": f"{family}: {norm}", "norm": norm, "family": family, "seed": seed}
            record.run(0.9, labels=labels)
            labels |= {"at": "along training", "group": group}
            for bn, factor in (("frozen", 1.0), ("batch", 0.5)):
                scaled = (
                    value * (factor if norm == "batch" else 1.0) * (1 + 0.01 * seed * (value > 2))
                )
                record.add("lambda_max", scaled, labels=labels, bn=bn)
    return JudgedStudy(RecordedStudy(record.write(), "01_sample"))


def contrast(folder):
    record = SampleRecord(folder / "own", norms=["batch", "none"])
    for norm in ("batch", "none"):
        record.run(0.9, labels={"arm": norm, "norm": norm, "seed": 0})
    study = RecordedStudy(record.write(), "01_sample")
    return Contrast(
        "with BN",
        Networks(study, {"norm": Parameter("norms", 0)}),
        Networks(study, {"norm": Parameter("norms", 1)}),
    )


def test_the_factor_comes_from_the_record_of_curves_in_both_modes(tmp_path):
    one = OneLoss(along(tmp_path), "BN", ("BN", "no BN"))
    checks = one.check(contrast(tmp_path), FORMER, "lambda_max", "frozen", "batch")
    eval_mode, batch = (asked.measure() for asked in checks)
    assert eval_mode.effect.estimate == pytest.approx(1.5 * 1.015, rel=1e-3)
    assert batch.effect.estimate == pytest.approx(0.75 * 1.015, rel=1e-3)
    assert eval_mode.contrast == "with BN at equal training loss" and eval_mode.margin == "ratio"
    assert one.recorded and one.places(PLACES) == {}
    (bordered,) = one.check(contrast(tmp_path), FORMER, "lambda_max", margin=None)
    assert bordered.measure().margin is None


@pytest.mark.parametrize(("family", "arms"), [("skip", ("BN", "no BN")), ("BN", ("no BN", "BN"))])
def test_without_these_networks_the_former_check_stays(tmp_path, family, arms):
    one = OneLoss(along(tmp_path), family, arms)
    assert one.check(contrast(tmp_path), FORMER, "lambda_max") is FORMER
    assert one.places(PLACES) is PLACES


def test_without_a_record_the_former_check_stays(tmp_path):
    one = OneLoss(JudgedStudy(RecordedStudy(tmp_path, "none")), "BN", ("BN", "no BN"))
    assert not one.recorded and one.check(contrast(tmp_path), FORMER, "sam") is FORMER


def test_an_exponent_takes_the_levels_of_its_own_study(tmp_path):
    record = SampleRecord(tmp_path / "along")
    for width in (4, 8, 16):
        for seed in range(3):
            labels = {"arm": f"width {width}", "width": width, "family": "widths", "seed": seed}
            labels["network"] = "MLP"
            record.run(0.9, labels=labels)
            labels |= {"at": "along training", "group": "all"}
            record.add("lambda_max", width ** (-0.5 - 0.01 * seed), labels=labels)
    study = JudgedStudy(RecordedStudy(record.write(), "01_sample"))
    own = SampleRecord(tmp_path / "own", widths=[4, 8, 16])
    own.run(0.9, labels={"arm": "a", "seed": 0})
    series = SizeSeries(
        RecordedStudy(own.write(), "01_sample"), "width", Parameter("widths"), {"network": "MLP"}
    )
    (asked,) = OneLoss(study, "widths", ("all",)).check(series, FORMER, "lambda_max")
    assert asked.measure().effect.estimate == pytest.approx(-0.51)
    bare = SizeSeries(RecordedStudy(tmp_path, "none"), "width", Parameter("widths"), {})
    (asked,) = OneLoss(study, "widths", ("all",)).check(bare, FORMER, "lambda_max")
    with pytest.raises(NotMeasuredError, match="no record"):
        asked.measure()
