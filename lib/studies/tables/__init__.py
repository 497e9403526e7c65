"""The report's tables and sentences: ``tables.comparison(numbers, [...], ...)`` and others."""

import importlib
from typing import Any

# Public name -> module and name in it.
_FROM = {
    "ahead": ("contrasts", "ahead"),
    "arms": ("comparisons", "arm_table"),
    "barrier_ratio": ("effect_words", "barrier_ratio"),
    "barrier_ratios": ("contrasts", "barrier_ratios"),
    "barriers": ("paths", "barrier_table"),
    "barriers_left": ("effect_words", "barriers_left"),
    "beside": ("network_words", "beside"),
    "changed_words": ("judged", "changed_words"),
    "claim_summaries": ("judged", "claim_summaries"),
    "closing": ("study_summary", "closing"),
    "comparison": ("comparisons", "comparison_table"),
    "correlated_pair": ("network_words", "correlated_pair"),
    "correlated": ("rank_correlations", "correlated"),
    "correlation_signs": ("rank_correlations", "correlation_signs"),
    "correlations": ("rank_correlations", "correlation_table"),
    "crossing": ("effect_words", "crossing"),
    "curvature_course": ("training_paths", "curvature_course"),
    "dead": ("runs", "dead"),
    "departures": ("source_settings", "departures"),
    "divergence": ("runs", "divergence"),
    "divergence_shares": ("runs", "divergence_shares"),
    "effect": ("effect_words", "effect"),
    "effects": ("effect_words", "effects"),
    "equality": ("contrasts", "equality"),
    "estimators": ("measurements", "estimators"),
    "exceeding": ("findings", "exceeding"),
    "exponent_change": ("scaling", "exponent_change"),
    "exponent_sentence": ("findings", "exponent_sentence"),
    "exponents": ("scaling", "exponent_table"),
    "falls": ("runs", "falls"),
    "gaps": ("measurements", "gaps"),
    "grouped_sides": ("findings", "grouped_sides"),
    "grouped_words": ("findings", "grouped_words"),
    "judgements": ("judged", "judgement_table"),
    "judged_study": ("judged", "judged_study"),
    "learned": ("runs", "learned"),
    "local_trend": ("network_words", "local_trend"),
    "lowest": ("measurements", "lowest"),
    "means": ("effect_words", "means"),
    "over": ("contrasts", "over"),
    "paired_effects": ("findings", "paired_effects"),
    "path_kinds": ("paths", "path_kind_table"),
    "plane_gap": ("training_paths", "plane_gap"),
    "plane_share": ("training_paths", "plane_share"),
    "prediction": ("network_words", "prediction"),
    "ratio_sentence": ("findings", "ratio_sentence"),
    "ratio_words": ("measurements", "ratio_words"),
    "ratios_along": ("contrasts", "ratios_along"),
    "ratios": ("paired_ratios", "ratio_table"),
    "rebounds": ("runs", "rebounds"),
    "relapsed": ("time_to_target", "relapsed"),
    "rescaled": ("contrasts", "rescaled"),
    "repeated": ("runs", "repeated"),
    "resolution": ("measurements", "resolution"),
    "rests_on": ("judged", "rests_on"),
    "rounding": ("measurements", "rounding_sentence"),
    "setup": ("runs", "setup"),
    "single_ratios": ("contrasts", "single_ratios"),
    "slope_shares": ("contrasts", "slope_shares"),
    "stable_starts": ("measurements", "stable_start_sentence"),
    "sizes": ("runs", "sizes"),
    "span": ("findings", "span"),
    "speed": ("network_words", "speed"),
    "spread_sentence": ("findings", "spread_sentence"),
    "times": ("time_to_target", "time_table"),
    "trend": ("network_words", "trend"),
    "trend_words": ("findings", "trend_words"),
    "tuned": ("tuning", "tuning_table"),
    "tuned_sentence": ("tuning", "tuning_sentence"),
    "unjudged": ("judged", "unjudged"),
    "verdict_counts": ("judged", "verdict_counts"),
}

__all__ = sorted(_FROM)


def __getattr__(name: str) -> Any:
    """Import a table at its first use."""
    if name not in _FROM:
        raise AttributeError(f"there is no table {name!r}. There are {', '.join(__all__)}.")
    module, defined = _FROM[name]
    return getattr(importlib.import_module(f"studies.tables.{module}"), defined)
