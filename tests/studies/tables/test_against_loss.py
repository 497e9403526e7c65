"""Tables and sentences of pairs at equal loss, from pairs whose verdicts are planted."""

import dataclasses

from studies.tables import agreement, at_loss, levels, loss_meaning, loss_words, mode_words

from tests.studies.test_loss_pairs import pair

GONE, KEPT, TURNED = pair(1.0), pair(0.5), pair(2.0)


def test_the_count_names_each_pair_under_its_verdict():
    words = loss_words({"MLP": [GONE], "skip": [KEPT]})
    assert words == (
        "Of 2 differences of λ_max at the end of training, 1 remains at equal training loss "
        "(fast / slow) and 1 is explained by the loss (MLP: fast / slow)"
    )
    assert loss_words({}).endswith("none is known")


def test_what_it_means_follows_the_counts():
    both = loss_meaning({"MLP": [GONE], "CNN": [TURNED], "skip": [KEPT]})
    assert both.endswith("In 2 of 3 pairs the second makes the difference; 1 remain.")
    assert loss_meaning({"skip": [KEPT]}).endswith("Of 1 differences 1 remain without the second.")
    assert loss_meaning({"MLP": [GONE]}).endswith("shown to remain without the second.")
    open_pair = pair(1.0, power=0.0, spread=0.5)
    assert loss_meaning({"MLP": [open_pair]}).startswith("No difference in sharpness is decided")


def test_both_modes_of_a_pair_stand_in_one_sentence():
    assert mode_words({"MLP": [KEPT]}) == "At equal training loss the ratio of λ_max is unknown"
    batch = dataclasses.replace(TURNED, bn="batch")
    words = mode_words({"BN": [KEPT, batch]})
    assert "0.50" in words and "in eval mode and 2.0" in words and "(fast / slow)" in words


def test_measures_agree_where_they_name_the_same_network():
    trace, rise = (
        dataclasses.replace(one, quantity=name)
        for one, name in ((KEPT, "trace"), (TURNED, "sam_symmetric"))
    )
    words = agreement({"skip": [KEPT, trace, rise]})
    assert words.endswith("the trace in 1 of 1 pairs and the symmetrised rise in 0 of 1 pairs")
    assert agreement({"skip": [GONE, trace]}).startswith("At equal loss no pair is decided")


def test_the_tables_hold_a_row_a_pair_and_a_row_a_loss():
    table = at_loss({"MLP": [GONE]}, label="tab-x", caption="See.")
    (row,) = table.rows
    assert row[0] == "MLP: fast / slow" and "explained by the loss" in row
    each = levels([KEPT], label="tab-y", caption="See.")
    assert len(each.rows) == 7 and all(row[-1] == "smaller" for row in each.rows)
    bare = dataclasses.replace(KEPT, compared=())
    sentence = levels([bare], label="tab-z", caption="See.")
    assert sentence.text == "These networks pass no training loss in common."
