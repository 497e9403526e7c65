"""The check of imports itself, on a small made-up house: each kind of mistake is seen."""

import pytest

from report import __main__, architecture, pairing, prose, readme, structure, versions
from report.architecture import circles, problems, reached, summary, upward
from report.imports import Library

# Two packages without a mistake: `town` may import `house`.
SOUND = {
    "house/__init__.py": '"""A house.\n\n1. ``cellar``\n2. ``hall`` ``stairs``: in, and\n'
    '   up\n3. ``attic``\n\nNo room: ``garden``.\n"""\n',
    "house/cellar/__init__.py": "from house.cellar.coal import burn, shovel\n",
    "house/cellar/coal.py": "def burn():\n    pass\n\n\ndef shovel():\n    pass\n",
    "house/cellar/shovel.py": "from house.cellar.coal import burn\n",
    "house/hall.py": "from house.cellar.coal import burn\nfrom house.cellar import coal\n",
    "house/stairs.py": "import math\nfrom house import hall\n",
    "house/attic.py": "from house.stairs import up\nfrom house.hall import hang\n",
    "town/__init__.py": '"""A town.\n\n1. ``street``\n"""\n',
    "town/street.py": "from house.attic import window\n",
}


@pytest.fixture
def build(tmp_path):
    """Write the sound house with some files changed, and read it."""

    def _build(changed=None):
        for name, text in (SOUND | (changed or {})).items():
            path = tmp_path / "lib" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return Library(tmp_path / "lib", ["house", "town"])

    return _build


def arrows(library, source):
    """(line, target, face) of each import in a module."""
    return [(x.line, x.target, x.face) for x in library.imports if x.source == source]


def test_a_sound_house_is_told_in_one_line(build):
    library = build()
    assert problems(library) == []
    assert summary(library) == (
        "house: 4 rooms on 3 floors, 4 arrows, 0 up, 0 circles; "
        "town: 1 rooms on 1 floors, 0 arrows, 0 up, 0 circles"
    )
    floors = architecture.floors(library, "house")
    assert floors == [("cellar", 1), ("hall", 2), ("stairs", 2), ("attic", 3)]


def test_faces_are_no_part_of_the_graph(build):
    assert set(build().graph()) == {
        "house.cellar.coal",
        "house.cellar.shovel",
        "house.hall",
        "house.stairs",
        "house.attic",
        "town.street",
    }


def test_an_arrow_up_is_seen_with_its_place_and_floors(build):
    library = build({"house/cellar/coal.py": "import os\nfrom house.hall import hang\n"})
    assert list(upward(library, "house")) == [("cellar", "hall")]
    said = problems(library)[0]
    assert said.startswith("lib/house/cellar/coal.py:2 imports house.hall, an arrow up from cellar")
    assert "(floor 1) to hall (floor 2)" in said


def test_a_circle_of_modules_in_a_room_is_seen(build):
    library = build({"house/cellar/coal.py": "from house.cellar.shovel import lift\n"})
    assert circles(library.graph()) == [["house.cellar.coal", "house.cellar.shovel"]]
    (said,) = problems(library)
    assert "lib/house/cellar/coal.py:1 imports house.cellar.shovel" in said
    assert "lib/house/cellar/shovel.py:1 imports house.cellar.coal" in said
    assert "1 circles" in summary(library)


def test_a_module_that_imports_itself_is_a_circle(build):
    library = build({"house/attic.py": "from house import attic\n"})
    assert circles(library.graph()) == [["house.attic"]]
    assert "lib/house/attic.py:1 imports house.attic" in problems(library)[0]


def test_a_circle_of_rooms_is_seen_where_modules_form_none(build):
    library = build(
        {
            "house/__init__.py": '"""1. ``cellar`` ``hall`` ``stairs`` ``attic``"""\n',
            "house/cellar/shovel.py": "from house.attic import window\n",
        }
    )
    assert circles(library.graph()) == []
    assert architecture.circles_of_rooms(library, "house") == [
        ["attic", "cellar", "hall", "stairs"]
    ]
    assert "a circle of rooms of house: attic, cellar, hall, stairs" in problems(library)[0]


def test_a_name_taken_from_a_face_is_an_arrow_to_its_module(build):
    library = build({"house/hall.py": "from house.cellar import burn\n"})
    assert arrows(library, "house.hall") == [(1, "house.cellar.coal", "house.cellar")]
    (said,) = problems(library)
    assert said.startswith("lib/house/hall.py:1 imports house.cellar.coal via house.cellar")


