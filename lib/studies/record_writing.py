"""The tables of a record as CSV texts; what did not change is not formatted again."""

from collections.abc import Iterable, Mapping, Sequence

from studies import cells
from studies.record_content import ENTRY_COLUMNS, Entry, LabelledUse
from studies.recorder import NUMBER_COLUMNS


def label_columns(uses: Iterable[LabelledUse]) -> tuple[str, ...]:
    """Return the columns of all labels, in the order in which requests name them."""
    kinds = dict.fromkeys(tuple(use.labels) for use in uses)
    return tuple(dict.fromkeys(column for kind in kinds for column in kind))


def entries_text(
    uses: Iterable[LabelledUse], entries: Mapping[str, Entry], labels: tuple[str, ...]
) -> bytes:
    """Return ``entries.csv``: a row for each request.

    Args:
        uses: The requests, in the order of the rows.
        entries: Id -> entry.
        labels: The columns of labels.
    """
    columns = (*ENTRY_COLUMNS, *labels)
    lines = [cells.csv_line(columns).encode()]
    for use in uses:
        known = use.texts.get("entries")
        if known is None or known[0] != columns:
            entry = entries[use.entry]
            stamp = (use.entry, entry.kind, entry.part.origin, entry.checksum)
            row = {**use.labels, **dict(zip(ENTRY_COLUMNS, stamp, strict=True))}
            known = use.texts["entries"] = (columns, cells.as_csv([row], columns).encode())
        lines.append(known[1])
    return b"".join(lines)


def table_text(
    table: str, uses: Iterable[LabelledUse], entries: Mapping[str, Entry], labels: tuple[str, ...]
) -> bytes:
    """Return a table: the rows of all entries that have any.

    ``measurements`` repeats the rows of an entry for each request, with its labels and origin. Of
    other tables they stand once, without labels: points of planes would repeat them ten thousand
    times.

    Args:
        table: Its name.
        uses: The requests, in the order of the rows.
        entries: Id -> entry.
        labels: The columns of labels.
    """
    numbers = table == "measurements"
    chosen = [use for use in uses if table in entries[use.entry].columns]
    if not numbers:
        chosen = list({use.entry: use for use in chosen}.values())  # Each once, at its first place.
    kinds = dict.fromkeys([entries[use.entry].columns[table] for use in chosen])
    columns = _columns(kinds, labels, numbers)
    lines = [cells.csv_line(columns).encode()]
    for use in chosen:
        known = use.texts.get(table)
        if known is None or known[0] != columns:
            known = use.texts[table] = (columns, _rows_text(table, use, entries, columns))
        lines.append(known[1])
    return b"".join(lines)


def _rows_text(
    table: str, use: LabelledUse, entries: Mapping[str, Entry], columns: Sequence[str]
) -> bytes:
    """Return the rows of an entry in a table, as a request shows them."""
    part = entries[use.entry].part
    stamp = {"entry": use.entry, "origin": part.origin}
    rows, labels = part.table(table), {}
    if table == "measurements":
        rows, labels = part.measurements, use.labels
    return cells.as_csv([{**labels, **row, **stamp} for row in rows], columns).encode()


def _columns(
    kinds: Iterable[tuple[str, ...]], labels: tuple[str, ...], numbers: bool
) -> tuple[str, ...]:
    """Return the columns of a table whose entries have some kinds of rows."""
    present = dict.fromkeys(column for kind in kinds for column in kind)
    if not numbers:
        return ("entry", *present)
    leading = [column for column in NUMBER_COLUMNS if column in present]
    return ("entry", *dict.fromkeys([*labels, *leading, *present]), "origin")
