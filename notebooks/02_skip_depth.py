# ---
# jupyter:
#   jupytext:
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
# # Does the landscape predict which network is accurate?
#
# **Question.** Over residual and plain networks of several norms and depths, does conditioning
# worsen with depth, and does the landscape rank the networks by test accuracy: before training,
# after one epoch, or at the end?
#
# **Measured.** Test accuracy, extreme eigenvalues of the Hessian and SAM's rise of networks with
# batch, group, layer, instance and no normalisation, of several depths, and from several
# initialisations; rank correlations of these numbers with the final test accuracy.

# %% Imports
import itertools
import math

from landscape import models, plots, training
from studies import Arm, Study, arms, display, figures, formatting, power_laws, predictors, tables
from studies.quantities import headings, short_headings

# %% Parameters tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
remeasure = ""  # "stale" measures again what older code measured
dataset = "digits"
max_train = 512
seeds = [0, 1, 2]
workers = 1  # processes that train side by side
depth = 8  # of the norms and the initialisations
width = 0.5
norms = ["batch", "group", "layer", "instance", "none"]
depths = [8, 14]
epochs, batch_size = 8, 128
learning_rate, momentum, weight_decay = 0.1, 0.9, 1e-4
precision = "float32"
measured = 10000  # training examples on which the curves are measured
curve_examples = 2000  # training and test examples on which curves are measured between the ends
measure_every = 4  # epochs from one measurement of their history to the next
rho, rho_adaptive = 0.05, 0.5  # radii of SAM's step, and of the adaptive one, relative to |theta|
curvature_examples = 128  # first training examples: curvature and sharpness

# %% [markdown]
# ## The networks
#
# Residual networks get each of the norms; with BN we vary the depth, with and without skip
# connections; with BN and without a norm we vary the initialisation, SkipInit included [@de2020].
# A name says whether the network is residual or plain, its norm ("alone" for none), and its depth
# and start in brackets where they are not the common ones.

# %% Describe the networks
study = Study("02_skip_depth", vars())
task = study.load(dataset, max_train=max_train)
first_epoch = math.ceil(task.train_size / batch_size)  # steps
optimizer = training.SGD(learning_rate, momentum=momentum, weight_decay=weight_decay)
options = {"epochs": epochs, "batch_size": batch_size, "schedule": training.Cosine()}
options |= {"precision": precision, "measured": measured, "measure_every": measure_every}
options |= {"snapshots": (0, first_epoch)}
options |= {"curve_examples": training.CurveExamples(curve_examples, curve_examples)}
base = training.TrainConfig(models.ResNet(depth=depth, width=width), optimizer, **options)
kinds = {"residual": "yes", "plain": "no"}
starts = {"he": {}, "torch": {"init": "torch"}, "SkipInit": {"skipinit": True}}
norm_plan = [("residual", norm, depth, "he") for norm in norms]
depth_plan = [(kind, "batch", layers, "he") for kind, layers in itertools.product(kinds, depths)]
others = itertools.product(("he", "torch"), ("batch", "none"), kinds)
start_plan = [(kind, norm, depth, start) for start, norm, kind in others]
start_plan.append(("residual", "none", depth, "SkipInit"))

# %% Train the networks
planned, changes = {}, {}
norm_words = {"batch": " + BN", "group": " + GroupNorm", "layer": " + LayerNorm"}
norm_words |= {"instance": " + InstanceNorm", "none": " alone"}
for kind, norm, layers, start in dict.fromkeys(norm_plan + depth_plan + start_plan):
    words = [f"depth {layers}"] if layers != depth else []
    words += [{"torch": "PyTorch's start"}.get(start, start)] if start != "he" else []
    factors = {"skip": kinds[kind], "norm": norm, "depth": layers}
    factors |= {"init": starts[start].get("init", "he")}
    name = f"{kind}{norm_words[norm]}" + (f" ({', '.join(words)})" if words else "")
    arm = Arm(name, **factors, skipinit="yes" if start == "SkipInit" else "no")
    planned[kind, norm, layers, start] = arm
    changes[arm] = {"skip": kind == "residual", "norm": norm, "depth": layers, **starts[start]}
