"""What all parts of a training's config share: frozen fields, and a fingerprint that holds code."""

import dataclasses

from landscape.store import fingerprint as fingerprints


@dataclasses.dataclass(frozen=True)
class Configuration:
    """The base of configs of networks, optimizers, schedules and augmentations.

    A subclass is a frozen dataclass and may stand in any file: what trains with it knows this base
    alone, so that a new one recomputes nothing of the others.
    """

    @property
    def fingerprint(self) -> fingerprints.Fingerprint:
        """Hash of the kind, its settings and the code behind it."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return fingerprints.fingerprint((type(self).__qualname__, fields, type(self)))
