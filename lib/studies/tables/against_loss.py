"""Tables of pairs at equal training loss: one row a pair, and the verdict at each loss."""

from collections.abc import Mapping, Sequence

from studies.display import Missing, Sentence, Table
from studies.formatting import interval_text, list_text, number_text
from studies.loss_pairs import NOT_COMPARED, WORDS, LossPair
from studies.tables.layout import table_of


def at_loss_table(
    compared: Mapping[str, Sequence[LossPair]], *, label: str, caption: str
) -> Table | Sentence:
    """Return a table of pairs: their ratio at the end, at equal loss, and what the loss explains.

    Args:
        compared: Heading of the networks, such as ``CNN`` -> its pairs.
        label: Such as ``tab-pairs``.
        caption: What to see.
    """
    rows = [
        [
            _named(heading, pair),
            pair.heading if pair.bn == "frozen" else f"{pair.heading}, {pair.mode}",
            interval_text(pair.at_end),
            pair.reason or interval_text(pair.factor),
            pair.verdict,
            pair.flip_text,
        ]
        for heading, pairs in compared.items()
        for pair in pairs
    ]
    if not rows:
        return Missing(label)
    columns = ["ratio of", "quantity", "at the end", "at equal loss", "the difference", "turns at"]
    return table_of(columns, rows, label=label, caption=caption, align=["left"] * len(columns))


def levels_table(pairs: Sequence[LossPair], *, label: str, caption: str) -> Table | Sentence:
    """Return the ratio of each pair at each loss that both pass, with what its interval means.

    Args:
        pairs: The pairs.
        label: Such as ``tab-levels``.
        caption: What to see.
    """
    rows = [
        [_heading(pair), number_text(one.loss), interval_text(one.ratio), WORDS[one.outcome]]
        for pair in pairs
        for one in pair.compared
    ]
    if pairs and not rows:
        return Sentence("These networks pass no training loss in common.")
    if not rows:
        return Missing(label)
    columns = ["ratio of λ_max", "training loss (nats)", "ratio", "the first is"]
    align = ["left", "decimal", "left", "left"]
    return table_of(columns, rows, label=label, caption=caption, align=align)


def _heading(pair: LossPair) -> str:
    return _ratio(pair) if pair.bn == "frozen" else f"{_ratio(pair)}, {pair.mode}"


def loss_words(compared: Mapping[str, Sequence[LossPair]]) -> str:
    """Return what the training loss makes of the differences of λ_max in eval mode.

    Args:
        compared: As for ``at_loss_table``.
    """
    named = {
        _named(heading, pair): pair
        for heading, pairs in compared.items()
        for pair in pairs
        if _is_top(pair)
    }
    texts = []
    for verdict, words in _COUNTED.items():
        names = [name for name, pair in named.items() if pair.verdict == verdict]
        if names:
            texts.append(f"{len(names)} {words[len(names) > 1]} ({', '.join(names)})")
    total = f"Of {len(named)} differences of λ_max at the end of training, "
    return total + (list_text(texts) if texts else "none is known")


_COUNTED = {
    "remains": ("remains at equal training loss", "remain at equal training loss"),
    "explained by the loss": ("is explained by the loss", "are explained by the loss"),
    "turns round": ("turns round at equal loss", "turn round at equal loss"),
    "differs at equal loss only": ("shows at equal loss only", "show at equal loss only"),
    "no difference": ("is none there either", "are none there either"),
    "undecided at equal loss": ("is undecided at equal loss", "are undecided at equal loss"),
    NOT_COMPARED: ("cannot be compared", "cannot be compared"),
}


def _named(heading: str, pair: LossPair) -> str:
    """Return the name of a pair; where the heading does not say more than it, without heading."""
    return f"{heading}: {_ratio(pair)}" if heading in ("MLP", "CNN") else _ratio(pair)


def _ratio(pair: LossPair) -> str:
    return f"{pair.first} / {pair.second}"


def _is_top(pair: LossPair, bn: str = "frozen") -> bool:
    return pair.quantity == "lambda_max" and pair.bn == bn


def mode_words(compared: Mapping[str, Sequence[LossPair]]) -> str:
    """Return the factors of λ_max at equal loss in both modes of BN, where both were measured.

    Args:
        compared: As for ``at_loss_table``.
    """
    texts = []
    for pairs in compared.values():
        by_mode = {pair.bn: pair for pair in pairs if _is_top(pair, pair.bn)}
        if {"frozen", "batch"} <= by_mode.keys():
            one, other = by_mode["frozen"], by_mode["batch"]
            texts.append(
                f"{_known(one)} in eval mode and {_known(other)} under batch statistics "
                f"({_ratio(one)})"
            )
    return f"At equal training loss the ratio of λ_max is {'; '.join(texts) or 'unknown'}"


def _known(pair: LossPair) -> str:
    return "unknown" if pair.reason else interval_text(pair.factor)


def agreement(compared: Mapping[str, Sequence[LossPair]]) -> str:
    """Return how often other measures say of a pair at equal loss what λ_max says, in eval mode.

    Args:
        compared: As for ``at_loss_table``.
    """
    agreeing: dict[str, list[bool]] = {}
    for pairs in compared.values():
        tops = {(pair.first, pair.second): pair.order for pair in pairs if _is_top(pair)}
        for pair in pairs:
            key = (pair.first, pair.second)
            if pair.bn == "frozen" and not _is_top(pair) and tops.get(key) and pair.order:
                agreeing.setdefault(pair.heading, []).append(pair.order == tops[key])
    texts = [f"the {name} in {sum(x)} of {len(x)} pairs" for name, x in agreeing.items()]
    if not texts:
        return "At equal loss no pair is decided by both λ_max and another measure"
    return (
        "Where both decide at equal loss, another measure names the same network as λ_max the "
        f"sharper one: {list_text(texts)}"
    )


def loss_meaning(compared: Mapping[str, Sequence[LossPair]]) -> str:
    """Return what the verdicts on λ_max mean, as sentences.

    Args:
        compared: As for ``at_loss_table``.
    """
    verdicts = [pair.verdict for pairs in compared.values() for pair in pairs if _is_top(pair)]
    gone = sum(one in ("explained by the loss", "turns round") for one in verdicts)
    kept = verdicts.count("remains")
    if not gone and not kept:
        return "No difference in sharpness is decided at equal training loss."
    text = (
        "A ratio of sharpness at the end of training mixes two things: how sharp networks of one "
    )
    text += "loss are, and how far each has trained. "
    if gone and kept:
        return text + (
            f"In {gone} of {len(verdicts)} pairs the second makes the difference; {kept} remain."
        )
    if kept:
        return text + f"Of {len(verdicts)} differences {kept} remain without the second."
    return text + "In no pair a difference is shown to remain without the second."
