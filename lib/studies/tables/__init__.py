"""The report's tables and sentences: ``tables.comparison(numbers, [...], ...)`` and others."""

import importlib
from typing import Any

# Public name -> module and name in it.
_FROM = {
    "arms": ("comparisons", "arm_table"),
    "barrier_ratio": ("effect_words", "barrier_ratio"),
    "barrier_ratios": ("contrasts", "barrier_ratios"),
    "barriers": ("paths", "barrier_table"),
    "barriers_left": ("effect_words", "barriers_left"),
    "beside": ("network_words", "beside"),
    "by_arm": ("grids", "by_arm"),
    "changed_words": ("judged", "changed_words"),
    "coincidence": ("paths", "coincidence"),
    "closing": ("study_summary", "closing"),
    "comparison": ("comparisons", "comparison_table"),
    "correlated_pair": ("network_words", "correlated_pair"),
    "correlated": ("rank_correlations", "correlated"),
    "correlations": ("rank_correlations", "correlation_table"),
    "crossing": ("effect_words", "crossing"),
    "curvature_course": ("training_paths", "curvature_course"),
    "dead": ("runs", "dead"),
    "departures": ("source_settings", "departures"),
    "dependence": ("judged", "dependence_table"),
    "divergence": ("runs", "divergence"),
    "effect": ("effect_words", "effect"),
    "effects": ("effect_words", "effects"),
    "equality": ("contrasts", "equality"),
    "estimators": ("measurements", "estimators"),
    "exceeding": ("findings", "exceeding"),
    "exponents": ("scaling", "exponent_table"),
    "falls": ("runs", "falls"),
    "gaps": ("measurements", "gaps"),
    "grid": ("grids", "grid"),
    "grouped_sides": ("findings", "grouped_sides"),
    "grouped_words": ("findings", "grouped_words"),
    "judgements": ("judged", "judgement_table"),
    "learned": ("runs", "learned"),
    "local_trend": ("network_words", "local_trend"),
    "lowest": ("measurements", "lowest"),
    "means": ("effect_words", "means"),
    "outcomes": ("grids", "outcomes"),
    "paired_effects": ("findings", "paired_effects"),
    "own_borders": ("verdict_sentences", "own_borders"),
    "path_kinds": ("paths", "path_kind_table"),
    "plane_gap": ("training_paths", "plane_gap"),
    "plane_share": ("training_paths", "plane_share"),
    "prediction": ("network_words", "prediction"),
    "ratios": ("paired_ratios", "ratio_table"),
    "ratios_along": ("contrasts", "ratios_along"),
    "rebounds": ("runs", "rebounds"),
    "relapsed": ("time_to_target", "relapsed"),
    "repeated": ("runs", "repeated"),
    "rescaled": ("contrasts", "rescaled"),
    "resolution": ("measurements", "resolution"),
    "resolved": ("measurements", "resolved"),
    "rests_on": ("verdict_sentences", "rests_on"),
    "rounding": ("measurements", "rounding_sentence"),
    "rules": ("judged", "rules_table"),
    "setup": ("runs", "setup"),
    "sided_pairs": ("network_words", "sided_pairs"),
    "single_ratios": ("contrasts", "single_ratios"),
    "single_eigenvalues": ("single", "eigenvalues"),
    "single_layers": ("single", "layer_traces"),
    "single_numbers": ("single", "single_numbers"),
    "single_paths": ("single", "single_paths"),
    "sizes": ("runs", "sizes"),
    "slope_shares": ("contrasts", "slope_shares"),
    "span": ("findings", "span"),
    "speed": ("network_words", "speed"),
    "spread_sentence": ("findings", "spread_sentence"),
    "stable_starts": ("measurements", "stable_start_sentence"),
    "times": ("time_to_target", "time_table"),
    "trend": ("network_words", "trend"),
    "trend_words": ("findings", "trend_words"),
    "tuned": ("tuning", "tuning_table"),
    "tuned_sentence": ("tuning", "tuning_sentence"),
    "unjudged": ("judged", "unjudged"),
    "verdict_findings": ("verdict_sentences", "verdict_findings"),
    "what_it_means": ("verdict_sentences", "what_it_means"),
}

__all__ = sorted(_FROM)


def __getattr__(name: str) -> Any:
    """Import a table at its first use."""
    if name not in _FROM:
        raise AttributeError(f"there is no table {name!r}. There are {', '.join(__all__)}.")
    module, defined = _FROM[name]
    return getattr(importlib.import_module(f"studies.tables.{module}"), defined)
