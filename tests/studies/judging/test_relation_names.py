"""Names of relations in the table of rules."""

import dataclasses

import pytest
from studies.judging.relation_names import relation_name

from tests.sample_judgements import judged, times


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ({"contrast": "with BN"}, "λ_max, with BN over without (ratio)"),
        (
            {"contrast": "with BN under batch statistics"},
            "λ_max, with BN over without, under batch statistics (ratio)",
        ),
        ({"contrast": "after SGD than after Adam"}, "λ_max, SGD over Adam (ratio)"),
        (
            {"contrast": "without skip connections than with"},
            "λ_max, without skip connections over with (ratio)",
        ),
        (
            {
                "kind": "difference",
                "quantity": "Test accuracy",
                "contrast": "in the ResNet than in the CNN",
                "unit": "points",
            },
            "test accuracy, ResNet minus CNN (points)",
        ),
        (
            {"kind": "difference", "quantity": "The change by skips", "contrast": "than by BN"},
            "change by skips minus by BN",
        ),
        (
            {"kind": "barrier", "quantity": "Error barrier", "contrast": "", "unit": "points"},
            "error barrier (points)",
        ),
        (
            {"kind": "share", "quantity": "planes show one minimum", "contrast": ""},
            "share of planes that show one minimum",
        ),
        (
            {"kind": "correlation", "contrast": "", "other": "test accuracy"},
            "rank correlation of λ_max with test accuracy",
        ),
    ],
)
def test_a_relation_has_a_name_as_a_noun(words, name):
    relation = judged("S1.1", times(2.0)).findings[0].relation
    assert relation_name(dataclasses.replace(relation, **words)) == name