runs = study.train(arms.variants(base, changes), task, seeds=seeds, workers=workers)
depth_families = {
    kind: {layers: planned[kind, "batch", layers, "he"] for layers in depths} for kind in kinds
}

# %% List settings, departures from the source and divergences
source = {"batch_size": 32, "precision": "float32", "epochs": 20, "dataset": "cifar10"}
source |= {"depth": 20, "width": 1.0, "max_train": 50000}
reasons = {"batch_size": "larger batches take less computing time"}
reasons |= {"precision": "bfloat16 takes less computing time"}
reasons |= {"max_train": "this study compares many networks"}
reasons |= {"width": "narrow networks take less computing time"}
if not study.evidence:
    reasons = dict.fromkeys(source, "this is a small trial run")
departures = tables.departures(source, study.parameters, reasons, label="tab-departures")
display.show(departures, tables.divergence(runs, label="tab-divergence"))

# %% [markdown]
# ## Five norms
#
# We compare the residual networks of one depth where training ended, on fixed training examples and
# in eval mode: the largest eigenvalue $\lambda_{\max}$ of the Hessian, and the rise of the loss
# after SAM's ascent step [@foret2021].

# %% Measure the landscape at the end of training
curvature_set = task.first(curvature_examples)
compared = runs.where(arm=[planned[plan] for plan in dict.fromkeys(norm_plan + depth_plan)])
curvature = ["lambda_max", "lambda_min", "kappa", "sam", "lambda_max_relative", "sam_adaptive"]
solutions = compared.solutions(curvature_set)
radii = {"rho": rho, "rho_adaptive": rho_adaptive}
geometry = study.measure(solutions, [*curvature, "gradient_norm", "loss", "rounding"], **radii)
outcomes = ["test_accuracy", "train_loss", "test_loss"]
ends = study.measurements.where(at="end", quantity=outcomes)

# %% Compare the norms
norm_runs = runs.where(arm=[planned[plan] for plan in norm_plan])
trained = [arm for arm in norm_runs.arms if not norm_runs.diverged(arm)[0]]
best, sharpest = (
    max(trained, key=lambda arm, g=group, q=name: sum(g.values(q, arm)))
    for group, name in ((ends, "test_accuracy"), (geometry, "lambda_max"))
)
ranking = (
    f"The most accurate network, {best}, is also the sharpest by λ_max"
    if best == sharpest
    else f"The most accurate network is {best}, the sharpest by λ_max {sharpest}"
)
columns = {"test accuracy (%)": "test_accuracy", "training loss (nats)": "train_loss"}
columns |= {"λ_max": "lambda_max", "SAM rise (nats)": "sam"}
display.show(
    tables.grid(
        ends | geometry,
        tables.by_arm(columns, norm_runs.arms),
        corner="network",
        runs=runs,
        label="tab-norms",
        caption=f"{ranking}: mean over seeds ± half-width of the 95% interval; trained on "
        f"{task.train_size:,} examples, measured on {curvature_examples}.",
        emphasise=(best, "λ_max"),
    ),
    tables.arms(
        ends | geometry,
        [*outcomes, *curvature],
        norm_runs.arms,
        runs=runs,
        label="tab-norms-all",
        caption=f"The sharpest network by λ_max is {sharpest}. All measures of the five "
        "norms: mean over seeds with 95% interval.",
    ).at("detail"),
)

# %% [markdown]
# ## Depth
#
# With BN we compare residual and plain networks of several depths: their accuracy, the ratio
# $\lambda_{\max}/|\lambda_{\min}|$ that a source calls the conditioning, and
# $\lambda_{\max}$ before training (under the statistics of the examples) and at the end.

