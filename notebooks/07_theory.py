# ---
# jupyter:
#   jupytext:
#     notebook_metadata_filter: -jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Does conditioning worsen with depth?
#
# **Question.** Is the loss of deep plain networks worse conditioned than that of shallow ones, do
# skip connections prevent it, and do the condition numbers of the layers bound that of the loss?
#
# **Measured.** The exact condition number κ of the Gauss-Newton matrix on its range, in float64, of
# networks at their initialisation: fully connected networks and ResNets of many depths, with and
# without skip connections, with and without batch normalisation (BN). Nothing is trained.

# %% Imports
import functools
import itertools
import math
import operator

from landscape import models
from studies import Arm, Study, display, figures, formatting, intervals, power_laws, tables

# %% Parameters tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
remeasure = ""  # "stale" measures again what older code measured
dataset = "digits"  # of the fully connected networks
image_dataset = "digits"  # of the ResNets
seeds = [0, 1, 2]
examples, image_examples = 12, 6  # first training examples, all measured together
fewer_examples, fewer_image_examples = 6, 3  # the same, to see whether their number decides
units = 16  # of each layer of the fully connected networks
image_width = 0.25  # of the ResNets
depths = [8, 16]
image_depths = [8, 14]
reference_depth = 8  # what the deepest networks are compared with
linear_depth, linear_units, linear_examples = 8, 16, 16  # of the deep linear networks
gains = [0.0625, 1.0, 4.0]  # factors on all weights of the deep linear networks

# %% [markdown]
# ## Networks at their initialisation
#
# The Gauss-Newton matrix is the part of the Hessian that the outputs' first derivatives give
# [@schraudolph2002]. Its eigenvalues other than 0 are those of a small matrix, with a row for each
# output of each example, so that we compute all of them. Both families stack blocks of two layers
# from He's initialisation, and differ from each other in the kind of layer. Networks with BN use
# the statistics of the measured examples, and the matrix includes the statistics' own derivatives.
# The loss is cross-entropy; a second number leaves out the loss's second derivatives, which depend
# on how large the outputs are.

# %% Describe the networks
study = Study("07_theory", vars())
pixels = study.load(dataset, max_train=max(examples, linear_examples))
images = study.load(image_dataset, max_train=image_examples)
families = {"fully connected": {}, "ResNet": {}}
networks = {}
choices = itertools.product(("no", "yes"), ("none", "batch"))
for (skip, norm), family in itertools.product(choices, families):
    name = ("residual" if skip == "yes" else "plain") + (" + BN" if norm == "batch" else "")
    sizes = families[family].setdefault(name, {})
    for depth in depths if family == "fully connected" else image_depths:
        factors = {"model": family, "skip": skip, "norm": norm, "depth": depth}
        sizes[depth] = Arm(f"{family}, {name}, {depth} layers", **factors)
        options = {"depth": depth, "skip": skip == "yes", "norm": norm}
        networks[sizes[depth]] = (
            models.FullyConnected(width=units, **options)
            if family == "fully connected"
            else models.ResNet(width=image_width, **options)
        )

# %% Measure the condition numbers
kappas = ["kappa_ggn", "kappa_jacobian"]
measured = {}
counts = {"all": (examples, image_examples), "half": (fewer_examples, fewer_image_examples)}
for (subset, sizes), norm in itertools.product(counts.items(), ("none", "batch")):
    for family, task, count in zip(families, (pixels, images), sizes, strict=True):
        chosen = {
            arm: config
            for arm, config in networks.items()
            if (arm.factors["model"], arm.factors["norm"]) == (family, norm)
        }
        bn = "batch" if norm == "batch" else "frozen"
        beginnings = study.untrained(chosen, task.first(count), seeds=seeds, bn=bn)
        if subset == "half":
            beginnings = beginnings.labelled(subset="half")
        measured[subset, family, norm] = study.measure(beginnings, kappas)
numbers, halves = (
    functools.reduce(operator.or_, [one for key, one in measured.items() if key[0] == subset])
    for subset in counts
)

# %% [markdown]
# ## Conditioning and depth
#
# Where rounding hides the smallest eigenvalue, κ is a lower bound, near 10¹² to 10¹³. One reason
# are outputs so large that the softmax is all but certain.

