"""The BibTeX entry that says what CITATION.cff says."""

from __future__ import annotations

import yaml

from report.errors import ReportError

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()


def bibtex(text: str) -> str:
    """Return the BibTeX entry that says what a CITATION.cff says.

    Args:
        text: The file's content, in YAML.

    Raises:
        ReportError: If a field is missing.
    """
    content = yaml.safe_load(text)
    try:
        authors = " and ".join(_author(author) for author in content["authors"])
        year, month, _ = str(content["date-released"]).split("-")
        fields = {
            "title": f"{{{content['title']}}}",
            "author": authors,
            "year": year,
            "month": _MONTHS[int(month) - 1],
            "version": content["version"],
            "url": content.get("repository-code") or content.get("url"),
            "note": f"Licence: {content['license']}",
        }
    except KeyError as error:
        raise ReportError(f"CITATION.cff has no {error.args[0]}. Add it.") from None
    lines = [
        f"  {name:7} = {value if name == 'month' else f'{{{value}}}'},"
        for name, value in fields.items()
        if value
    ]
    return "\n".join(["@software{landscape,", *lines, "}"])


def _author(author: dict[str, str]) -> str:
    if "name" in author:
        return f"{{{author['name']}}}"
    return f"{author['family-names']}, {author['given-names']}"
