"""Templates: numbers filled in, and words that give way where a judgement is another."""

import pytest
from studies.judging.relations import difference, share
from studies.judging.templates import Template

from tests.sample_judgements import SHAPE, judged, times

CHECKS = {"BN mode": times(1.01, 0.02), "scale": [times(1.5), times(1.6)]}
RATIO = judged("S1.2", times(2.0), numbers=(3.0,), checks=CHECKS, setting="fewer epochs")
POINTS = judged("S1.3", difference("Accuracy", 0.9 + 0.01 * SHAPE, [0.91] * 6), border=-9.0)
SHARE = judged("S1.4", share("nets learn", [True] * 5 + [False]), border=0.1)
FALLS = judged("S1.5", times(0.5))
KNOWN = {judgement.claim.id: judgement for judgement in (RATIO, POINTS, SHARE, FALLS)}
SUPPOSES = {
    "S1.2": "reproduced; BN mode: gone; scale: holds",
    "S1.3": "reproduced",
    "S1.4": "reproduced",
    "S1.5": "contradicted",
}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("{S1.2}", "2.00 (1.83 to 2.18)"),
        ("{S1.2:estimate} and {S1.2:interval}", "2.00 and 1.83 to 2.18"),
        ("{S1.2[scale.1]:estimate}", "1.60"),
        ("{S1.2[BN mode]}", "1.010 (0.996 to 1.024, 90% interval)"),
        ("{S1.2:n}, {S1.2:border}, {S1.2:source}", "6, 1, 3"),
        ("{S1.2:size}", "the source's number, 3, lies outside the interval"),
        ("{S1.2:setting}", "fewer epochs"),
        ("{S1.3:estimate}, {S1.3:magnitude}", "−1.00 points, 1.00 points"),
        ("{S1.3:size}", "the source gives no number to compare with"),
        ("{S1.4:cases}", "5 of 6"),
        ("{S1.5:inverse} times, {S1.5:percent} less", "2 times, 50% less"),
        ("{S1.2:seen}", "1.13"),
    ],
)
def test_a_number_stands_in_its_place(text, written):
    template = Template(text, SUPPOSES)
    assert template.fits(KNOWN) and template.write(KNOWN) == written


@pytest.mark.parametrize(
    "supposes",
    [
        {"S1.2": "contradicted; BN mode: gone"},
        {"S1.2": "reproduced"},  # a check that ends otherwise is not named
        {"S1.2": "reproduced; BN mode: reversed"},
        {"S1.2": "reproduced; BN mode: gone; scale: undecided"},
        {"S9.9": "reproduced"},
    ],
)
def test_words_do_not_fit_where_a_judgement_is_another(supposes):
    assert not Template("Words.", supposes).fits(KNOWN)


@pytest.mark.parametrize(
    ("text", "supposes", "said"),
    [
        ("a", {"S1.2": "true"}, r"suppose 'true'\. Write one of reproduced,"),
        ("a", {"S1.2": "reproduced; moon: gone"}, r"checks with their words, of estimator,"),
        ("{S1.1}", {"S1.2": "reproduced"}, r"hold \{S1\.1\} and suppose nothing of it"),
        ("{S1.2[scale]}", {"S1.2": "reproduced"}, r"Name S1\.2 and its check scale"),
        ("{x}", {"S1.2": "reproduced"}, r"a brace that is no number's"),
    ],
)
def test_a_template_that_cannot_be_is_refused(text, supposes, said):
    with pytest.raises(ValueError, match=said):
        Template(text, supposes)


@pytest.mark.parametrize("text", ["{S1.2.4}", "{S1.2:colour}"])
def test_a_number_that_is_not_there_is_refused(text):
    with pytest.raises(ValueError, match=r"is no number: S1\.2 has 1 such relations"):
        Template(text, {"S1.2": SUPPOSES["S1.2"]}).write(KNOWN)
