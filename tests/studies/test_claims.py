"""Claims and the words that code reaches."""

import dataclasses
import itertools
import math

import pytest
from studies import claims, formatting
from studies.claims import Claim, Finding, above, agreed, below, every, not_testable, robust, some
from studies.intervals import Interval, mean_interval
from studies.rank_correlation import rank_correlation

CLAIM = Claim("S9.1", "setting", "statement", "numbers", "rule")
WORDS = ("reproduced", "contradicted", "inconclusive")


def interval(low, high, *, kind="difference", invalid=0, n=5):
    middle = math.sqrt(low * high) if kind == "ratio" else (low + high) / 2
    return Interval(middle, low, high, n, 0.95, invalid, kind)


def finding(word):
    ends = {"reproduced": (1.0, 2.0), "contradicted": (-2.0, -1.0), "inconclusive": (-1.0, 1.0)}
    found = above("quantity", interval(*ends[word]))
    assert found.word == word
    return found


@pytest.mark.parametrize(
    ("ends", "over", "under"),
    [
        ((0.1, 0.9), "reproduced", "contradicted"),
        ((-0.9, -0.1), "contradicted", "reproduced"),
        ((-0.1, 0.9), "inconclusive", "inconclusive"),
        ((0.0, 0.9), "inconclusive", "inconclusive"),
        ((-0.9, 0.0), "inconclusive", "inconclusive"),
        ((0.0, 0.0), "inconclusive", "inconclusive"),
        ((math.nan, math.nan), "inconclusive", "inconclusive"),
    ],
)
def test_finding_needs_the_whole_interval_on_one_side(ends, over, under):
    assert above("q", interval(*ends)).word == over
    assert below("q", interval(*ends)).word == under


def test_finding_compares_a_ratio_with_one_and_a_difference_with_zero():
    assert above("q", interval(0.5, 0.9, kind="ratio")).word == "contradicted"
    assert above("q", interval(0.5, 0.9)).word == "reproduced"
    assert above("q", interval(0.5, 0.9, kind="mean")).threshold == 0.0
    assert below("q", interval(1.1, 2.0, kind="ratio")).threshold == 1.0


def test_finding_takes_another_threshold():
    found = above("q", interval(0.5, 0.9), threshold=1.0)
    assert (found.word, found.threshold, found.side) == ("contradicted", 1.0, "above")
    assert above("q", interval(1.2, 2.0, kind="ratio"), threshold=0.0).threshold == 0.0


@pytest.mark.parametrize("judge", [above, below])
def test_finding_of_what_did_not_converge_concludes_nothing(judge):
    found = judge("q", interval(0.5, 0.9), converged=False)
    assert found.word == "inconclusive" and found.text.endswith("n = 5 (not all converged)")


@pytest.mark.parametrize("judge", [above, below])
def test_finding_with_an_invalid_sample_concludes_nothing(judge):
    found = judge("q", mean_interval([1.0, math.nan, 2.0]))
    assert found.word == "inconclusive"
    assert found.text == "q: no estimate, 1 of 3 values are not finite or have no logarithm"


def test_finding_text_holds_estimate_interval_and_n():
    assert above("ratio", Interval(1.523, 1.2, 1.91, 5, 0.95, 0, "ratio")).text == (
        "ratio = 1.52 [1.20, 1.91], n = 5"
    )


# Every combination of up to three findings


def expected_every(words):
    if "contradicted" in words:
        return "contradicted"
    return "reproduced" if set(words) == {"reproduced"} else "inconclusive"


def expected_some(words):
    if "reproduced" in words:
        return "reproduced"
    return "contradicted" if set(words) == {"contradicted"} else "inconclusive"


COMBINATIONS = [words for size in (1, 2, 3) for words in itertools.product(WORDS, repeat=size)]


@pytest.mark.parametrize("words", COMBINATIONS, ids="-".join)
def test_every_and_some_judge_each_combination(words):
    findings = [finding(word) for word in words]
    assert every(CLAIM, findings).word == expected_every(words)
    assert some(CLAIM, findings).word == expected_some(words)
    agree = words[0] if len(set(words)) == 1 else "inconclusive"
    assert agreed(CLAIM, findings).word == agree
    assert every(CLAIM, findings).findings == tuple(findings)


