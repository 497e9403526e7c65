"""What identifies functions, networks and objects of a reader's own: no two are mixed up.

Each pair below differs in one thing alone, which an earlier key did not look at.
"""

import collections
import copy
import dataclasses
import enum
import functools
import logging
import multiprocessing
import os
import random
import subprocess
import sys
import textwrap
import threading
import types
import typing

import numpy as np
import pytest
import torch
from landscape import models, spectrum
from landscape.objective import Objective
from landscape.store.fingerprint import architecture, digest, structure
from torch import nn

from tests.sample_networks import regression_data


def cell(text, **names):
    """The namespace of a notebook's cell: code without a file, in ``__main__``."""
    namespace = {"__name__": "__main__", "torch": torch, "nn": nn, **names}
    exec(compile(textwrap.dedent(text), "<cell>", "exec"), namespace)
    return namespace


NETWORK = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x):
        return self.linear(x) * {}
"""


NET = NETWORK.format(2)


def net(text=NET, **names):
    torch.manual_seed(0)
    return cell(text, **names)["Net"]()


def test_a_class_edited_in_a_notebook_is_another():
    one, same, other = (net(NETWORK.format(n)) for n in (2, 2, 3))
    assert digest(one) == digest(same) != digest(other)
    assert architecture(one) == architecture(same) != architecture(other)
    assert structure(one) == structure(same) != structure(other)
    inputs, targets, _ = regression_data()
    keys = [Objective(m, (inputs, targets), loss="mse").fingerprint for m in (one, same, other)]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.slow
def test_a_class_is_the_same_after_an_instance_was_copied():
    # Python then writes ``__slotnames__`` into the class.
    kind = cell("class Setting:\n    rate = 1.0")["Setting"]
    before = digest(kind)
    copy.copy(kind())
    assert "__slotnames__" in vars(kind) and digest(kind) == before


def test_a_class_of_a_notebook_is_the_same_after_a_restart():
    code = (
        "from landscape.store.fingerprint import digest; "
        "from tests.landscape.store import test_identity; print(digest(test_identity.net()))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == digest(net())


HELPED = NETWORK.format("factor()")


@pytest.mark.parametrize("where", ["a global function", "a global value", "a module's function"])
def test_what_a_forward_pass_reads_of_its_notebook_counts(where):
    found = []
    for number in (2, 2, 3):
        if where == "a module's function":
            module = types.ModuleType("helpers")
            exec(f"def factor():\n    return {number}", vars(module))
            found.append(
                digest(net(HELPED.replace("factor()", "helpers.factor()"), helpers=module))
            )
        elif where == "a global value":
            found.append(digest(net(HELPED.replace("factor()", "FACTOR"), FACTOR=number)))
        else:
            found.append(digest(net(f"def factor():\n    return {number}\n{HELPED}")))
    assert found[0] == found[1] != found[2]


def held(value):
    """A network that holds a value as an attribute which its printed form does not show."""
    model = nn.Linear(2, 2)
    with torch.no_grad():
        model.weight.fill_(1), model.bias.fill_(0)
    model.held = value
    return model


def scale(x, factor):
    return x * factor


def scaled_by(factor):
    return lambda x: x * factor


@dataclasses.dataclass
class Settings:
    factor: float


class Options:
    def __init__(self, factor):
        self._factor = factor

    def __call__(self, x):
        return x * self._factor


class Slotted:
    __slots__ = ("factor",)

    def __init__(self, factor):
        self.factor = factor


class Power(enum.Enum):
    ONE, TWO = 1, 2


PAIRS = {
    "a partial": (functools.partial(scale, factor=1), functools.partial(scale, factor=2)),
    "a lambda": (lambda x: x, lambda x: 2 * x),
    "a closure": (scaled_by(1), scaled_by(2)),
    "a dataclass": (Settings(1.0), Settings(2.0)),
    "an object's underscore attribute": (Options(1), Options(2)),
    "a bound method": (Options(1).__call__, Options(2).__call__),
    "slots": (Slotted(1), Slotted(2)),
    "a list of long tensors": (
        [torch.zeros(9999)],
        [torch.zeros(9999).index_fill(0, torch.tensor([5000]), 1)],
    ),
    "a long array": (np.zeros(9999), np.arange(9999.0)),
    "a dictionary's order": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "a member of an enumeration": (Power.ONE, Power.TWO),
    "a namespace": (types.SimpleNamespace(a=1), types.SimpleNamespace(a=2)),
    "a default dictionary": (
        collections.defaultdict(int, a=1),
        collections.defaultdict(float, a=1),
    ),
    "random numbers": (random.Random(1), random.Random(2)),
    "NumPy's random numbers": (np.random.default_rng(1), np.random.default_rng(2)),
    "a class": (Options, Slotted),
    "a type of torch": (nn.ReLU, nn.GELU),
    "a function of torch": (torch.relu, torch.sigmoid),
    "a device's name": (torch.device("cpu"), torch.device("meta")),
    "a network that is no layer": ((nn.ReLU(),), (nn.Tanh(),)),
    "complex numbers": (1j, 2j),
}


@pytest.mark.parametrize("kind", PAIRS)
def test_what_a_network_holds_is_looked_at(kind):
    one, other = PAIRS[kind]
    assert digest(held(one)) == digest(held(one)) != digest(held(other))
    assert architecture(held(one)) != architecture(held(other))


def test_an_underscore_attribute_of_a_network_is_looked_at():
    one, same, other = (held(None) for _ in range(3))
    one._power, same._power, other._power = 1, 1, 2
    assert digest(one) == digest(same) != digest(other)


@pytest.mark.parametrize(
    "hook", ["register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook"]
)
def test_hooks_are_looked_at(hook):
    networks = [held(None) for _ in range(4)]
    for network, factor in zip(networks[1:], (1, 1, 2), strict=True):
        getattr(network, hook)(scaled_by(factor))
    none, one, same, other = map(digest, networks)
    assert one == same and len({none, one, other}) == 3


def test_weights_and_buffers_count_in_the_content_and_not_in_the_architecture():
    one, two = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    two.running_mean += 1
    with torch.no_grad():
        two.weight += 1
    assert digest(one) != digest(two) and architecture(one) == architecture(two)
    assert architecture(one) != architecture(nn.BatchNorm1d(4))
    frozen = nn.BatchNorm1d(3)
    frozen.weight.requires_grad_(False)
    assert architecture(one) != architecture(frozen)


def test_parametrized_layers_are_known_by_their_parametrizations():
    plain, normed = (nn.Linear(3, 3) for _ in range(2))
    nn.utils.parametrizations.weight_norm(normed)
    again = nn.utils.parametrizations.weight_norm(nn.Linear(3, 3))
    along = nn.utils.parametrizations.weight_norm(nn.Linear(3, 3), dim=1)
    found = [architecture(model) for model in (plain, normed, along)]
    assert len(set(found)) == 3 and architecture(again) == found[1]


def test_the_same_objects_in_two_places_end_and_are_told_from_two():
    shared = nn.Linear(2, 2)
    tied = nn.Sequential(shared, shared)
    two = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    assert architecture(tied) != architecture(two)
    first, second = Options(1), Options(1)
    first.other, second.other = second, first
    assert digest(first) == digest(second)


def test_a_logger_is_known_by_its_name_and_a_lock_refused():
    assert digest(held(logging.getLogger("a"))) == digest(held(logging.getLogger("a")))
    with pytest.raises(TypeError, match=r"cannot fingerprint a lock \(held\): its content cannot"):
        digest(held(threading.Lock()))


def test_refusals_say_where_it_stands(tmp_path):
    with open(tmp_path / "log", "w", encoding="utf-8") as file:
        with pytest.raises(TypeError, match=r"a TextIOWrapper \(held\._factor\['a'\]\[1\]\)"):
            digest(held(Options({"a": [1, file]})))
        with pytest.raises(TypeError, match=r"TextIOWrapper \(\['loss'\] \(its 'factor'\)\)"):
            digest({"loss": scaled_by(file)})


def test_an_objective_with_such_a_loss_is_computed_and_only_its_key_is_refused():
    # What is not stored needs no key.
    inputs, targets, _ = regression_data()
    lock = threading.Lock()

    def loss(outputs, targets):
        with lock:
            return (outputs - targets).square().mean(1)

    L = Objective(nn.Linear(4, 3).double(), (inputs.double(), targets.double()), loss=loss)
    found = spectrum.eigenpairs(L.hessian(L.theta))
    assert bool(found.converged.all())
    with pytest.raises(TypeError, match=r"cannot fingerprint a lock \(\['loss'\] \(its 'lock'\)\)"):
        _ = L.fingerprint


def test_classes_of_the_library_are_known_by_their_code_also_as_networks():
    one, two = (models.MLP(hidden=(3,)).build((1, 2, 2), 2, seed=seed) for seed in (0, 1))
    assert architecture(one) == architecture(two) and digest(one) != digest(two)


def test_a_library_function_replaced_at_run_time_is_not_taken_for_the_librarys():
    impostor = cell("def eigenpairs(operator, k=1):\n    return k\n")["eigenpairs"]
    impostor.__module__, impostor.__qualname__ = (
        spectrum.eigenpairs.__module__,
        spectrum.eigenpairs.__qualname__,
    )
    assert digest(impostor) != digest(spectrum.eigenpairs)


OWN = {
    "a class that another counts as its own": (
        "import abc\nclass x(abc.ABC): pass\nx.register([int, float, str][{}])"
    ),
    "a property of an own kind": (
        "class P(property):\n    def __get__(s, o, t): return {}\nclass x:\n    k = P(len)"
    ),
    "a static method of an own kind": (
        "class P(staticmethod):\n    def __get__(s, o, t): return {}\nclass x:\n    k = P(len)"
    ),
    "a class method of an own kind": (
        "class P(classmethod):\n    def __get__(s, o, t): return {}\nclass x:\n    k = P(len)"
    ),
    "a partial of an own kind": (
        "class P(functools.partial):\n    def __call__(s): return {}\nx = P(len)"
    ),
    "private slots": (
        "class C:\n    __slots__ = ('__k',)\n    def __init__(s): s.__k = {}\nx = C()"
    ),
    "what a copy leaves out": (
        "class C:\n    def __init__(s): s.k = {}\n    def __reduce__(s): return (C, ())\nx = C()"
    ),
    "what a copied name leaves out": (
        "class C:\n    def __init__(s): s.k = {}\n    def __reduce__(s): return 'C'\nx = C()"
    ),
    "what a subclass of Python's adds": (
        "import random\nclass C(random.Random): pass\nx = C(0)\nx.k = {}"
    ),
    "an attribute of a member": ("class E(enum.Enum):\n    A = 1\nE.A.k = {}\nx = E.A"),
    "what a field says": (
        "@dataclasses.dataclass\nclass x:\n    a: int = dataclasses.field(metadata=dict(k={}))"
    ),
    "types of fields": ("class x:\n    a: [int, float, str][{}]"),
    "what a generic class was made for": (
        "T = typing.TypeVar('T')\n"
        "class B(typing.Generic[T]): pass\n"
        "class x(B[[int, str, float][{}]]): pass"
    ),
    "an operation of Python's": (
        "class x(int):\n    f = [int.__mul__, int.__add__, int.__sub__][{}]"
    ),
    "a private name of a module": (
        "import types\nx = types.ModuleType('own')\nvars(x)['__k'] = {}"
    ),
    "a module that answers for its names": (
        "import types\nx = types.ModuleType('own')\nexec('def __getattr__(n): return {}', vars(x))"
    ),
    "a pattern": ("import re\nx = re.compile('{}')"),
    "a union of types": ("x = int | [str, float, bytes][{}]"),
    "a function of NumPy": ("import numpy\nx = [numpy.add, numpy.sin, numpy.cos][{}]"),
}


@pytest.mark.parametrize("kind", OWN)
def test_what_objects_of_rare_kinds_hold_is_looked_at(kind):
    names = {
        "functools": functools,
        "enum": enum,
        "dataclasses": dataclasses,
        "typing": typing,
    }
    found = [digest(cell(OWN[kind].format(number), **names)["x"]) for number in (1, 1, 2)]
    assert found[0] == found[1] != found[2]


def test_what_python_cannot_copy_is_refused_whatever_it_raises():
    class Bad:
        def __reduce_ex__(self, protocol):
            raise RuntimeError("no")

    for value in (Bad(), multiprocessing.get_context("spawn").Lock(), torch.ops.aten.relu):
        with pytest.raises(TypeError, match="cannot fingerprint"):
            digest({"x": value})
