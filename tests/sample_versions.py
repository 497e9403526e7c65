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
    """Write the provenance of a published study, without versions of code where it is None."""
    path = root / "report" / "published" / "provenance" / f"{study}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"commit": commit} | ({} if code is None else {"code": code})))
    return path


def versions_by_name(root):
    """Name of a function -> its version as the library lies on the disk."""
    from landscape.store.code_versions import all_versions

    versions = all_versions([root / "lib" / "own"])
    return {name.rpartition(".")[2]: v for v, names in versions.items() for name in names}
