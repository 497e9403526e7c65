"""The values that papermill gives to a study, checked by name and type before anything runs.

papermill itself only warns about an unknown name, and then runs with the notebook's own value.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from report.errors import ReportError
from report.settings import PUBLISHED, VERDICTS, Settings, closest
from report.structure import GIVEN, defaults

VARIABLES = {  # make's own name of each parameter that make fills in
    "profile": "PROFILE",
    "data_dir": "DATA_DIR",
    "build_dir": "BUILD_DIR",
    "remeasure": "REMEASURE",
}
# Both readers let errors of Python's own through: {[1]: 2} has no hash, and 2020-13-45 no month.
_UNREADABLE = (
    yaml.YAMLError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
)


def parameters(
    settings: Settings, study: str, overrides: Iterable[tuple[str, str]] = ()
) -> dict[str, Any]:
    """Return the values that papermill gives to a study: profile file, overrides, make's own.

    The profile ``published`` has the parameters of ``paper``, whose record it reads.

    Args:
        settings: The checked request.
        study: Name of the study.
        overrides: Pairs of name and text, as after ``-p``; the text is read as the type of the
            parameter's default.

    Raises:
        ReportError: If the profile file is missing or no mapping, or if a name is unknown or a
            value of another type than the default.
    """
    known = own_values(settings, study)
    named = "paper" if settings.profile == PUBLISHED else settings.profile
    path = settings.root / "notebooks" / "profiles" / named / f"{study}.yaml"
    where = settings.shown(path)
    values = _profile_values(path, where)
    for name, value in values.items():
        _check_name(name, known, where, study)
        _check_type(name, value, known[name], where)
    for name, text in overrides:
        _check_name(name, known, f"-p {name}", study)
        values[name] = _read(text, known[name])
        _check_type(name, values[name], known[name], f"-p {name} {text}")
    filled = {name: str(getattr(settings, name)) for name in GIVEN}
    # The notebook of verdicts neither measures nor reads data, and takes what it has a use for.
    return values | {k: v for k, v in filled.items() if k in known or study != VERDICTS}


def own_values(settings: Settings, study: str) -> dict[str, Any]:
    """Return every parameter of a study with the value that its notebook gives it."""
    source = settings.root / "notebooks" / f"{study}.py"
    return defaults(source.read_text(encoding="utf-8"), f"notebooks/{study}.py")


def _profile_values(path: Path, where: str) -> dict[str, Any]:
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # a safe one
    except FileNotFoundError as error:
        raise ReportError(
            f"{where} is missing: each study has one parameter file a profile. "
            "An empty file keeps the notebook's own values."
        ) from error
    except _UNREADABLE as error:
        raise ReportError(f"{where} is not valid YAML: {error}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ReportError(f"{where} holds a {type(values).__name__}; write lines `name: value`.")
    return values


class _Loader(yaml.SafeLoader):
    """Reads YAML as people mean it: no key twice, and 010 and 3:20 are no whole numbers."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping; a key that stands twice is an error."""
        keys = [key.value for key, _ in node.value]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise yaml.YAMLError(f"{', '.join(map(repr, twice))} stands there twice")
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Return a whole number; YAML 1.1 would read 010 as 8, and 3:20 as 200."""
        text = self.construct_scalar(node)
        if re.fullmatch(r"[-+]?(0\d+|\d+(:\d+)+)", text):
            raise yaml.YAMLError(f"{text} is no number: write it without leading zeros and colons")
        return super().construct_yaml_int(node)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def _check_name(name: str, known: dict[str, Any], where: str, study: str) -> None:
    own = [key for key in known if key not in GIVEN]
    if name in GIVEN:
        variable = VARIABLES[name]
        raise ReportError(
            f"{where}: {name} is filled in by make. Give it as {variable}=..., for example: "
            f"make report {variable}=..."
        )
    if name not in known:
        raise ReportError(
            f"{where}: {study} has no parameter {name!r}. It has {', '.join(own)}"
            f"{closest(str(name), own)}. They stand in its cell tagged parameters."
        )


def _check_type(name: str, value: Any, default: Any, where: str) -> None:
    if _fits(value, default):
        return
    hint = ""
    if isinstance(value, str) and "e" in value.lower():
        hint = " (YAML reads 1e-3 as text: write 1.0e-3)"
    raise ReportError(
        f"{where}: {name} is {value!r}, a {type(value).__name__}; the notebook's own value "
        f"{default!r} is a {type(default).__name__}{hint}. Give a value of that kind."
    )


def _fits(value: Any, default: Any) -> bool:
    if default is None:
        return True
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    if isinstance(default, list | tuple):
        if not isinstance(value, list | tuple):
            return False
        numbers = all(isinstance(element, int | float) for element in default)
        # Whole numbers count something, such as channels; one fraction makes all of them numbers.
        whole = all(isinstance(element, int) for element in default)
        like = 1.0 if numbers and not whole else default[0] if default else None
        return bool(value or not default) and all(_fits(element, like) for element in value)
    return isinstance(value, type(default))


def _read(text: str, default: Any) -> Any:
    if isinstance(default, str):
        return text
    for read in (ast.literal_eval, functools.partial(yaml.load, Loader=_Loader)):
        try:
            value = read(text)
        except _UNREADABLE:
            continue
        # papermill writes a tuple as text.
        return list(value) if isinstance(value, tuple) else value
    return text