# %% Measure the landscape before training
early_kinds = ["lambda_max", "gradient_norm", "sam", "loss", "rounding"]
start_solutions = runs.solutions(curvature_set, step=0, bn="batch")
initial = study.measure(start_solutions, early_kinds, rho=rho, tol=1e-3)
at_start = initial.qualified("at the initialisation")

# %% Compare depths
text = formatting.interval_text
deepest = [family[max(depths)] for family in depth_families.values()]
depth_gain = ends.difference("test_accuracy", deepest, factor=100)
figures.against_size(
    ends | geometry | at_start,
    ["test_accuracy", "kappa", "lambda_max, at the initialisation", "lambda_max"],
    depth_families,
    x="depth (layers)",
    span=10.0,
    label="fig-depths",
    caption=f"At {max(depths)} layers the residual network "
    + formatting.depending(
        depth_gain,
        above="is more accurate than the plain one",
        below="is less accurate than the plain one",
        undecided="cannot be told from the plain one by its accuracy",
    )
    + f" (difference {text(depth_gain)} percentage points). Networks with BN: mean over seeds with "
    "95% interval.",
)

# %% Fit power laws of the conditioning in depth
exponents, counted = {}, {}
for kind, family in depth_families.items():
    learning = [seed for seed in seeds if all(runs[arm, seed].learned for arm in family.values())]
    counted[kind] = learning if len(learning) > 1 else seeds  # One seed has no interval.
    exponents |= power_laws.power_law_exponents(
        geometry.where(seed=counted[kind]), ["kappa"], {kind: family}
    )
doubling = math.log(2) / math.log(max(depths) / min(depths))
depth_arms = [arm for family in depth_families.values() for arm in family.values()]
plain_law, residual_law = (exponents["kappa", kind] for kind in ("plain", "residual"))
worsens = formatting.depending(
    plain_law,
    above="the conditioning of plain networks worsens with depth",
    below="the conditioning of plain networks improves with depth",
    undecided="we cannot tell whether the conditioning of plain networks worsens with depth",
)
failing = [arm for arm in depth_arms if not all(runs.learned[arm])]
remark = f" Among these, {tables.outcomes(runs.where(arm=failing))}." if failing else ""
networks_counted = formatting.list_text(
    [f"{len(kept)} of {len(seeds)} seeds ({kind})" for kind, kept in counted.items()]
)
counted_text = (
    f"A seed counts if its networks of all depths learn: {networks_counted}."
    if any(len(kept) < len(seeds) for kept in counted.values())
    else ""
)
table = tables.exponents(
    exponents,
    headings(["kappa"]),
    label="tab-exponents",
    caption=f"An exponent of {doubling:.3f} would double the conditioning from {min(depths)} to "
    f"{max(depths)} layers: exponents of the power law in depth. {counted_text}",
)
display.show(
    display.Sentence(
        f"{worsens[0].upper()}{worsens[1:]}: λ_max / |λ_min| changes as "
        f"the depth to the power {text(plain_law)} in plain networks and {text(residual_law)} in "
        f"residual ones, where {doubling:.3f} would double it from {min(depths)} to {max(depths)} "
        f"layers.{remark} {counted_text}"
    ),
    table.at("detail"),
)

# %% Draw the gradients by the weights over depth
moments = {"before training": 0, "last epochs": -1}
gradients = {}
for layers, (moment, place) in itertools.product(depths, moments.items()):
    arms_of_depth = {kind: family[layers] for kind, family in depth_families.items()}
    gradients[f"depth {layers}, {moment}"] = {
        key: run.gradients[:, place] for key, run in runs.renamed(arms_of_depth).items()
    }
figures.gradients(
    gradients,
    label="fig-gradients",
    caption="Gradients by the weights W of each layer compare residual and plain networks with BN, "
    f"before training and over the last {min(measure_every, epochs)} epochs.",
).at("detail")

# %% [markdown]
# ## Does the landscape predict the accuracy?
#
# We rank the networks of the norms and depths that did not diverge by numbers taken at three
# moments, and correlate the ranks with the final test accuracy. Before training and after one epoch
# these numbers use the statistics of the batch, as training does. Intervals come from leaving out
# one architecture at a time.

