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


class Tied(nn.Module):
    """Batch normalisation, and two layers with one weight."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5))
        self.last, self.other = nn.Linear(5, 3), nn.Linear(5, 3)
        self.other.weight = self.last.weight

    def forward(self, x):
        return self.last(self.net(x)) + self.other(self.net(x))


def renamed(change):
    return lambda state: {change(name): tensor for name, tensor in state.items()}


# Words -> the network that takes the weights, what the file holds of the state dict.
FITTING = {
    "plain": (lambda: Tied(), lambda state: state),
    "of DDP": (lambda: Tied(), renamed(lambda n: f"module.{n}")),
    "of a compiled model": (lambda: Tied(), renamed(lambda n: f"_orig_mod.{n}")),
    "of DDP of a compiled model": (lambda: Tied(), renamed(lambda n: f"module._orig_mod.{n}")),
    "of a compiled DDP model": (lambda: Tied(), renamed(lambda n: f"_orig_mod.module.{n}")),
    "of a compiled layer": (lambda: Tied(), renamed(lambda n: n.replace("net.", "net._orig_mod."))),
    "of a wrapped layer": (lambda: Tied(), renamed(lambda n: n.replace("last.", "last.module."))),
    "of FSDP": (lambda: Tied(), renamed(lambda n: f"_fsdp_wrapped_module.{n}")),
    "of checkpointed layers": (
        lambda: Tied(),
        renamed(lambda n: n.replace("net.", "net._checkpoint_wrapped_module.")),
    ),
    "of averaged weights": (
        lambda: Tied(),
        lambda state: {"n_averaged": torch.tensor(3), **renamed(lambda n: f"module.{n}")(state)},
    ),
    "of Lightning": (
        lambda: Tied(),
        lambda state: {"state_dict": renamed(lambda n: f"model.{n}")(state), "epoch": 2},
    ),
    "into DataParallel": (lambda: nn.DataParallel(Tied()), lambda state: state),
    "of and into DataParallel": (
        lambda: nn.DataParallel(Tied()),
        renamed(lambda n: f"module.{n}"),
    ),
    "into averaged weights": (
        lambda: torch.optim.swa_utils.AveragedModel(Tied()),
        lambda state: state,
    ),
    "one name of two": (
        lambda: Tied(),
        lambda state: {k: x for k, x in state.items() if k != "other.weight"},
    ),
    "the other name of two": (
        lambda: Tied(),
        lambda state: {f"module.{k}": x for k, x in state.items() if k != "last.weight"},
    ),
    "without counters": (
        lambda: Tied(),
        lambda state: {k: x for k, x in state.items() if "num_batches" not in k},
    ),
}


@pytest.mark.parametrize("words", FITTING)
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_weights_of_wrapped_models_fit(words, suffix, tmp_path):
    into, held = FITTING[words]
    trained, path = Tied(), tmp_path / f"weights.{suffix}"
    state = held(trained.state_dict())
    if suffix == "pt":
        torch.save(state, path)
    else:
        save_file = pytest.importorskip("safetensors.torch").save_file
        state = state.get("state_dict", state)
        save_file({name: tensor.clone() for name, tensor in state.items()}, path)
    loaded = load(into(), path)
    assert type(loaded) is Tied and loaded.other.weight is loaded.last.weight
    for name, tensor in trained.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)


REFUSED = {
    "a part": (
        lambda s: dict(list(s.items())[:3]),
        r"a part of the network's weights alone: \d of the network's \d+ tensors",
    ),
    "a part of DDP": (
        lambda s: {f"module.{k}": x for k, x in list(s.items())[:3]},
        r"a part of the network's weights alone",
    ),
    "without statistics": (
        lambda s: {k: x for k, x in s.items() if "running" not in k},
        r"net.1.running_mean, net.1.running_var",
    ),
    "another width": (
        lambda s: {**s, "last.bias": torch.ones(4)},
        r"1 have another shape: last.bias \(4,\) for \(3,\)",
    ),
    "more": (
        lambda s: {**s, "head.weight": torch.ones(2)},
        r"1 tensors of the file are not in the network: head.weight",
    ),
    "nothing": (lambda s: {}, "holds no state dict, but a dict"),
    "a list": (lambda s: [1, 2], "holds no state dict, but a list"),
    "an optimizer": (
        lambda s: torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0).state_dict(),
        r"holds no state dict, but a dict \(state, param_groups\)",
    ),
    "a place without": (lambda s: {"state_dict": None}, "holds no state dict"),
}


@pytest.mark.parametrize("words", REFUSED)
def test_files_that_do_not_fit_are_refused_by_name(words, tmp_path):
    held, text = REFUSED[words]
    torch.save(held(Tied().state_dict()), tmp_path / "weights.pt")
    with pytest.raises(ValueError, match=text):
        load(Tied(), tmp_path / "weights.pt")


def test_what_is_no_path_or_no_network_is_refused(tmp_path):
    torch.save(Tied().state_dict(), tmp_path / "weights.pt")
    for path in (5, None, b"weights.pt"):
        with pytest.raises(TypeError, match=r"is no path\. Give the name of a file"):
            load(Tied(), path)
    with pytest.raises(TypeError, match=r"the model is 3, no torch\.nn\.Module"):
        load(3, tmp_path / "weights.pt")
    with pytest.raises(FileNotFoundError, match="which is a folder"):
        load(Tied(), tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no checkpoint"):
        load(Tied(), tmp_path / "other.pt")
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{}")
    if pytest.importorskip("safetensors"):
        with pytest.raises(ValueError, match="is no readable safetensors file"):
            load(Tied(), tmp_path / "cut.safetensors")
