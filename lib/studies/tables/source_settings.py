"""Table of the settings in which a study departs from its source."""

from collections.abc import Mapping, Sequence
from typing import Any

from studies.display import Sentence, Table
from studies.formatting import count_text, list_text, setting_text

# Names of parameters as prose calls them; others only lose their underscores.
_WORDS = {
    "max_train": "training examples",
    "small_train": "training examples of the small runs",
    "batch_size": "batch size (examples)",
    "hidden": "hidden units",
    "seeds": "trained networks",
    "plane_points": "points of a plane, each way",
    "dataset": "data set",
    "mlp_epochs": "epochs of MLPs",
    "cnn_epochs": "epochs of CNNs",
    "mlp_widths": "widths of MLPs",
    "cnn_widths": "widths of CNNs",
    "cifar_train": "training examples of CIFAR-10",
    "residual_batch": "batch size of residual networks (examples)",
    "skip_epochs": "epochs of networks with and without skip connections",
    "model_epochs": "epochs of the ResNet and the CNN",
}


def departures(
    source: Mapping[str, Any], ours: Mapping[str, Any], reasons: Mapping[str, str], *, label: str
) -> Table | Sentence:
    """Return a table of the settings that differ from the source's, or the sentence that none do.

    It stands in the appendix. A row reads as one sentence: "The source has 15; this study has 2,
    because ...".

    Args:
        source: Setting -> the source's value.
        ours: Setting -> value in this run, such as the study's parameters; it may hold others.
        reasons: Setting -> why it differs, as a clause that goes on after "because", such as
            ``a step of the ResNet takes ten times as long``; reasons for settings that agree are
            ignored.
        label: Such as ``tab-departures``.

    Raises:
        ValueError: If ours lacks a setting of the source, or a difference has no reason.
    """
    if missing := [name for name in source if name not in ours]:
        raise ValueError(
            f"the source's settings {missing} are not among ours: {', '.join(ours)}. "
            "Use our names for them, or leave them out."
        )
    differing = [name for name in source if setting_text(source[name]) != setting_text(ours[name])]
    if unexplained := [name for name in differing if not reasons.get(name, "").strip()]:
        raise ValueError(
            f"the settings {unexplained} depart from the source's without a reason. "
            "Say why in reasons, or use the source's value."
        )
    equal = [_words(name) for name in source if name not in differing]
    if not differing:
        return Sentence(f"This study has the settings of its source: {list_text(equal)}.").at(
            "appendix"
        )
    count = f"{len(differing)} of the {len(source)} settings"
    kept = f"; it keeps {list_text(equal)}" if equal else ""
    return Table(
        ["setting", "departure"],
        [
            [_words(name), _departure(name, source[name], ours[name], reasons[name])]
            for name in differing
        ],
        label=label,
        caption=f"This study departs from its source in {count} that the source names{kept}.",
        align=["left", "left"],
    ).at("appendix")


def _departure(name: str, source: Any, ours: Any, reason: str) -> str:
    values = [_value_text(name, value) for value in (source, ours)]
    reason = reason.strip().rstrip(".")
    return f"The source has {values[0]}; this study has {values[1]}, because {reason}."


def _words(name: str) -> str:
    return _WORDS.get(name, name.replace("_", " "))


def _value_text(name: str, value: Any) -> str:
    if name == "seeds" and isinstance(value, Sequence) and not isinstance(value, str):
        return "one for each setting" if len(value) == 1 else f"{len(value)} for each setting"
    if isinstance(value, int) and not isinstance(value, bool):
        return count_text(value)
    return setting_text(value)