def test_a_face_that_names_a_function_as_a_module_gives_the_function(build):
    # As in Python: house.cellar.shovel is what the face binds, not the file of that name.
    library = build({"house/hall.py": "from house.cellar import shovel\n"})
    assert arrows(library, "house.hall") == [(1, "house.cellar.coal", "house.cellar")]
    direct = build({"house/hall.py": "from house.cellar.shovel import lift\n"})
    assert arrows(direct, "house.hall") == [(1, "house.cellar.shovel", "")]


def test_of_a_whole_package_what_is_taken_counts(build):
    library = build({"house/hall.py": "from house import cellar as c\n\nc.burn(c.coal.x)\n"})
    assert arrows(library, "house.hall") == [
        (1, "house.cellar.coal", ""),
        (1, "house.cellar.coal", "house.cellar"),
    ]
    unused = build({"house/hall.py": "from house import cellar\nprint(cellar)\n"})
    assert arrows(unused, "house.hall") == [(1, "house.cellar", "house.cellar")]
    assert "as a whole package" in problems(unused)[0]
    dotted = build({"house/hall.py": "import house\n\nhouse.cellar.burn()\n"})
    assert arrows(dotted, "house.hall") == [(1, "house.cellar.coal", "house.cellar")]


def test_a_name_that_a_module_only_passes_on_counts_for_both(build):
    library = build({"house/attic.py": "from house.hall import burn\n"})
    assert arrows(library, "house.attic") == [
        (1, "house.cellar.coal", "house.hall"),
        (1, "house.hall", ""),
    ]
    assert "via house.hall" in problems(library)[0]


LAZY = '''"""1. ``cellar``\n2. ``hall`` ``stairs``\n3. ``attic``"""
import importlib

_PLACES = {{{entries}}}


def __getattr__(name):
    return getattr(importlib.import_module(_PLACES[name]), name)
'''


@pytest.mark.parametrize(
    "entries",
    ['"burn": "house.cellar.coal"', '"burn": ".cellar.coal"', '"burn": "cellar.coal"'],
)
def test_a_lazy_face_is_a_face(build, entries):
    face = LAZY.format(entries=entries)
    library = build({"house/__init__.py": face, "house/hall.py": "from house import burn\n"})
    assert arrows(library, "house.hall") == [(1, "house.cellar.coal", "house")]


def test_a_module_that_a_lazy_face_shows_is_imported_directly(build):
    face = LAZY.format(entries='"hall": "house.hall"')
    library = build({"house/__init__.py": face})
    assert problems(library) == []
    assert (2, "house.hall", "") in arrows(library, "house.stairs")


TYPES = """\
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from house.attic import Window
else:
    from house.cellar import coal
"""


def test_an_import_for_types_alone_is_marked_and_counts_as_an_arrow_up(build):
    library = build({"house/hall.py": TYPES, "house/attic.py": ""})
    marks = {x.target: x.for_types for x in library.imports if x.source == "house.hall"}
    assert marks == {"house.attic": True, "house.cellar.coal": False}
    assert "lib/house/hall.py:4 (for types alone) imports house.attic" in problems(library)[0]


def test_what_is_reached_at_run_leaves_out_imports_for_types(build):
    library = build({"house/stairs.py": TYPES, "house/attic.py": ""})
    every, run = library.graph(), library.graph(for_types=False)
    assert reached(every, ["house.stairs"]).keys() == {"house.attic", "house.cellar.coal"}
    assert reached(run, ["house.stairs"]) == {"house.cellar.coal": "house.stairs"}


@pytest.mark.parametrize(
    "text",
    [
        "def climb():\n    from house.attic import window\n",
        "class Ladder:\n    async def climb(self):\n        from house import attic\n",
        "def climb():\n    importlib.import_module('house.attic')\n",
    ],
)
def test_an_import_in_a_function_is_marked_and_counts(build, text):
    library = build({"house/cellar/coal.py": text})
    (arrow,) = [x for x in library.imports if x.source == "house.cellar.coal"]
    assert arrow.target == "house.attic" and arrow.in_function and not arrow.for_types
    assert "house.attic" in library.graph()["house.cellar.coal"]
    assert "(in a function) imports house.attic, an arrow up" in problems(library)[0]


@pytest.mark.parametrize(
    "text",
    ["from ..attic import window\n", "from .. import attic\n", "from house.attic import *\n"],
)
def test_relative_imports_and_imports_of_everything_are_followed(build, text):
    library = build({"house/cellar/coal.py": text})
    assert (1, "house.attic", "") in arrows(library, "house.cellar.coal")


