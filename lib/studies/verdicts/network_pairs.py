"""Sign agreement over pairs of networks of all studies, for rules that ask for it."""

from collections.abc import Mapping, Sequence
from typing import Any

from studies.hyperparameters import STUDIES
from studies.judging.associations import agreement
from studies.judging.relations import Relation
from studies.network_table import MEASURES, network_rows
from studies.prediction import OUTCOMES, PREDICTORS, predictions
from studies.recorder import Rows
from studies.sign_agreement import SignAgreement
from studies.verdicts.asked import Asked
from studies.verdicts.columns import NotMeasuredError
from studies.verdicts.judgements import Judgements
from studies.verdicts.recorded_study import RecordedStudy

_RELATIVE = {"sam": "sam_adaptive", "lambda_max": "lambda_max_relative"}
_GIVEN = {"": "", "train_loss": "training loss"}


class NetworkPairs:
    """Pairs of recorded networks that differ in one hyperparameter.

    The table of networks is built from the records when the first rule is judged; a study without
    a record has no networks in it.

    Args:
        verdicts: What judges, with its records.
    """

    def __init__(self, verdicts: Judgements) -> None:
        # Asked for now: while claims are judged, no study may be added.
        self._studies = {name: verdicts.study(name).record for name in STUDIES}
        self._rows: Rows | None = None
        self._results: dict[tuple[Any, ...], SignAgreement] = {}

    def agreement(
        self,
        predictor: str,
        outcome: str,
        contrast: str = "",
        *,
        given: str = "",
        **where: str | Sequence[str],
    ) -> Asked:
        """Ask for the sign agreement of a predictor with an outcome.

        Args:
            predictor: A column among ``prediction.PREDICTORS``.
            outcome: One of ``prediction.OUTCOMES``.
            contrast: Of which networks.
            given: ``train_loss`` to hold it equal; empty for nothing.
            where: Column -> value, or values, of the networks that count.
        """
        chosen = {k: (v,) if isinstance(v, str) else tuple(v) for k, v in where.items()}

        def measure() -> Relation:
            return agreement(
                _title(PREDICTORS[predictor]),
                self._result(outcome, given, chosen),
                predictor,
                other=OUTCOMES[outcome],
                given=_GIVEN[given],
                contrast=contrast,
            )

        return Asked(measure)

    def checks(self, predictor: str, outcome: str, contrast: str, **where: str) -> dict[str, Asked]:
        """Return the checks of an agreement in relative units and at equal training loss.

        Args:
            predictor: As for ``agreement``.
            outcome: The same.
            contrast: The same.
            where: The same.
        """
        asked = {"training_loss": self.agreement(predictor, outcome, contrast, given="train_loss",
                                                 **where)}  # fmt: skip
        if predictor in _RELATIVE:
            asked["scale"] = self.agreement(_RELATIVE[predictor], outcome, contrast, **where)
        return asked

    def _result(
        self, outcome: str, given: str, where: Mapping[str, tuple[str, ...]]
    ) -> SignAgreement:
        records = self._records()
        for record in records.values():
            record.used.update(_origins(record))
        if self._rows is None:
            self._rows = network_rows(records)
        key = (outcome, given, tuple(sorted(where.items())))
        if key not in self._results:
            try:
                self._results[key] = predictions(
                    self._rows, outcome=outcome, given=given, where=where
                )
            except ValueError as error:
                raise NotMeasuredError(str(error).split(". ")[0]) from error
        return self._results[key]

    def _records(self) -> dict[str, RecordedStudy]:
        records = {name: record for name, record in self._studies.items() if record.recorded}
        if not records:
            raise NotMeasuredError("no study of networks has a record in this profile")
        return records


def _origins(record: RecordedStudy) -> set[str]:
    names = {"train_loss", "test_accuracy", *(quantity for quantity, _ in MEASURES.values())}
    return {row["origin"] for name in names for row in record.numbers(name)}


def _title(words: str) -> str:
    return words if not words[:1].isascii() else words[:1].upper() + words[1:]