ROBUST = {
    ("reproduced", "reproduced"): "reproduced",
    ("reproduced", "contradicted"): "artefact",
    ("reproduced", "inconclusive"): "inconclusive",
    ("contradicted", "reproduced"): "contradicted",
    ("contradicted", "contradicted"): "contradicted",
    ("contradicted", "inconclusive"): "contradicted",
    ("inconclusive", "reproduced"): "inconclusive",
    ("inconclusive", "contradicted"): "inconclusive",
    ("inconclusive", "inconclusive"): "inconclusive",
}


@pytest.mark.parametrize("words", ROBUST, ids="-".join)
def test_robust_judges_each_combination(words):
    source, check = (finding(word) for word in words)
    check = dataclasses.replace(check, quantity="the same, measured better")
    found = robust(CLAIM, [source], [check])
    assert found.word == ROBUST[words] and found.findings == (source, check)


def test_robust_needs_all_checks_to_reproduce_and_one_to_unmask():
    good, bad, open_ = (finding(word) for word in WORDS)
    assert robust(CLAIM, [good], [good, open_]).word == "inconclusive"
    assert robust(CLAIM, [good], [good, bad]).word == "artefact"
    assert robust(CLAIM, [good], [bad, open_]).word == "artefact"


def test_a_verdict_knows_its_word_without_the_checks():
    good, bad, open_ = (finding(word) for word in WORDS)
    assert robust(CLAIM, [good], [good, bad]).word_without_checks == "reproduced"
    assert robust(CLAIM, [good, open_], [bad]).word_without_checks == "inconclusive"
    assert robust(CLAIM, [bad], [good]).word_without_checks == "contradicted"
    assert some(CLAIM, [good, open_]).word_without_checks == "reproduced"
    assert not_testable(CLAIM, "x").word_without_checks == "not testable"


def test_robust_lists_a_check_that_is_also_a_finding_once():
    good, open_ = finding("reproduced"), finding("inconclusive")
    found = robust(CLAIM, [good], [good, open_])
    assert found.findings == (good, open_) and found.checks == 1
    alone = robust(CLAIM, [good], [good])
    assert alone.findings == (good,) and alone.checks == 0 and alone.word == "reproduced"


def test_robust_sees_an_artefact_only_where_the_source_s_way_shows_all_of_the_claim():
    good, bad, open_ = (finding(word) for word in WORDS)
    assert robust(CLAIM, [good, good], [bad]).word == "artefact"
    assert robust(CLAIM, [good, bad], [bad]).word == "contradicted"
    assert robust(CLAIM, [good, open_], [bad]).word == "inconclusive"
    assert robust(CLAIM, [good, open_], [good]).word == "inconclusive"
    assert robust(CLAIM, [good, open_], [bad]).findings == (good, open_, bad)


@pytest.mark.parametrize(
    "judge",
    [
        every,
        some,
        agreed,
        lambda claim, none: robust(claim, [finding("reproduced")], none),
        lambda claim, none: robust(claim, none, [finding("reproduced")]),
    ],
)
def test_verdict_without_findings_is_refused(judge):
    with pytest.raises(ValueError, match=r"no finding was given for S9.1. Measure something"):
        judge(CLAIM, [])


def test_not_testable_carries_its_reason():
    found = not_testable(CLAIM, "no such data")
    assert (found.word, found.findings, found.text) == ("not testable", (), "no such data")


def test_verdict_text_joins_its_findings():
    two = [above("a", interval(1.0, 2.0)), above("b", interval(-1.0, 1.0))]
    assert every(CLAIM, two).text == f"{two[0].text}; {two[1].text}"


# The sources' claims


def test_claim_carries_the_sources_words_and_the_studys_rule():
    found = claims.claim("S1.2", rule="Reproduced if above 1.")
    assert found.id == "S1.2" and found.rule == "Reproduced if above 1."
    assert "37.51" in found.source_numbers and found.statement and "Fashion" in found.setting


def test_claims_of_the_sources_are_whole():
    known = claims._sources()
    assert {"S1.1", "S1.2", "S1.3", "S1.4", "S1.5"} <= set(known)
    assert all(all(text.strip() for text in row) for row in known.values())


def test_claim_that_no_source_makes_is_refused():
    with pytest.raises(ValueError, match=r"the sources make no claim 'S7.9'. They make S1.1"):
        claims.claim("S7.9", rule="rule")


def test_claim_without_a_rule_is_refused():
    with pytest.raises(ValueError, match=r"claim S1.1 has no rule. Say when it is reproduced"):
        claims.claim("S1.1", rule=" ")


