"""The report of a reader's own network by one command: page, record, budget and errors."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from report import own
from report.settings import OWN, all_studies, every_study

ROOT = Path(__file__).resolve().parents[2]
NETS = '''
import torch
from torch import nn


class Net(nn.Module):
    """It takes an argument with a default, writes nothing, and has batch normalisation."""

    def __init__(self, width=6):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, width), nn.BatchNorm1d(width), nn.GELU())
        self.head = nn.Linear(width, 3)

    def forward(self, x):
        return self.head(self.layers(x))


def build():
    torch.manual_seed(0)
    return Net()


def data():
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(40, 5, generator=generator)
    return inputs, inputs[:, :3].argmax(1)


def loss(outputs, targets):
    return (outputs - nn.functional.one_hot(targets, 3)).square().sum(1)
'''
SMALL = [
    argument
    for name, value in (
        ("outliers", 2),
        ("density_probes", 1),
        ("density_steps", 5),
        ("layer_probes", 3),
        ("line_points", 3),
        ("plane_points", 5),
        ("path_points", 3),
        ("curve_epochs", 1),
    )
    for argument in ("-p", name, str(value))
]


def command(folder, *arguments):
    # Progress that takes its time is part of a page, as the log of a cell.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "LANDSCAPE_PROGRESS": "off"}
    line = [sys.executable, "-m", "landscape.command", "report", *arguments]
    return subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A reader's folder with code and two sets of weights, and the report of the first."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "nets.py").write_text(NETS)
    script = (
        "import torch, nets\n"
        "torch.manual_seed(3)\n"
        "for name in ('a', 'b'):\n"
        "    torch.save({'state_dict': nets.Net().state_dict()}, f'{name}.pt')\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=folder, check=True)
    done = command(
        folder,
        *("nets:build", "--data", "nets.py:data", "--checkpoint", "a.pt", "--compare", "b.pt"),
        *("--examples", "30", "--out", "pages/net.html", "--pdf", "--budget", "", *SMALL),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-3:-1] == ["pages/net.html", "pages/net.pdf"]
    return folder


def rows(folder):
    record = folder / "pages" / own.KEPT / "paper" / "record" / OWN / "measurements.csv"
    return list(csv.DictReader(record.read_text().splitlines()))


@pytest.mark.slow
def test_the_page_says_what_was_found_and_where_the_numbers_are_from(folder):
    page = (folder / "pages" / "net.html").read_text()
    text = re.sub(r"<[^>]+>", "", page)
    assert "The loss landscape of nets:build" in text
    assert "On 30 examples your network has a loss of" in text
    assert "Barriers to the other network" in text and "All that was planned was measured" in text
    assert "Not evidence" not in text and "make report" not in text
    assert str(folder) not in page, "a path of this machine stands in the page"
    assert (folder / "pages" / "net.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.slow
def test_every_number_is_recorded_with_what_it_was_measured_on(folder):
    numbers = rows(folder)
    quantities = {row["quantity"] for row in numbers}
    assert {"loss", "lambda_max", "lambda_min", "trace", "sam", "noise_scale"} <= quantities
    assert {"quadratic_radius", "barrier", "kappa", "lambda_max_relative"} <= quantities
    assert {row["examples"] for row in numbers} == {"30"}
    assert {row["arm"] for row in numbers} == {"your network", "the other", "path"}
    layers = {row["layer"] for row in numbers if row["layer"]}
    assert layers == {"layer layers.0", "layer layers.1", "layer head"}


@pytest.mark.slow
def test_the_same_command_measures_nothing_again(folder):
    store = folder / "pages" / own.KEPT / "store"
    before, page = sorted(store.rglob("*")), (folder / "pages" / "net.html").read_bytes()
    done = command(
        folder,
        *("nets:build", "--data", "nets.py:data", "--checkpoint", "a.pt", "--compare", "b.pt"),
        *("--examples", "30", "--out", "pages/net.html", "--budget", "", *SMALL),
    )
    assert done.returncode == 0, done.stderr
    assert sorted(store.rglob("*")) == before
    assert (folder / "pages" / "net.html").read_bytes() == page


@pytest.mark.slow
def test_what_a_budget_leaves_out_is_said_and_the_rest_is_there(folder):
    done = command(
        folder,
        *("nets:build", "--data", "nets:data", "--loss", "nets:loss", "--unit", "J"),
        *("--budget", "5m", "--out", "short.html", *SMALL),
        *("-p", "plane_points", "100001"),
    )
    assert done.returncode == 0, done.stderr
    text = re.sub(r"<[^>]+>", "", (folder / "short.html").read_text())
    assert re.search(r"Left out: the budget of 5 minutes did not suffice for planes \(about", text)
    assert "J per parameter²" in text
    assert not re.search(r"nats per|\(nats\)|[0-9] nats", text)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nets:none", "--data", "nets:data"], r"error: model='nets:none': nets has no 'none'"),
        (["nets:build", "--data", "nets:build"], r"error: data='nets:build' gives an object"),
        (["nets:build", "--data", "nets:data", "--checkpoint", "c.pt"], r"error: there is no che"),
    ],
)
def test_an_error_in_what_is_named_is_one_message_without_a_traceback(folder, arguments, message):
    done = command(folder, *arguments, "--out", "broken.html")
    assert done.returncode == 1 and re.match(message, done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "broken.html").exists()


def refused(capsys, folder, *arguments):
    assert own.main(["nets:build", "--data", "nets:data", *arguments], folder) == 1
    return capsys.readouterr().err


def test_wrong_options_are_refused_before_anything_runs(capsys, tmp_path):
    said = refused(capsys, tmp_path, "--out", "page.txt")
    assert said == "error: --out page.txt is no page: give a name that ends in .html\n"
    assert "has no parameter 'planes'" in refused(capsys, tmp_path, "-p", "planes", "3")
    assert "-p rho small: rho is 'small', a str" in refused(capsys, tmp_path, "-p", "rho", "small")


def test_a_folder_of_others_is_not_filled(capsys, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").touch()
    said = refused(capsys, tmp_path, "--keep", "photos")
    assert "photos" in said and "Name another one by --keep" in said
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["one.jpg"]


def test_the_study_is_no_part_of_the_repositorys_report():
    assert OWN in all_studies(ROOT)
    for profile in ("smoke", "quick", "paper", "published"):
        assert OWN not in every_study(ROOT, profile)
