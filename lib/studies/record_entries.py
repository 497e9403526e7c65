"""The entries of a record in memory, the requests for them, and what the files lack of them."""

import collections
from collections.abc import ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from typing import Any

from studies import cells
from studies.record_content import Content, Entry, LabelledUse, Labels, Stamp
from studies.record_writing import entries_text, label_columns, table_text


class Entries(Mapping[str, Entry]):
    """Entries by their ids, and the requests for them: those of this process, and former ones."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._asked: dict[tuple[Any, ...], LabelledUse] = {}
        self._former: dict[tuple[Any, ...], LabelledUse] = {}
        self._uses_of: dict[str, list[LabelledUse]] = {}
        # Entries that this process changed -> what the files had; None where they had nothing.
        self._replaced: dict[str, Stamp | None] = {}
        self._tables: collections.Counter[str] = collections.Counter()  # Entries with rows.
        self._changed: set[str] | None = None  # Tables that differ from the files; None is all.
        self._labels: tuple[str, ...] = ()

    def __getitem__(self, entry: str) -> Entry:
        return self._entries[entry]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    # A mapping's own methods call the three above for each entry: a record has thousands.
    def __contains__(self, entry: object) -> bool:
        return entry in self._entries

    def values(self) -> ValuesView[Entry]:
        """Return the entries."""
        return self._entries.values()

    def items(self) -> ItemsView[str, Entry]:
        """Return (id, entry) for each entry."""
        return self._entries.items()

    @property
    def tables(self) -> set[str]:
        """The tables that have rows, and ``measurements``."""
        return {*+self._tables, "measurements"}

    def ask(self, entry: str, labels: Mapping[str, Any]) -> None:
        """Note a request; the order of calls is kept.

        Args:
            entry: Id of the entry; the record may lack it.
            labels: Column -> value.

        Raises:
            ValueError: If a name of a label is taken, or a text would be read back as a number.
        """
        use = LabelledUse(entry, cells.kept(labels))
        if use.key not in self._asked:
            use.check(self.get(entry))
            if entry in self:
                self._changed = None
            self._asked[use.key] = use
            self._uses_of.setdefault(entry, []).append(use)

    def put(self, entry: str, content: Entry, labels: Iterable[Labels] = ({},)) -> None:
        """Add or replace an entry.

        Args:
            entry: Its id.
            content: The entry.
            labels: The labels of former requests, in case that nobody has asked for it here.

        Raises:
            ValueError: If its numbers have a column that is a label of a request for it.
        """
        old = self.get(entry)
        self._replace(entry, content)
        self._replaced.setdefault(entry, None if old is None else old.stamp)
        if entry not in self._uses_of:
            uses = [LabelledUse(entry, dict(each)) for each in labels]
            self._former |= {use.key: use for use in uses}
            self._uses_of[entry] = uses

    def drop(self, entry: str) -> None:
        """Remove an entry; requests for it are kept."""
        self._tables.subtract([*self._entries.pop(entry).columns])
        self._replaced.pop(entry, None)
        self._changed = None

    def labels(self, entry: str) -> list[Labels]:
        """Return the labels of each request for an entry: of this process, or else former ones."""
        asked = [use.labels for use in self._uses_of[entry] if use.key in self._asked]
        return asked or [use.labels for use in self._uses_of[entry]]

    def uses(self, *, asked: bool) -> list[LabelledUse]:
        """Return the requests in the order asked; unless ``asked``, then those of other entries."""
        # By request, not by entry: seeds of an arm keep their order where two arms share entries.
        uses = [use for use in self._asked.values() if use.entry in self._entries]
        if not asked:
            done = {use.entry for use in uses}
            uses += [
                use
                for use in self._former.values()
                if use.entry not in done and use.entry in self._entries
            ]
        return uses

    def take_over(self, content: Content | None) -> list[str]:
        """Take over entries of the files, except those that this process alone measured again.

        Args:
            content: What the files hold; None if there are none.

        Returns:
            The entries that this process and another one measured and that differ. Those of the
            files stay.
        """
        self._changed = None
        if content is None:
            return []
        refused = [entry for entry, theirs in content.entries.items() if self._meet(entry, theirs)]
        former = {}
        for entry, labels in content.requests:
            use = LabelledUse(entry, labels)
            former[use.key] = self._former.get(use.key, use)
        kept = {k: use for k, use in self._former.items() if use.entry not in content.entries}
        self._former, self._uses_of = former | kept, {}
        for use in (*self._asked.values(), *self._former.values()):
            self._uses_of.setdefault(use.entry, []).append(use)
        return refused

    def texts(self, uses: Sequence[LabelledUse]) -> dict[str, bytes]:
        """Return ``entries.csv`` and the tables that may have changed: name -> content.

        Args:
            uses: All requests, in the order of the rows.
        """
        labels = label_columns(uses)
        if labels != self._labels:
            self._labels, self._changed = labels, None
        texts = {
            f"{table}.csv": table_text(table, uses, self._entries, labels)
            for table in self.tables
            if self._changed is None or table in self._changed
        }
        return {**texts, "entries.csv": entries_text(uses, self._entries, labels)}

    def written(self) -> None:
        """Note that the files hold all of this."""
        self._replaced.clear()
        self._changed = set()

    def _meet(self, entry: str, theirs: Entry) -> bool:
        """Take an entry of the files unless this process changed it; return whether both did."""
        mine, known = self.get(entry), self._replaced.get(entry)
        if mine is not None and theirs.stamp == known:
            return False  # This process alone measured it again.
        both = mine is not None and entry in self._replaced and mine.checksum != theirs.checksum
        self._replaced.pop(entry, None)
        if mine is None or mine.stamp != theirs.stamp:
            self._replace(entry, theirs)
        return both

    def _replace(self, entry: str, new: Entry) -> None:
        for use in self._uses_of.get(entry, []):
            use.check(new)
        for use in self._uses_of.get(entry, []):
            use.texts.clear()
        old = self.get(entry)
        self._entries[entry] = new
        tables = [] if old is None else [*old.columns]
        self._tables.subtract(tables)
        self._tables.update([*new.columns])
        if self._changed is not None:
            self._changed |= {*tables, *new.columns}
