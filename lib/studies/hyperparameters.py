"""The hyperparameters of recorded networks, from the labels that each study gives its arms."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

HYPERPARAMETERS = (
    "model",
    "width",
    "depth",
    "skip",
    "norm",
    "activation",
    "init",
    "optimizer",
    "learning_rate",
    "batch_size",
    "epochs",
    "clip_norm",
    "precision",
)
_RESNET_DEFAULTS = {"norm": "batch", "init": "he", "skip": "yes"}

Labels = Mapping[str, Any]
Settings = dict[str, Any]


def hyperparameters(
    study: str, labels: Sequence[Labels], parameters: Mapping[str, Any]
) -> Settings | None:
    """Return the hyperparameters of a network; those that a study holds constant are None or given.

    Args:
        study: Name of the study that trained it.
        labels: The labels of each use of the training run: a run may be the same in two sweeps.
        parameters: Parameters of the study.

    Returns:
        A value for each of ``HYPERPARAMETERS``; None where the labels of this study have no
        meaning here, or do not say which learning rate was chosen.
    """
    reader = _READERS.get(study)
    if reader is None:
        return None
    known: Settings = dict.fromkeys(HYPERPARAMETERS)
    for name in ("batch_size", "epochs", "precision", "learning_rate"):
        known[name] = parameters.get(name)
    readings = [reader(one, parameters) for one in labels]
    rates = [reading["learning_rate"] for reading in readings if "learning_rate" in reading]
    if any("learning_rate" in reading for reading in readings) and not any(rates):
        return None
    merged = {**known, **readings[0]}
    if rates:
        merged["learning_rate"] = next(rate for rate in rates if rate)
    merged["learning_rate"] = float(f"{merged['learning_rate']:.6g}")  # 0.01 / (1 − 0.9) is 0.1.
    return merged


def _small_cnn(labels: Labels, parameters: Mapping[str, Any]) -> Settings:
    return {"model": "CNN", "norm": labels["norm"], "optimizer": "momentum"}


def _resnet(labels: Labels, parameters: Mapping[str, Any]) -> Settings:
    start, way = labels.get("start", ""), labels.get("way", "")
    settings = {name: labels.get(name) or usual for name, usual in _RESNET_DEFAULTS.items()}
    settings |= {"model": "ResNet", "optimizer": "momentum", "width": parameters.get("width")}
    settings["depth"] = labels.get("depth") or parameters.get("depth")
    if labels.get("skipinit") == "yes" or start == "SkipInit":
        settings["init"] = "SkipInit"
    small = labels.get("rate") == "small" or start == "small step"
    usual_rate = parameters.get("small_rate" if small else "learning_rate")  # None in a sweep.
    settings["learning_rate"] = labels.get("learning_rate") or usual_rate
    settings["clip_norm"] = parameters["clip_norm"] if start == "clipped" else None
    for name in ("batch_size", "precision"):
        settings[name] = labels.get(name) or parameters.get(name)
    if way in ("source", "batches of source"):
        settings["batch_size"] = parameters["source_batch"]
    if way == "source":
        settings["precision"] = "float32"
    return settings


def _two_models(labels: Labels, parameters: Mapping[str, Any]) -> Settings:
    return {"model": labels["model"], "optimizer": "momentum"}


def _smooth_twins(labels: Labels, parameters: Mapping[str, Any]) -> Settings:
    return {
        "model": labels["model"],
        "activation": labels["activation"],
        "optimizer": "momentum",
    }


def _optimizers(labels: Labels, parameters: Mapping[str, Any]) -> Settings:
    family, optimizer = labels.get("family"), labels.get("optimizer", "momentum")
    settings = {"model": labels.get("network", "MLP"), "optimizer": optimizer}
    settings["learning_rate"] = _rate(labels, parameters, optimizer)
    if family:
        size, usual = labels["batch_size"], parameters["batch_size"]
        settings |= {"batch_size": size, "learning_rate": parameters["learning_rate"]}
        if family == "fixed ratio":
            settings["learning_rate"] = parameters["learning_rate"] * size / usual
        if family == "as many steps":
            settings["epochs"] = parameters["epochs"] * size / min(parameters["batch_sizes"])
    elif labels.get("batch"):
        full = labels["batch"] == "full batch"
        settings["batch_size"] = parameters["edge_examples" if full else "edge_batch"]
        settings |= {"activation": "tanh", "epochs": None}
        edge_rate = parameters["edge_adam_rate" if optimizer == "Adam" else "edge_rates"]
        settings["learning_rate"] = labels.get("learning_rate") or np.min(edge_rate).item()
    return settings


def _rate(labels: Labels, parameters: Mapping[str, Any], optimizer: str) -> float | None:
    """Return the learning rate; None where it was chosen from a grid that has other labels."""
    if labels.get("learning_rate"):
        return labels["learning_rate"]
    shared, beta = parameters["learning_rate"], parameters["momentum"]
    if effective := labels.get("effective_rate"):
        return effective * (1 - beta) if optimizer == "momentum" else effective
    rates = {"shared": shared, "default": parameters["adam_rate"], "paced": shared / (1 - beta)}
    return rates.get(labels.get("rate", ""))


def _widths(labels: Labels, parameters: Mapping[str, Any]) -> Settings:
    network = labels["network"]
    return {
        "model": network,
        "width": labels["width"],
        "optimizer": "momentum",
        "epochs": parameters[f"{network.lower()}_epochs"],
    }


_READERS: dict[str, Callable[[Labels, Mapping[str, Any]], Settings]] = {
    "01_bn_ablation": _small_cnn,
    "02_skip_ablation": _resnet,
    "02_skip_depth": _resnet,
    "02_skip_estimator": _smooth_twins,
    "02_skip_rates": _resnet,
    "02_skip_sharpness": _resnet,
    "02_skip_starts": _resnet,
    "02_skip_vs_cnn": _two_models,
    "03_optimizer_sweep": _optimizers,
    "04_width_scaling": _widths,
}
# In this order networks that several studies share belong to the first.
STUDIES = tuple(_READERS)
