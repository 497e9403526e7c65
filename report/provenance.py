"""Where the numbers come from, as rows for a reader: what studies share, and what they do not."""

from __future__ import annotations

from typing import Any

from report.document import Report, Study

Rows = list[tuple[str, str]]


def shared_rows(report: Report) -> Rows:
    """Commit, versions and hardware, once when all studies agree, else by study."""
    rows: Rows = [("Profile", report.profile)]
    for name, value in (("Commit", _commit), ("Versions", _versions), ("Hardware", _hardware)):
        values = {study.name: value(study.provenance) for study in report.studies}
        if len(set(values.values())) == 1:
            rows.append((name, next(iter(values.values()))))
        else:
            rows += [(f"{name}, {study}", text) for study, text in values.items()]
    total = sum(float(study.provenance.get("compute_seconds", 0)) for study in report.studies)
    return [*rows, ("Compute time", duration(total))]


def study_rows(study: Study) -> Rows:
    """Seeds, compute time, data and parameters of one study."""
    provenance = study.provenance
    # Seeds have a row of their own, and places differ from machine to machine.
    left_out = {"seeds", "data_dir", "build_dir", "profile"}
    parameters = {k: v for k, v in provenance.get("parameters", {}).items() if k not in left_out}
    rows: Rows = [
        ("Seeds", _value(provenance.get("seeds", []))),
        ("Compute time", duration(float(provenance.get("compute_seconds", 0)))),
    ]
    rows += [(f"Data: {name}", _data(facts)) for name, facts in provenance.get("data", {}).items()]
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


def _commit(provenance: dict[str, Any]) -> str:
    changed = " with uncommitted changes" if provenance.get("dirty") else ""
    return f"{provenance.get('commit') or 'unknown'}{changed}"


def _versions(provenance: dict[str, Any]) -> str:
    return " · ".join(f"{name} {text}" for name, text in provenance.get("versions", {}).items())


def _hardware(provenance: dict[str, Any]) -> str:
    hardware = provenance.get("hardware", {})
    words = {"cpu": "{}", "cores": "{} cores", "threads": "{} threads", "memory_gb": "{} GB memory"}
    known = [form.format(hardware[key]) for key, form in words.items() if key in hardware]
    return " · ".join(known + [str(v) for k, v in hardware.items() if k not in words])


def _data(facts: dict[str, Any]) -> str:
    counts = [f"{_value(v)} {k} examples" for k, v in facts.items() if isinstance(v, int)]
    others = [f"{k} {v}" for k, v in facts.items() if not isinstance(v, int) and k != "sha256"]
    digest = [f"SHA\u2011256 {facts['sha256']}"] if "sha256" in facts else []
    return " · ".join(counts + others + digest)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_value(item) for item in value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10_000:
        return f"{value:,}".replace(",", "\u202f")
    return str(value)
