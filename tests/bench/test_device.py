"""The bench of one device: a rehearsal on the CPU, and words where there is no GPU."""

import pytest
import torch

from bench import device

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def tf32():
    before = torch.backends.cudnn.allow_tf32
    yield
    torch.backends.cudnn.allow_tf32 = before


def test_without_a_gpu_it_says_so_and_measures_nothing(monkeypatch, capsys):
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda **_: None)
    assert device.main([]) == 0
    said = capsys.readouterr().out
    assert said.startswith("no GPU: PyTorch ") and said.count("\n") == 1


def test_a_rehearsal_measures_every_row(capsys, tmp_path):
    assert device.main(["--device", "cpu", "--quick", "--peers", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    for words in (
        "float64 against CPU float64: relative error of the loss 0.0e+00",
        "Hessian product",
        "points a second (",
        "loss-landscapes cannot be imported",
        "training in float32: ",
        "training in bfloat16: ",
    ):
        assert words in said


def test_a_wrong_result_is_called_wrong_also_where_it_is_not_finite(monkeypatch, capsys):
    class Lost(device.Rows):
        def objective(self, place, dtype):
            L = super().objective(place, dtype)
            return L if dtype == torch.float64 else _Lost(L)

    class _Lost:
        def __init__(self, L):
            self.L = L

        def replace(self, **options):
            return _Lost(self.L.replace(**options))

        def loss(self):
            return float("nan")

        def __getattr__(self, name):
            return getattr(self.L, name)

    rows = Lost(torch.device("cpu"), device.Sizes(True), None)
    assert [line for line in rows.correctness() if line.startswith("WRONG")]
