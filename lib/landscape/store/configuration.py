"""Base class of training options: each has a fingerprint of its settings and of its code."""

import dataclasses

from landscape.store import fingerprint as fingerprints


@dataclasses.dataclass(frozen=True)
class Configuration:
    """Base class of the options for networks, optimizers, schedules and augmentations.

    A subclass is a frozen dataclass and may stand in any file. Training code refers to this base
    class alone, so a new subclass invalidates no stored result of the other classes.
    """

    @property
    def fingerprint(self) -> fingerprints.Fingerprint:
        """SHA-256 of the class's name, its settings and its code."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return fingerprints.fingerprint((type(self).__qualname__, fields, type(self)))
