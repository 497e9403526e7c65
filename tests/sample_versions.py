"""A project with a library of two functions, and published results that know their versions."""

import json

from report.equivalent import COLUMNS

COMMIT = "0123456789abcdef"


def column_names():
    return ",".join(COLUMNS)


def write_library(root):
    """Write a library of one function, which uses another."""
    package = root / "lib" / "own"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "half.py").write_text("def half(x):\n    return x / 2\n")
    (package / "f.py").write_text("from own.half import half\n\n\ndef f(x):\n    return half(x)\n")


def publish(root, study, code, commit=COMMIT):
    """Write a published record of one entry, without versions of code where they are None."""
    return publish_record(root, study, {"o": (commit, code)}, [("e", "o")])


def publish_record(root, study, origins, entries, column="entry"):
    """Write a published record: origin -> (commit, versions of code), (entry, origin) a row."""
    folder = root / "report" / "published" / "record" / study
    folder.mkdir(parents=True, exist_ok=True)
    codes = {
        label: {"commit": commit} | ({} if code is None else {"code": code})
        for label, (commit, code) in origins.items()
    }
    (folder / "record.json").write_text("{}")
    (folder / "origins.json").write_text(json.dumps(codes))
    rows = [f"{column},origin", *(f"{entry},{origin}" for entry, origin in entries)]
    (folder / "entries.csv").write_text("\n".join(rows) + "\n")
    return folder / "origins.json"


def versions_by_name(root):
    """Name of a function -> its version as the library lies on the disk."""
    from landscape.store.code_versions import all_versions

    versions = all_versions([root / "lib" / "own"])
    return {name.rpartition(".")[2]: v for v, names in versions.items() for name in names}