# %% Compare the deepest networks with shallow ones
text = formatting.interval_text
ratios, hidden = {}, {}
for family, kinds in families.items():
    for (name, sizes), kappa in itertools.product(kinds.items(), kappas):
        pair = [sizes[max(sizes)], sizes[reference_depth]]
        ratios[family, name, kappa] = numbers.ratio(kappa, pair)
        hidden[family, name, kappa] = not numbers.converged(kappa, list(sizes.values()))
changes = {
    key: formatting.depending(
        ratio, above="worsens", below="improves", undecided="cannot be told from steady"
    )
    for key, ratio in ratios.items()
}
groups = {kappa: {} for kappa in kappas}
for (family, name, kappa), change in changes.items():
    noun = "ResNets" if family == "ResNet" else f"{family} networks"
    groups[kappa].setdefault(change, {}).setdefault(noun, []).append(name)
words = {}
for kappa, by_change in groups.items():
    parts = [
        f"{change} in "
        + formatting.list_text([f"{noun} ({', '.join(names)})" for noun, names in kinds.items()])
        for change, kinds in by_change.items()
    ]
    words[kappa] = "; it ".join(parts)

# %% Draw the condition numbers against depth
panels = {"kappa_ggn": "κ with the loss's weights", "kappa_jacobian": "κ without them"}
display.show(
    *(
        figures.against_size(
            numbers,
            panels,
            families[family],
            x="depth (layers)",
            span=10.0,
            label=label,
            caption=f"From {reference_depth} to {max(families[family]['plain'])} layers κ of plain "
            f"{noun} without BN {changes[family, 'plain', 'kappa_ggn']} (ratio "
            f"{text(ratios[family, 'plain', 'kappa_ggn'])}), and κ of residual ones with BN "
            f"{changes[family, 'residual + BN', 'kappa_ggn']} (ratio "
            f"{text(ratios[family, 'residual + BN', 'kappa_ggn'])}). Condition number of the "
            "Gauss-Newton matrix before training: mean over seeds with 95% interval; near 10¹² and "
            "above it is a lower bound.",
        )
        for family, noun, label in (
            ("fully connected", "fully connected networks", "fig-connected"),
            ("ResNet", "ResNets", "fig-resnets"),
        )
    )
)

# %% Fit both laws of growth
laws = {}
for family, kinds in families.items():
    by_layer = {
        name: {math.exp(depth): arm for depth, arm in sizes.items()}
        for name, sizes in kinds.items()
    }
    for law, sized in (("power", kinds), ("rate", by_layer)):  # b log L, and b L = log e^(b L)
        fits = power_laws.power_law_exponents(numbers, kappas, sized)
        laws |= {(family, name, kappa, law): fit for (kappa, name), fit in fits.items()}

# %% Tabulate ratios and laws
shown = {kappa: {} for kappa in kappas}
for family, name, kappa in ratios:
    shown[kappa][f"{family}, {name}"] = {
        f"κ, deepest over {reference_depth} layers": ("at least " * hidden[family, name, kappa])
        + text(ratios[family, name, kappa]),
        "power of depth": text(laws[family, name, kappa, "power"]),
        "growth of log κ a layer": text(laws[family, name, kappa, "rate"]),
    }
note = "Ratio over seeds, and fits of log κ in log L and in L, with 95% intervals"
with_weights, without_weights = (
    tables.grid(
        numbers,
        shown[kappa],
        corner="networks",
        label=label,
        caption=f'{start} κ {words[kappa]}. {note}. "At least": some κ are lower bounds.',
    )
    for kappa, label, start in (
        ("kappa_ggn", "tab-depth", "With depth,"),
        ("kappa_jacobian", "tab-depth-jacobian", "Without the loss's weights,"),
    )
)
display.show(with_weights, without_weights.at("detail"))

# %% Compare with half the examples
fewer = {}
for family, kinds in families.items():
    for name, sizes in kinds.items():
        row = {}
        for kappa, heading in panels.items():
            pair = [sizes[max(sizes)], sizes[reference_depth]]
            sure = halves.converged(kappa, list(sizes.values()))
            row[heading] = ("" if sure else "at least ") + text(halves.ratio(kappa, pair))
        fewer[f"{family}, {name}"] = row
