"""How a cluster is named, and what is said where there is none."""

import importlib
import socket

import pytest

from report import cluster
from report.errors import ReportError


@pytest.mark.parametrize(
    "address", ["", "local", "tcp://node7:8786", "tls://10.0.0.1:1", "tcp://[::1]:8786"]
)
def test_addresses_of_schedulers_are_taken(address):
    cluster.check(address)


@pytest.mark.parametrize("address", ["node7:8786", "tcp://node7", "LOCAL", "tcp://a b:1", "2"])
def test_anything_else_is_refused_with_what_is_allowed(address):
    with pytest.raises(ReportError, match=r"no address of a Dask scheduler\. Give tcp://host:port"):
        cluster.check(address)


def test_without_dask_one_line_says_what_to_install(monkeypatch, capsys):
    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    assert cluster.main(["local", "data", "true"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: CLUSTER=local needs Dask, which is not installed.")
    assert said.count("\n") == 1


def test_where_nobody_answers_one_line_says_so(monkeypatch):
    monkeypatch.setattr(importlib, "import_module", lambda name: None)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(ReportError, match=f"{address}: no Dask scheduler answers there"):
            cluster.check_reachable(address)
        listener.listen(1)
        cluster.check_reachable(address)
