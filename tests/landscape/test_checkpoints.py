"""Weights of files: what is read, under which names, and what is refused."""

import sys

import landscape
import pytest
import torch
from landscape.checkpoints import load
from torch import nn


def network(width=3):
    return nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width), nn.Linear(width, 1))


def filled(value, width=3):
    model = network(width)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.fill_(value)
    return model


def saved(tmp_path, content, name="weights.pt"):
    torch.save(content, tmp_path / name)
    return tmp_path / name


def same(model, other):
    pairs = zip(model.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and bool((x == y).all()) for (a, x), (b, y) in pairs)


@pytest.mark.parametrize("place", ["", "state_dict", "model_state_dict", "model", "net", "weights"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "model."])
def test_a_state_dict_is_found_in_its_place_and_under_the_names_of_wrappers(
    tmp_path, place, prefix
):
    trained = filled(2)
    state = {f"{prefix}{name}": tensor for name, tensor in trained.state_dict().items()}
    path = saved(tmp_path, {place: state, "epoch": 3, "lr": 0.1} if place else state)
    assert same(load(network(), path), trained)


def test_the_network_that_is_given_stays_as_it_was(tmp_path):
    model = filled(1)
    loaded = landscape.load(model, saved(tmp_path, filled(2).state_dict()))
    assert same(model, filled(1)) and same(loaded, filled(2))


def test_a_network_whose_own_names_begin_with_a_wrappers_keeps_them(tmp_path):
    class Wrapping(nn.Module):
        def __init__(self):
            super().__init__()
            self.module = nn.Linear(2, 1)

    trained = Wrapping()
    assert same(load(Wrapping(), saved(tmp_path, trained.state_dict())), trained)


def test_weights_take_the_dtype_of_the_network(tmp_path):
    path = saved(tmp_path, filled(2).half().state_dict())
    assert load(network(), path)[0].weight.dtype == torch.float32


def test_weights_of_another_network_are_refused_with_names_and_shapes(tmp_path):
    path = saved(tmp_path, filled(2, width=4).state_dict())
    with pytest.raises(ValueError, match=r"7 have another shape: 0\.weight \(4, 2\) for \(3, 2\)"):
        load(network(), path)
    state = filled(2).state_dict()
    del state["2.bias"]
    with pytest.raises(ValueError, match=r"1 of the network's 9 tensors are not in.*: 2\.bias\."):
        load(network(), saved(tmp_path, state))
    state = filled(2).state_dict() | {"extra": torch.ones(1)}
    with pytest.raises(ValueError, match="1 tensors of the file are not in the network: extra"):
        load(network(), saved(tmp_path, state))


def test_what_is_no_checkpoint_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no checkpoint"):
        load(network(), tmp_path / "none.pt")
    with pytest.raises(ValueError, match=r"holds no state dict, but a dict \(epoch, loss\)"):
        load(network(), saved(tmp_path, {"epoch": 1, "loss": 0.5}))
    with pytest.raises(ValueError, match="holds no state dict, but a list"):
        load(network(), saved(tmp_path, [torch.ones(1)]))
    (tmp_path / "text.pt").write_text("no weights")
    with pytest.raises(ValueError, match=r"text\.pt"):
        load(network(), tmp_path / "text.pt")


def test_a_whole_network_is_not_unpickled(tmp_path):
    with pytest.raises(ValueError, match=r"Write the weights alone: torch.save\(model.state_dict"):
        load(network(), saved(tmp_path, filled(2)))


def test_safetensors_without_the_package_names_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    (tmp_path / "w.safetensors").write_bytes(b"")
    with pytest.raises(ImportError, match="pip install safetensors"):
        load(network(), tmp_path / "w.safetensors")


def test_safetensors_are_read(tmp_path):
    package = pytest.importorskip("safetensors.torch")
    trained = filled(2)
    package.save_file(trained.state_dict(), tmp_path / "w.safetensors")
    assert same(load(network(), tmp_path / "w.safetensors"), trained)
    (tmp_path / "bad.safetensors").write_bytes(b"no header")
    with pytest.raises(ValueError, match="no readable safetensors file"):
        load(network(), tmp_path / "bad.safetensors")