# %% Correlate numbers of the landscape with the final accuracy
kept_arms = [arm for arm in compared.arms if not compared.diverged(arm)[0]]
kept = compared.where(arm=kept_arms)
after = kept.solutions(curvature_set, step=first_epoch, at="first epoch", bn="batch")
early = study.measure(after, early_kinds, rho=rho, tol=1e-3)
batch_solutions = kept.solutions(curvature_set, bn="batch", bn_block=batch_size)
batch = study.measure(batch_solutions, early_kinds, rho=rho, tol=1e-3)
numbers = ends | geometry | at_start | predictors.of_column(ends, "test_accuracy", "depth")
numbers |= early.qualified("after one epoch") | batch.qualified("batch statistics")
early_names = ("lambda_max", "gradient_norm", "sam")
start_names, epoch_names = (
    [f"{name}, {moment}" for name in early_names]
    for moment in ("at the initialisation", "after one epoch")
)
late_names = ["lambda_max", "kappa", "sam", "lambda_max, batch statistics", "sam, batch statistics"]
names = short_headings([*start_names, *epoch_names, *late_names, "train_loss"])
names |= {"depth": "depth"}
correlations = predictors.rank_correlations(numbers, names, "test_accuracy", kept_arms)
pooled = {name: correlations[title][0] for name, title in names.items() if title in correlations}

# %% Compare the correlations at three moments
moments = {"before training": ", at the initialisation", "after one epoch": ", after one epoch"}
moments |= {"at the end": "", "at the end, batch statistics": ", batch statistics"}
rows = {
    title: {
        moment: text(pooled[f"{name}{suffix}"])
        for moment, suffix in moments.items()
        if f"{name}{suffix}" in pooled
    }
    for name, title in short_headings([*early_names, "kappa", "train_loss"]).items()
}
at_first, after_epoch, at_end = (
    pooled[f"lambda_max{suffix}"] for suffix in list(moments.values())[:3]
)
relations = [
    formatting.depending(
        tie,
        above=f"a larger λ_max {moment} goes with higher accuracy",
        below=f"a larger λ_max {moment} goes with lower accuracy",
        undecided=f"λ_max {moment} has no clear relation to accuracy",
    )
    + f" ({text(tie)})"
    for moment, tie in zip(moments, (at_first, after_epoch, at_end), strict=False)
]
table = tables.grid(
    numbers,
    rows,
    corner="measure",
    label="tab-correlations",
    caption=f"{relations[0][0].upper()}{relations[0][1:]}; {relations[1]}. Rank correlations with "
    f"the final test accuracy and their 95% intervals, over {at_first.n} networks of "
    f"{len(kept_arms)} architectures.",
    emphasise=("λ_max", "after one epoch"),
)
everything = tables.correlations(
    correlations,
    label="tab-correlations-all",
    caption=f"{relations[0][0].upper()}{relations[0][1:]}. All rank correlations with the final "
    "test accuracy, over all networks and within architectures, with 95% intervals.",
)
display.show(table, everything.at("detail"))

# %% [markdown]
# The sources claim that networks with a larger $\lambda_{\max}$ and a worse conditioning are less
# accurate, with correlations beyond 0.85.

# %% Compare with the sources' correlations
source_ties = {"λ_max": pooled["lambda_max"], "λ_max / |λ_min|": pooled["kappa"]}
source_ties |= {"the SAM rise": pooled["sam"]}
reached = [f"{title} with {text(tie)}" for title, tie in source_ties.items()]
weaker = [title for title, tie in source_ties.items() if tie.low > -0.85]
clouds, y = [], "test accuracy (share correct)"
for name in ("lambda_max, after one epoch", "lambda_max"):
    points = predictors.points(numbers, name, "test_accuracy", kept_arms)
    clouds.append(plots.Cloud(names[name], numbers.unit(name), y, points, x_scale="log"))