def test_a_face_may_import_by_its_place_and_show_what_other_faces_show(build):
    faces = {
        "house/cellar/__init__.py": "from .coal import burn\n",
        "house/__init__.py": SOUND["house/__init__.py"] + "from house.cellar import burn\n",
    }
    library = build(faces)
    assert problems(library) == []
    assert (1, "house.cellar.coal", "") in arrows(library, "house.cellar")


def test_what_a_function_imports_is_no_name_of_its_module(build):
    hall = "def light():\n    from house.cellar.coal import burn\n\n\ndef burn():\n    pass\n"
    library = build({"house/hall.py": hall, "house/attic.py": "from house.hall import burn\n"})
    assert arrows(library, "house.attic") == [(1, "house.hall", "")]


@pytest.mark.parametrize("name", ["house/hall.py", "house/cellar/__init__.py", "house/__init__.py"])
def test_the_first_package_knows_nothing_of_the_second(build, name):
    library = build({name: SOUND[name] + "from town.street import walk\n"})
    assert any("house knows nothing of town" in said for said in problems(library))


def test_a_face_that_shows_what_a_higher_room_defines_is_an_arrow_up(build):
    library = build({"house/cellar/__init__.py": "from house.attic import window\n"})
    assert "lib/house/cellar/__init__.py:1 imports house.attic, an arrow up" in problems(library)[0]


def test_an_import_of_what_is_not_there_is_seen(build):
    library = build({"house/attic.py": "from house.garden import rose\n"})
    assert problems(library) == ["lib/house/attic.py:1 imports house.garden, which is not there"]


@pytest.mark.parametrize(
    ("floors", "said"),
    [
        ("1. ``cellar``\n2. ``hall``\n3. ``attic``", "the list of floors lacks stairs"),
        ("1. ``cellar`` ``hall`` ``stairs`` ``attic`` ``roof``", "names roof, which is no module"),
        ("1. ``cellar`` ``hall``\n2. ``hall`` ``stairs`` ``attic``", "names hall 2 times"),
    ],
)
def test_every_room_stands_on_exactly_one_floor(build, floors, said):
    library = build({"house/__init__.py": f'"""A house.\n\n{floors}\n"""\n'})
    assert said in problems(library)[0]


def test_a_package_that_is_not_there_is_said(tmp_path):
    (said,) = problems(Library(tmp_path / "lib", ["house"]))
    assert said.startswith("lib/house/__init__.py is missing")


@pytest.mark.slow
def test_check_prints_the_line_and_fails_with_the_list(build, capsys, monkeypatch):
    for module in (pairing, prose, readme, structure):  # Other tests ask what they say.
        monkeypatch.setattr(module, "problems", lambda path: [])
    monkeypatch.setattr(versions, "published_code", lambda root: [])
    monkeypatch.setattr(architecture, "read", lambda root: build())
    assert __main__.main(["check"]) == 0
    assert "house: 4 rooms on 3 floors" in capsys.readouterr().out
    broken = build({"house/hall.py": "from house.attic import window\n"})
    monkeypatch.setattr(architecture, "read", lambda root: broken)
    assert __main__.main(["check"]) == 1
    assert "error: lib/house/hall.py:1 imports house.attic" in capsys.readouterr().err


PLOT = "class Coal:\n    def {}(self):\n        from house.{} import draw\n"


def test_a_results_own_plot_may_hand_it_to_the_plots_and_nothing_else_may(build):
    upper = {
        "house/__init__.py": '"""A house.\n\n1. ``cellar``\n2. ``hall`` ``stairs``\n'
        '3. ``attic``\n4. ``plots``\n"""\n',
        "house/plots/__init__.py": "",
        "house/plots/curves.py": "from house.cellar.coal import burn\n",
    }
    coal = SOUND["house/cellar/coal.py"]
    allowed = {**upper, "house/cellar/coal.py": coal + PLOT.format("plot", "plots.curves")}
    assert problems(build(allowed)) == []
    for method, room in (("plot", "attic"), ("draw", "plots.curves")):
        library = build({**upper, "house/cellar/coal.py": coal + PLOT.format(method, room)})
        assert len(upward(library, "house")) == 1
    function = coal + "def plot():\n    from house.plots.curves import draw\n"
    assert len(upward(build({**upper, "house/cellar/coal.py": function}), "house")) == 1
