"""The bench of products under batch statistics: a quick run, its products, its table."""

import json

import pytest
import torch
from landscape import models

from bench import batchnorm, ours, subjects, tables
from bench.attempts import Record
from bench.batchnorm import FROZEN, PLAIN

TINY = subjects.untrained(models.CNN(channels=(2,), hidden=3, norm="batch"), (1, 4, 4), 6)


def test_a_quick_run_measures_all_four_and_finds_the_product_right(tmp_path, capsys):
    arguments = ["--quick", "--threads", "1", "--repeats", "2", "--build-dir", str(tmp_path)]
    assert batchnorm.main([*arguments, "--subjects", "cnn"]) == 0
    records = json.loads((tmp_path / "bench" / "batchnorm.json").read_text())["records"]
    assert [(r["tool"], r["setting"], len(r["seconds"])) for r in records] == [
        (ours.NAME, "", 2),
        (FROZEN, "", 2),
        (PLAIN, "", 2),
        (PLAIN, "channels_last", 2),
    ]
    errors = [r["error"] for r in records if r["tool"] != FROZEN]
    assert max(errors) < 1e-4
    assert "**A quick run" in capsys.readouterr().out


def test_plain_products_are_those_of_the_objective():
    exact = TINY.exact.replace(bn="batch", bn_block=128)
    want = exact.hessian(exact.theta) @ TINY.vector().double()
    torch.testing.assert_close(batchnorm.plain(TINY, dtype=torch.float64)(), want)


def test_ratios_are_medians_over_rounds():
    own = Record("batch product", "cnn", ours.NAME, seconds=(1.0, 2.0, 4.0), error=1e-5)
    other = Record("batch product", "cnn", PLAIN, seconds=(3.0, 4.0, 40.0), error=2e-3)
    run = {"titles": {"cnn": "a CNN"}, "machine": MACHINE, "versions": {}, "commit": "c"}
    run |= {"minutes": 1.0, "quick": False, "missing": {}}
    line = batchnorm.document(run, [own, other]).splitlines()[-1]
    assert "| 3.00 | 2.0e-03 |" in line


MACHINE = {
    "hardware": dict.fromkeys(
        ("cpu", "cores", "threads", "memory_gb", "platform", "cpu_capability"), "x"
    ),
    "versions": {},
}


def test_a_part_of_the_bench_is_not_published(capsys):
    with pytest.raises(SystemExit):
        batchnorm.main(["--quick", "--publish", "README.md"])
    assert "--publish needs the whole bench" in capsys.readouterr().err


def test_the_readme_has_its_section():
    text = (tables.__file__).replace("tables.py", "README.md")
    with open(text, encoding="utf-8") as file:
        assert file.read().count("<!-- batchnorm:begin -->") == 1