display.show(
    display.Sentence(
        f"At the end of training {len(weaker)} of {len(source_ties)} correlations lie above −0.85: "
        f"{formatting.list_text(reached)}."
    ),
    figures.scatter(
        clouds,
        label="fig-scatter",
        caption=f"{relations[1][0].upper()}{relations[1][1:]}; {relations[2]}. A point is a "
        "network; parentheses hold rank correlations with 95% intervals.",
        alt="Two clouds of points, a marker for each arm: test accuracy over largest eigenvalue.",
    ),
)

# %% [markdown]
# ## All networks and initialisations
#
# Could the landscape before training select an architecture? We add the networks without a norm and
# those from other initialisations, some of which diverge or never learn.

# %% Correlate numbers before training over all networks
initial_names = {name: names[name] for name in start_names}
confidence = 1 - 0.05 / len(initial_names)
before = predictors.rank_correlations(
    numbers, initial_names, "test_accuracy", runs.arms, confidence=confidence
)
telling = [
    title for title, (over_all, _) in before.items() if over_all.low > 0 or over_all.high < 0
]
table = tables.correlations(
    before,
    converged={title: numbers.converged(name) for name, title in initial_names.items()},
    label="tab-initial",
    caption=f"{len(telling)} of {len(before)} numbers before training rank all {len(runs.arms)} "
    f"architectures by accuracy: rank correlations with {100 * confidence:.4g}% intervals, widened "
    "for three trials.",
)
ties = [
    f"{title} ({text(over_all)})"
    for title, (over_all, _) in zip(
        short_headings(early_names).values(), before.values(), strict=True
    )
]
display.show(
    display.Sentence(
        f"Over all {len(runs)} networks, {len(telling) or 'none'} of {len(before)} numbers taken "
        f"before training has a correlation with accuracy that excludes 0: "
        f"{formatting.list_text(ties)}. Brackets are {100 * confidence:.4g}% intervals, wider than "
        "those of the verdicts at 95%, because each of three numbers could succeed by chance."
    ),
    table.at("detail"),
    tables.stable_starts(initial, ends, base.optimizer, "test_accuracy", kept_arms),
    tables.rounding(initial, "at the initialisation").at("appendix"),
    tables.rounding(early, "after one epoch").at("appendix"),
)

# %% [markdown]
# ## What was found

# %% State the findings
found = display.Findings(
    f"{relations[0][0].upper()}{relations[0][1:]}; {relations[1]}: rank correlations over "
    f"{at_first.n} networks.",
    "At the end of training the correlations that the sources claim to lie beyond −0.85 are "
    f"{text(source_ties['λ_max'])} for λ_max and {text(source_ties['λ_max / |λ_min|'])} for "
    "λ_max / |λ_min|.",
    f"{worsens[0].upper()}{worsens[1:]} (exponent {text(plain_law)} from {min(depths)} to "
    f"{max(depths)} layers, n = {plain_law.n} seeds).",
)
study.close("Norms, depth and prediction")
display.show(found, tables.closing(study, evidence=study.evidence))

# %% [markdown]
# ## Discussion

# %% Say what it means
turned = at_first.high < 0 < after_epoch.low or after_epoch.high < 0 < at_first.low
display.Sentence(
    "**What it means.** "
    + (
        f"The landscape ranks the {at_first.n} networks from He's initialisation, but the sign of "
        "the ranking depends on the moment at which λ_max is measured."
        if turned
        else "The sign of the ranking by λ_max does not change in the first epoch."
    )
    + f" The training loss itself has a rank correlation of {text(pooled['train_loss'])} with the "
    "accuracy, so these numbers tell which networks train rather than which generalise."
)

# %% [markdown]
# **What would change it.** All networks share one learning rate, which may suit some better, and
# sharpness follows it; they are narrower than the source's and see part of the data, so that many
# are far from trained. There are few architectures, and a rank correlation over them says nothing
# of causes. Sharpness is compared at unequal training losses. In deep plain networks float32 rounds
# away much of the gradient before training, and early numbers are less certain there.