display.show(
    tables.grid(
        halves,
        fewer,
        corner="networks",
        label="tab-half",
        caption="The number of examples changes κ, and its change with depth is shown here on half "
        f"of them: ratio of κ of the deepest networks to that of {reference_depth} layers, over "
        "seeds with 95% intervals.",
    ).at("detail")
)

# %% [markdown]
# ## A bound by the layers
#
# A source bounds κ from below by the product, over the layers, of the condition number and the
# squared norm of the weights. We test it on deep linear networks with squared error, all of whose
# weights we multiply by a factor c. The whole Gauss-Newton matrix is then multiplied by
# $c^{2(L-1)}$, which leaves κ as it is; the source's product grows as $c^{2L}$.

# %% Multiply all weights of deep linear networks
settings = {"depth": linear_depth, "width": linear_units, "activation": "identity", "bias": False}
scaled = {
    Arm(f"c = {gain:g}", model="linear", gain=gain): models.FullyConnected(gain=gain, **settings)
    for gain in gains
}
linear = study.untrained(scaled, pixels.first(linear_examples), seeds=seeds)
bounds = study.measure(linear, ["kappa_jacobian", "layers_condition"])
quantities = ("kappa_jacobian", "layers_condition")
values = {str(arm): [bounds.values(name, arm) for name in quantities] for arm in scaled}
shares = {arm: intervals.paired_ratio(*pair) for arm, pair in values.items()}
broken = [arm for arm, share in shares.items() if share.high < 1]
kept = [arm for arm, share in shares.items() if share.low > 1]
spread = max(
    max(one) / min(one) - 1 for one in zip(*(pair[0] for pair in values.values()), strict=True)
)
broken_text = (
    f"κ lies below the source's product for {formatting.list_text(broken)}"
    if broken
    else "For none of the factors κ is known to lie below the source's product"
)

# %% Tabulate κ and the source's product
rows = {}
for arm, (kappa, product) in values.items():
    means = [intervals.paired_ratio(one, [1.0] * len(one)) for one in (kappa, product)]
    texts = [text(one) for one in (*means, shares[arm])]
    rows[arm] = dict(zip(("κ", "product over the layers", "κ over it"), texts, strict=True))
tables.grid(
    bounds,
    rows,
    corner="factor on all weights",
    label="tab-rescaled",
    caption=f"{broken_text}, and κ itself does not depend on the factor. Deep linear networks "
    f"of {linear_depth} layers: geometric mean over {len(seeds)} seeds with 95% interval.",
)

# %% [markdown]
# ## What was found

# %% State the findings
kept_text = f"; for {formatting.list_text(kept)} it lies above" if kept else ""
found = display.Findings(
    f"From {reference_depth} layers to the deepest networks, κ {words['kappa_ggn']}.",
    f"Without the loss's weights, κ {words['kappa_jacobian']}.",
    f"{broken_text}{kept_text}. The factor itself does not change κ (largest relative change "
    f"{formatting.number_text(spread)}), so that the product bounds nothing.",
)
study.close("Conditioning and depth")
display.show(found, tables.closing(study, evidence=study.evidence))

# %% [markdown]
# ## Discussion

# %% Say what it means
differing = [
    f"{name} {family}"
    for (family, name, kappa), change in changes.items()
    if kappa == "kappa_ggn" and change != changes[family, name, "kappa_jacobian"]
]
display.Sentence(
    "**What it means.** "
    + (
        "With and without the loss's weights the answer differs in "
        f"{formatting.list_text(differing)} networks. "
        if differing
        else "With and without the loss's weights the answer is the same in all networks. "
    )
    + "These weights depend on how large the outputs are: κ counts a softmax that is all but "
    "certain as ill conditioning, whatever the architecture."
    + " A bound that changes with the unit of the weights, while κ does not, can hold for no "
    "network in all units."
)

# %% [markdown]
# **What would change it.** All networks stand at He's initialisation: training changes the outputs,
# and smaller residual branches would keep them small. κ is that of the Gauss-Newton matrix on few
# examples, and grows with their number; the Hessian has a second part, which may be negative.
# Depths end at 64 layers, and one width was measured in each family.
