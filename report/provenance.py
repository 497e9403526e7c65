"""Where the numbers come from, as rows for a reader: what studies share, and what they do not."""

from __future__ import annotations

from typing import Any

from report.origins import Origins, commit_text, hardware_text, versions_text
from report.parts import Report, Study
from report.structure import GIVEN

DATASETS = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "cifar10": "CIFAR-10"}
Rows = list[tuple[str, str]]
# Of the versions those on which numbers depend.
_MAIN = ("python", "torch", "numpy", "scipy")


def shared_rows(report: Report) -> Rows:
    """Commit, versions and hardware, once when all studies agree, else by study.

    What was measured says it in its record. A report of the profile ``published`` thus says the
    same on whatever machine it is made; what only judges has no rows in it.
    """
    rows: Rows = [] if report.of_reader else [("Profile", report.profile)]
    origins = {study.name: _origins(study) for study in report.studies if study.provenance}
    if any(study.origins.commits for study in report.studies):
        origins = {study.name: study.origins for study in report.studies if study.origins.commits}
    for name, attribute in (
        ("Commit", "commits"),
        ("Versions", "versions"),
        ("Hardware", "machines"),
    ):
        texts = {study: "; ".join(getattr(of, attribute)) for study, of in origins.items()}
        if len(set(texts.values())) == 1:
            rows.append((name, next(iter(texts.values()))))
        else:
            rows += [(f"{name}, {study}", text) for study, text in texts.items()]
    return [*rows, ("Compute time", duration(sum(of.seconds for of in origins.values())))]


def brief_rows(report: Report) -> Rows:
    """Return what a printed report says of its origin: no hash in full, few versions."""
    origins = [
        study.origins if study.origins.commits else _origins(study)
        for study in report.studies
        if study.provenance
    ]
    brief: dict[str, list[str]] = {"Commits": [], "Versions": [], "Hardware": []}
    for one in origins:
        brief["Commits"] += [commit[:7] for commit in one.commits]
        brief["Versions"] += [_main_versions(versions) for versions in one.versions]
        brief["Hardware"] += one.machines
    rows = [(name, "; ".join(dict.fromkeys(texts))) for name, texts in brief.items()]
    time = duration(sum(one.seconds for one in origins))
    profile = [] if report.of_reader else [("Profile", report.profile)]
    return [*profile, *rows, ("Compute time", time)]


def _main_versions(text: str) -> str:
    named = [part for part in text.split(" · ") if part.split(" ")[0].lower() in _MAIN]
    return " · ".join(named)


def own_rows(report: Report) -> list[tuple[Study, Rows]]:
    """Return the rows of each study that has any."""
    rows = [(study, study_rows(study)) for study in report.studies]
    return [(study, own) for study, own in rows if own]


def _origins(study: Study) -> Origins:
    """Return what the notebook itself says, of a study without a record."""
    said = study.provenance
    return Origins(
        commits=(commit_text(said),),
        versions=(versions_text(said),),
        machines=(hardware_text(said),),
        seconds=float(said.get("compute_seconds", 0)),
    )


def study_rows(study: Study) -> Rows:
    """Seeds, compute time, data and parameters of one study."""
    provenance = study.provenance
    # Seeds have a row of their own, and places differ from machine to machine.
    left_out = {"seeds", "folder", *GIVEN}
    parameters = {k: v for k, v in provenance.get("parameters", {}).items() if k not in left_out}
    seconds = study.origins.seconds or float(provenance.get("compute_seconds", 0))
    rows: Rows = [("Seeds", _value(provenance["seeds"]))] if provenance.get("seeds") else []
    if seconds:
        rows.append(("Compute time", duration(seconds)))
    rows += [
        (f"Data: {_data_name(name)}", _data(facts))
        for name, facts in provenance.get("data", {}).items()
    ]
    if parameters:
        rows.append(("Parameters", " · ".join(f"{k} = {_value(v)}" for k, v in parameters.items())))
    return rows


def duration(seconds: float) -> str:
    """Seconds in the two largest fitting units: ``2 h 05 min``, ``3 min 20 s``, ``41 s``."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    if whole >= 60:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole} s"


def _data_name(name: str) -> str:
    """Return the usual name of a data set; how many examples were taken its facts say."""
    dataset = name.partition(",")[0]
    return DATASETS.get(dataset, dataset)


def _data(facts: dict[str, Any]) -> str:
    counts = [f"{_value(facts[k])} {k} examples" for k in ("train", "test") if k in facts]
    classes = [f"{facts['classes']} classes"] if "classes" in facts else []
    shape = [" × ".join(map(str, facts["shape"]))] if "shape" in facts else []
    digest = [f"SHA\u2011256 {facts['sha256']}"] if "sha256" in facts else []
    return " · ".join(counts + classes + shape + digest)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_value(item) for item in value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10_000:
        return f"{value:,}".replace(",", "\u202f")
    return str(value)
