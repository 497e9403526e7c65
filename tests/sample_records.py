"""Small records of studies, written as studies write them, for those who judge them."""

from studies.record_folder import RecordFolder
from studies.recorder import Recorder

DATA = {
    "digits": {"sha256": "d" * 64, "train": 500, "test": 100, "classes": 10, "shape": [1, 8, 8]}
}


class SampleRecord:
    """A record to which a test adds entries.

    Args:
        folder: Folder of all records.
        study: Name of the study.
        parameters: The study's parameters.
    """

    def __init__(self, folder, study="01_sample", **parameters):
        self.folder, self.study = folder, study
        self._record = RecordFolder(folder / study, study)
        self._record.header = {"parameters": parameters, "datasets": DATA}
        self._record.origins["o1"] = {"commit": "c", "code": {}}
        self._count = 0

    def add(self, quantity=None, value=0.0, *, labels, tables=None, entry=None, **columns):
        """Add an entry with one number, or with the rows of tables alone."""
        recorder = Recorder(None)
        if quantity is not None:
            recorder.add(quantity, value, **columns)
        for name, rows in (tables or {}).items():
            recorder.table(name, rows)
        self._count += 1
        entry = entry or f"e{self._count:011d}"
        labels = {"arm": "sample", "at": "end", **labels}
        self._record.put(entry, "sample", recorder.part("o1"), seconds=1.0, write=False)
        self._record.ask(entry, labels)
        return entry

    def run(self, accuracy=0.9, *, labels, entry=None, parameters=100, **numbers):
        """Add a run with its final accuracy, the number of its parameters, and other numbers."""
        recorder = Recorder(None)
        diverged = {"note": "diverged at step 3"} if accuracy < 0 else {}
        learned = accuracy > 0.2
        stamp = {"bn": "frozen", "examples_hash": DATA["digits"]["sha256"], "learned": learned}
        recorder.add("test_accuracy", abs(accuracy), converged=not diverged, **stamp, **diverged)
        for name, value in numbers.items():
            recorder.add(name, value, **stamp)
        recorder.table("runs", [{"parameters": parameters}])
        self._count += 1
        entry = entry or f"e{self._count:011d}"
        labels = {"arm": "sample", "at": "end", **labels}
        self._record.put(entry, "runs", recorder.part("o1"), seconds=1.0, write=False)
        self._record.ask(entry, labels)
        return entry

    def write(self):
        """Write the record, and return the folder of all records."""
        self._record.write()
        return self.folder


def two_arms(folder, *, factor=2.0, seeds=6, study="01_sample", **parameters):
    """Write a record of two arms, λ_max of one larger by a factor that varies with the seed."""
    record = SampleRecord(folder, study, **{"dataset": "digits", "rho": 0.5, **parameters})
    for norm in ("batch", "none"):
        for seed in range(seeds):
            labels = {"arm": norm, "norm": norm, "seed": seed}
            record.run(labels=labels, train_loss=0.1 + 0.01 * seed)
            larger = factor * 1.01**seed if norm == "batch" else 1.0
            record.add("lambda_max", larger, labels=labels, bn="frozen", converged=True)
    return record