# Rounding


@pytest.mark.parametrize(
    ("numbers", "want"),
    [
        ((1.2, 1.523, 1.91), ("1.20", "1.52", "1.91")),
        ((-0.0123, 0.00456, 0.0214), ("−0.012", "0.005", "0.021")),
        ((1200.0, 1523.4, 1846.8), ("1200", "1523", "1847")),
        ((0.5, 0.5, 0.5), ("0.50", "0.50", "0.50")),
        ((-1.0, 0.0, 1.0), ("−1.0", "0.0", "1.0")),
        ((0.99991, 0.99995, 0.99999), ("0.999910", "0.999950", "0.999990")),
    ],
)
def test_rounded_numbers_have_the_digits_of_the_half_width(numbers, want):
    assert formatting.rounded_interval(*numbers) == want


def test_rounded_numbers_never_show_an_estimate_as_zero_that_its_interval_excludes():
    # Half-width 1e-10: eight decimals would show nothing of it.
    low, estimate, high = formatting.rounded_interval(3.0e-10, 4.0e-10, 5.0e-10)
    assert all(float(text.replace("−", "-")) > 0 for text in (low, estimate, high))


@pytest.mark.parametrize(
    ("numbers", "want"),
    [
        ((0.00071, 0.4, 227.4), ("7.1e−04", "0.40", "227")),
        ((0.9, 8.13, 119.0), ("0.90", "8.1", "119")),
        ((0.85, 2.7, 8.4), ("0.8", "2.7", "8.4")),  # Less than a factor of ten: as any other.
        ((2e-7, 3e-4, 2e7), ("2.0e−07", "3.0e−04", "2.0e+07")),
    ],
)
def test_a_wide_ratio_keeps_digits_of_each_number(numbers, want):
    assert formatting.rounded_interval(*numbers, kind="ratio") == want


def test_a_wide_mean_does_not():
    assert formatting.rounded_interval(0.00071, 0.4, 227.4, kind="mean") == ("0", "0", "227")


def test_a_large_number_of_a_small_width_keeps_the_digits_that_differ():
    assert formatting.rounded_interval(2.302577, 2.302585, 2.302593) == (
        "2.3025770",
        "2.3025850",
        "2.3025930",
    )
    assert formatting.rounded_interval(4.44440e-8, 4.44442e-8, 4.44444e-8)[1] == "4.444420e−08"


def test_an_end_that_is_not_the_border_does_not_read_as_the_border():
    assert formatting.rounded_interval(0.47, 0.68, 0.9988, border=1.0) == (
        "0.470",
        "0.680",
        "0.999",
    )
    assert formatting.rounded_interval(0.47, 0.68, 0.9985) == ("0.47", "0.68", "1.00")
    found = above("q", Interval(0.68, 0.47, 0.9985, 5, 0.95, 0, "ratio"))
    assert found.word == "contradicted" and "1.00" not in found.text


def test_numbers_of_what_diverges_are_powers_of_ten():
    assert formatting.rounded_interval(-3.9e27, 1.19e27, 6.3e27) == (
        "−3.9e+27",
        "1.2e+27",
        "6.3e+27",
    )
    assert formatting.rounded_interval(2.2e6, 2.3e6, 2.4e6) == ("2.20e+06", "2.30e+06", "2.40e+06")
    assert formatting.rounded_interval(2.29e5, 2.3e5, 2.31e5) == ("229000", "230000", "231000")


def test_rounded_numbers_have_no_negative_zero():
    assert formatting.rounded_interval(-1.0, -0.001, 1.0)[1] == "0.0"


def test_finding_is_a_frozen_record():
    with pytest.raises(AttributeError):
        finding("reproduced").word = "contradicted"
    assert isinstance(finding("reproduced"), Finding)


def test_a_correlation_without_estimate_says_why():
    found = above("ρ", rank_correlation([1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0]))
    assert found.word == "inconclusive"
    assert found.text == f"ρ: no estimate, {found.interval.reason}" and found.interval.reason


def test_an_end_that_is_nowhere_is_infinite():
    assert formatting.rounded_interval(0.0, 9.126, math.inf) == ("0.00", "9.13", "∞")
    assert formatting.rounded_interval(-math.inf, 9.126, math.inf) == ("−∞", "9.13", "∞")
