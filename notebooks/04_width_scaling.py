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
# # What does width do to a landscape?
#
# **Question.** Multilayer perceptrons, convolutional networks and small vision transformers of
# growing width are trained alike. Do wide ones converge in fewer epochs, and to flatter and rounder
# minima? Are those of convolutional networks wide although their Hessian is large? Does the picture
# of a plane tell how long training took?
#
# **Measured.** Over widths and seeds: epochs to a training loss and to test accuracies, extreme
# eigenvalues and trace of the Hessian, its outliers against the number of classes, sharpness by one
# step, adaptive and on average, width, anisotropy and roughness of the basin on filter-normalised
# planes, and where the quadratic model parts from the loss. Each as a power of the width; and what
# the claims compare also where training losses are equal, and at equal numbers of parameters.
#
# **What will be shown.** Which of these follow the width, in which family, and whether the shape of
# a plane predicts training time once arms and seeds are told apart.

# %%

import itertools

from landscape import data, models, plots, training
from studies import (
    arms,
    claims,
    display,
    findings,
    formatting,
    power_laws,
    predictors,
    time_to_target,
)
from studies.figures import builders, captioned
from studies.figures import scaling as scaling_figures
from studies.records import basins, equal_loss, flatness, slices, solutions, spectra
from studies.records import runs as run_records
from studies.study import Study
from studies.tables import comparisons, measurements
from studies.tables import runs as run_tables
from studies.tables import scaling as scaling_tables
from studies.tables import time_to_target as time_to_target_tables
from studies.tables.verdicts import VerdictBox, closing

# %% tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
dataset = "digits"
max_train = 60000
seeds = [0, 1, 2]
workers = 1  # processes that train side by side
mlp_widths = [4, 8, 16, 32]
cnn_widths = [4, 8, 16]
vit_widths = [8, 16]
cnn_hidden = 32
vit_patch = 2
vit_depth = 1
mlp_epochs = 20
cnn_epochs = 10
vit_epochs = 20
batch_size = 64
learning_rate = 0.05
momentum = 0.9
measured = 10000  # training examples on which the curves are measured
measure_every = [0.5, 0.5, 0.5]  # epochs, of MLP, CNN and ViT
close_every = 0.25  # likewise, in the first epochs of the CNNs that are compared
close_epochs = 3  # how many these are
loss_level = 0.3  # nats of training loss
accuracy_levels = [0.9, 0.95]
mlp_compared = [4, 8, 16]  # the widths that claims are about; the source has 32, 64, 128
cnn_compared = [4, 8, 16]  # and 16, 32, 64
same = [8, 16]  # widths of both at which families are compared
alike = [32, 8]  # widths of MLP and CNN with about as many parameters
rho = 0.05  # radius of SAM's step
rho_adaptive = 0.5  # radius of the adaptive step, relative to |theta|
rho_average = 1.0  # length of random perturbations, in parameter units
rise_rtol = 0.1  # standard error of their mean rise; seeds differ by more
curvature_examples = 256
many_examples = 1024  # on which the largest eigenvalue that claims are about is measured
survey_seeds = [0, 1]
density_probes = 1
density_steps = 30
plane_points = 13
plane_reach = 1.0  # filter norms
line_points = 13
line_directions = 3
basin_level = 0.5  # nats above the solution: the rim of a basin

# %% [markdown]
# ## The claims and the rules
#
# The rules stand here, above the measurements that they judge; code applies them. An interval that
# covers the border decides nothing. Epochs of a run that never reaches a level count as more than
# it had. Exponents are slopes in the logarithms of a quantity and the width.

# %%
study = Study("04_width_scaling", vars())
rules = {
    "S5.1": "Epochs to the training loss and to the first accuracy; medians over seeds, intervals "
    "of at least 90%, which count the measurements on either side. Reproduced if the ratio of the "
    "narrowest to the widest that are compared lies above 1 for MLPs and for CNNs, and so does MLP "
    "/ CNN of one width, the first, and of as many parameters; artefact of the number of "
    "parameters if only the last lies below; contradicted if another does.",
    "S5.2": "Exponent of λ_max in the width of MLPs, and the largest over widths of the ratio CNN "
    "/ MLP of one width, since CNNs are said to be sharper sometimes. Reproduced if the exponent "
    "lies below 0 over the widths compared, over all, and at equal training loss, and the ratio "
    "above 1; artefact if the ratio is so, and the exponent over the widths compared, but above 0 "
    "over all or at equal loss; contradicted if one of these two lies on the other side.",
    "S5.3": "On filter-normalised planes. Reproduced if in the width of MLPs, over the widths "
    "compared, the exponent of the anisotropy lies below 0 and that of the basin's width above 0, "
    "and the basin's width of CNN over MLP of one width, the first, above 1; all of this also at "
    "equal training loss, the last at as many parameters too, and at both; artefact, of how far "
    "training got or of size, if one of the latter alone lies on the other side; contradicted if "
    "one of the former does.",
    "S5.8": "Rank correlation with the epochs to the training loss, over all MLPs, over all CNNs, "
    "and over the widths of both that the source has, if all of these get there. Reproduced if "
    "that of the anisotropy lies above 0 and that of the basin's width below 0 in all, pooled and "
    "within arms of one width; artefact of the width if one within arms alone lies on the other "
    "side; contradicted if a pooled one does.",
    "S5.9": "CNN over MLP of one width, the first. Reproduced if the ratio of λ_max lies above 1, "
    "and so do that of the basin's widths on planes and along random lines, that of λ_max in the "
    "basin's own unit, filter norms, and that of the widths on planes at equal training loss, at "
    "as many parameters, and at both; artefact, of units, of how far training got or of size, if "
    "one of the last four alone lies below; contradicted if one of the others does.",
}
claim = {id: claims.claim(id, rule=rule) for id, rule in rules.items()}
comparisons.rule_table(list(claim.values()))

# %% [markdown]
# ## Training
#
# One hidden layer of the width; two convolutions of the width, then a hidden layer that is the same
# in all and has most of their parameters ([table](#tab-sizes)); tokens of the width. SGD with
# momentum, one learning rate. [Training curves](#fig-training-mlp) of [each](#fig-training-cnn)
# [family](#fig-training-vit), and [how long they take](#tab-durations).

# %%
task = data.load(dataset, study.data_dir, max_train=max_train)
networks = {
    "MLP": {width: models.MLP(hidden=(width,)) for width in mlp_widths},
    "CNN": {
        width: models.CNN(channels=(width, width), hidden=cnn_hidden, norm="none")
        for width in cnn_widths
    },
    "ViT": {width: models.ViT(patch=vit_patch, dim=width, depth=vit_depth) for width in vit_widths},
}
family_epochs = {"MLP": mlp_epochs, "CNN": cnn_epochs, "ViT": vit_epochs}
measure_intervals = dict(zip(networks, measure_every, strict=True))

# %%
base = training.TrainConfig(
    networks["MLP"][mlp_widths[0]],
    training.SGD(learning_rate, momentum=momentum),
    batch_size=batch_size,
    measured=measured,
)
families = {
    family: {width: f"{family}, width {width}" for width in members}
    for family, members in networks.items()
}
settings = {
    arm: {
        "model": networks[family][width],
        "epochs": family_epochs[family],
        "measure_every": measure_intervals[family],
    }
    for family, members in families.items()
    for width, arm in members.items()
}
runs = training.sweep(
    arms.variants(base, settings), task, study.store, seeds=seeds, workers=workers
)
run_records.record_runs(study, runs)
for family, members in families.items():
    family_runs = {key: run for key, run in runs.items() if key[0] in members.values()}
    figure = captioned.curves(
        builders.training_panels(family_runs),
        label=f"fig-training-{family.lower()}",
        caption=f"Training the {family} of several widths: mean over seeds, 95% interval as a "
        "band, each seed as a thin line. Training loss is that of the first "
        f"{min(measured, len(task.y_train)):,} examples.",
        alt="Four panels over epochs, a curve for each width: losses, test error, gradient norm.",
    )
    display.show(figure)

# %%
display.show(
    run_tables.divergence(runs, label="tab-divergence"),
    run_tables.learned(study, runs, list(settings), chance=1 / task.classes),
    run_tables.rebounds(runs),
)

# %%
level_targets = {"epochs_to_loss": ("train_loss", loss_level)}
level_targets |= {f"epochs_to_{level:g}": ("test_accuracy", level) for level in accuracy_levels}
compared_cnns = [families["CNN"][width] for width in cnn_compared]
close_settings = {"epochs": close_epochs, "measure_every": close_every}
beginnings = training.sweep(
    arms.variants(base, {arm: {**settings[arm], **close_settings} for arm in compared_cnns}),
    task,
    study.store,
    seeds=seeds,
    workers=workers,
)
durations = time_to_target.record_times(study, runs, level_targets, beginnings=beginnings)
titles = {"epochs_to_loss": f"training loss {loss_level:g} nats"}
titles |= {f"epochs_to_{level:g}": f"test accuracy {level:g}" for level in accuracy_levels}
accuracies = {arm: study.values("test_accuracy", arm) for arm in settings}
name = f"epochs_to_{accuracy_levels[0]:g}"
display.show(
    time_to_target_tables.time_table(
        durations,
        titles,
        label="tab-durations",
        caption="Epochs until a level is first reached. The beginnings of "
        f"{', '.join(compared_cnns)} were measured every {close_every:g} epochs for "
        f"{close_epochs:g}.",
    ),
    time_to_target_tables.relapsed(durations[name], accuracies, titles[name], accuracy_levels[0]),
)

# %%
losses = {arm: study.values("train_loss", arm) for arm in settings}
sizes = arms.sizes(runs)
source = {"learning_rate": 0.01, "momentum": 0.9, "dataset": "mnist", "max_train": 60000}
source |= {"mlp_epochs": "24, of MLP-128 12", "cnn_epochs": 7, "mlp_widths": [32, 64, 128]}
source |= {"cnn_widths": [16, 32, 64], "seeds": "one, not named"}
reasons = {"mlp_epochs": "one plan for all", "seeds": "intervals"}
reasons |= {"cnn_epochs": "one costs many of an MLP's; see what is compared at equal loss"}
reasons |= dict.fromkeys(("mlp_widths", "cnn_widths"), "a wider range")
reasons = reasons if study.evidence else dict.fromkeys(source, "a small run, no evidence")
display.show(
    display.Table(
        ["arm", "parameters", "test accuracy", "training loss (nats)"],
        [
            [arm, f"{size:,}", *map(formatting.seeds_text, (accuracies[arm], losses[arm]))]
            for arm, size in sizes.items()
        ],
        label="tab-sizes",
        caption="Parameters of each network, and where training ended: mean over seeds ± "
        "half-width of the 95% interval. The source names neither its layers nor its batch size.",
        align=["left", *["decimal"] * 3],
    ),
    run_tables.departures(source, study.parameters, reasons, label="tab-departures"),
)

# %%
kinds = {"MLP": mlp_compared, "CNN": cnn_compared}
raced_pairs = [[families[kind][widths[end]] for end in (0, -1)] for kind, widths in kinds.items()]
raced_pairs.append([families[kind][same[0]] for kind in kinds])
equal_sized_pair = [families[kind][width] for kind, width in zip(kinds, alike, strict=True)]
slower = [
    findings.slower(durations[name], pair, titles[name])
    for name, pair in itertools.product(list(level_targets)[:2], raced_pairs)
]
slower_at_one_size = [
    findings.slower(durations[name], equal_sized_pair, titles[name])
    for name in list(level_targets)[:2]
]
verdicts = [claims.robust(claim["S5.1"], slower, slower_at_one_size)]
VerdictBox(verdicts[-1])

# %% [markdown]
# ## Curvature and sharpness
#
# Where training ended, on fixed training examples: [against the width](#fig-curvature), with [the
# exponents](#tab-exponents). Outliers are the eigenvalues above the largest gap in the logarithms
# of the largest eigenvalues; there are said to be as many as classes (Sagun et al. 2017, Papyan
# 2018).

# %%
objectives = arms.arm_objectives(runs, task.first(curvature_examples))
solutions.record_solutions(study, objectives, rho=rho, rho_adaptive=rho_adaptive)
flatness.record_flatness(study, objectives, runs, rho=rho_average, rise_rtol=rise_rtol)
eigenpairs = flatness.record_outliers(study, objectives, k=2 * task.classes)
sharp_headings = {
    "lambda_max": "λ_max",
    "trace": "tr H",
    "sam": "SAM rise",
    "sam_adaptive": "adaptive rise",
    "average_rise": "average rise",
    "noise_trace": "gradient noise",
    "train_loss": "training loss",
}
outlier_heading = {"outliers": "outliers of the spectrum"}
unclear_counts = sum(not flatness.largest_gap(top).converged for top in eigenpairs.values())
few_count = min(curvature_examples, len(task.y_train))
figure = captioned.curves(
    scaling_figures.scaling_panels(study, sharp_headings | outlier_heading, families, x="width"),
    label="fig-curvature",
    caption=f"On {few_count:,} examples against the width: curvature, the rise of the loss by a "
    f"step of length {rho:g} (SAM), of {rho_adaptive:g} of the parameters' own size (adaptive) and "
    f"of {rho_average:g} in random directions (average), the trace of the covariance of single "
    "gradients (noise), and the training loss of the curves: mean over seeds with 95% interval. "
    f"There are {task.classes} classes; of {len(eigenpairs)} counts of outliers {unclear_counts} "
    "have no clear gap behind them, and are drawn all the same.",
    alt="Eight panels over the width, one curve for each family of networks.",
)
display.show(figure, measurements.gaps(eigenpairs, classes=task.classes))

# %%
shown_arms = {
    f"{kind} of width {width}": families[kind][width]
    for kind, widths in kinds.items()
    for width in (widths[0], widths[-1])
}
solved_objectives = {key: L for key, L in objectives.items() if L is not None}
full_spectra = spectra.record_spectra(
    study,
    solved_objectives,
    {title: (arm, "frozen") for title, arm in shown_arms.items() if arm in arms.trained(runs)},
    seeds=survey_seeds,
    outliers=task.classes,
    probes=density_probes,
    steps=density_steps,
)
captioned.spectra(
    builders.spectrum_panels(full_spectra),
    label="fig-density",
    caption=f"Density of the eigenvalues on {few_count:,} examples, per unit of the axis, which is "
    f"symmetric and logarithmic: mean over {len(survey_seeds)} seeds, each as a thin line. Ticks: "
    f"the {task.classes} largest and smallest eigenvalues.",
    alt="A panel for each network: density of the eigenvalues, and ticks at both ends.",
)

# %% [markdown]
# ### On more examples, and at equal training loss
#
# Curvature of the cross-entropy falls with the loss, and the largest eigenvalue on few examples
# lies above that on many. What claims compare is therefore measured on more examples, and once more
# where the training loss first reaches the level above: [the table](#tab-compared).

# %%
compared_arms = [families[kind][width] for kind, widths in kinds.items() for width in widths]
compared_arms = list(dict.fromkeys([*compared_arms, *equal_sized_pair]))
many_example_arms = {*compared_arms, *families["MLP"].values()}
many_runs = {key: run for key, run in runs.items() if key[0] in many_example_arms}
many_objectives = arms.arm_objectives(many_runs, task.first(many_examples))
solutions.record_early(study, many_objectives, rho=rho, prefix="many_")
compared_runs = {key: run for key, run in runs.items() if key[0] in compared_arms}
few_equal_objectives, many_equal_objectives = (
    equal_loss.equal_loss_objectives(
        compared_runs, loss_level, task, task.first(size), study.store, workers=workers
    )
    for size in (curvature_examples, many_examples)
)
solutions.record_early(
    study, many_equal_objectives, rho=rho, prefix="equal_", missing_note=equal_loss.MISSING_NOTE
)
many_count = min(many_examples, len(task.y_train))
largest_loss_ratio = equal_loss.largest_ratio(study, "equal_loss", compared_arms)
comparisons.arm_table(
    study,
    {
        "lambda_max": f"λ_max, {few_count:,} examples",
        "many_lambda_max": f"λ_max, {many_count:,} examples",
        "equal_lambda_max": "λ_max, equal loss",
        "train_loss": "training loss",
        "equal_loss": "equal loss",
    },
    compared_arms,
    runs=runs,
    label="tab-compared",
    caption="The networks that claims compare, where training ended and where its loss first "
    f"reached {loss_level:g} nats: mean over seeds ± half-width of the 95% interval. Losses in "
    f"nats, the last on {many_count:,} examples, where those of one seed differ by up to a factor "
    f"of {largest_loss_ratio:.2g}.",
)

# %% [markdown]
# ## Basins
#
# Filter-normalised planes through the solutions of all seeds, of which [those of the
# first](#fig-planes) are shown, on shared levels. [Against the width](#fig-basins): the diameter of
# the basin, its anisotropy and roughness, and the radius up to which the quadratic model holds.

# %%
shape_headings = {
    "basin_width": f"width of the basin, {basin_level:g} nats above",
    "anisotropy": "anisotropy",
    "roughness": "roughness",
    "quadratic_radius_random": "radius of the quadratic model",
}
all_objectives = objectives | {
    (f"{arm}, equal loss", seed): L for (arm, seed), L in few_equal_objectives.items()
}
planes_by_seed = {}
for seed in seeds:
    seed_objectives = {arm: L for (arm, net_seed), L in all_objectives.items() if net_seed == seed}
    solved_at_seed = {arm: L for arm, L in seed_objectives.items() if L is not None}
    planes_by_seed[seed] = slices.record_random_planes(
        study, solved_at_seed, points=plane_points, seed=seed, reach=plane_reach
    )
    slices.record_shapes(study, planes_by_seed[seed][0], seed=seed)
    basins.record_basins(study, planes_by_seed[seed][0], level=basin_level, seed=seed)
    for arm in [arm for arm, L in seed_objectives.items() if L is None]:
        note = "the run diverged" if (arm, seed) in objectives else equal_loss.MISSING_NOTE
        solutions.record_missing(study, list(shape_headings), note=note, arm=arm, seed=seed)
planes, predictions = planes_by_seed[seeds[0]]
picked_arms = [arm for arm in shown_arms.values() if arm in planes]
picked_predictions = {arm: predictions[arm] for arm in picked_arms}
captioned.planes(
    {arm: planes[arm] for arm in picked_arms},
    predictions=picked_predictions,
    levels=plots.levels([planes[arm] for arm in picked_arms]),
    label="fig-planes",
    caption="Training loss on a filter-normalised plane through the first seed's solutions, on "
    "shared levels; dashed: the quadratic prediction, inside the circle it holds. It parts from "
    "the loss "
    f"{measurements.quadratic_limits(picked_predictions, 'filter norms')}.",
    alt="Contour plots side by side: narrow and wide networks of two families.",
)

# %%
figure = captioned.curves(
    scaling_figures.scaling_panels(study, shape_headings, families, x="width"),
    label="fig-basins",
    caption="The basin on filter-normalised planes against the width of the network: mean over "
    "seeds with 95% interval. Sets that reach the border of the plane count with what is inside, "
    "and radii below the first points of the grid as 0.",
    alt="Four panels over the width, one curve for each family of networks.",
)
display.show(figure, measurements.resolution(study, list(settings)))

# %%
basin_headings = {name: shape_headings[name] for name in ("basin_width", "anisotropy")}
span = f"MLP, {min(mlp_compared)} to {max(mlp_compared)}"
span_arms = {span: {width: families["MLP"][width] for width in mlp_compared}}
mlp_families = {"MLP": families["MLP"], **span_arms}
exponents = power_laws.power_law_exponents(
    study, [*sharp_headings, *basin_headings, "epochs_to_loss"], {**families, **span_arms}
)
exponents |= power_laws.power_law_exponents(study, ["many_lambda_max"], mlp_families)
scaling_tables.exponent_table(
    exponents,
    {
        "lambda_max": f"λ_max, {few_count:,} examples",
        "many_lambda_max": f"λ_max, {many_count:,} examples",
        **{name: heading for name, heading in sharp_headings.items() if name != "lambda_max"},
        **basin_headings,
        "epochs_to_loss": f"epochs to {titles['epochs_to_loss']}",
    },
    label="tab-exponents",
    caption=f"Exponents of power laws in the width, n = {len(seeds)} seeds.",
)

# %%
equal_span = f"{span}, equal loss"
slopes = {key: exponents[key] for key in itertools.product(["many_lambda_max"], mlp_families)}
slopes |= power_laws.power_law_exponents(study, ["equal_lambda_max"], span_arms)
equal_arms = {equal_span: {width: f"{arm}, equal loss" for width, arm in span_arms[span].items()}}
slopes |= power_laws.power_law_exponents(study, list(basin_headings), {**span_arms, **equal_arms})
headings = {"many_lambda_max": "λ_max", "equal_lambda_max": "λ_max at equal loss", **basin_headings}
sides = dict.fromkeys(headings, claims.below) | {"basin_width": claims.above}
slope_findings = {
    key: findings.interval_finding(
        slope, f"exponent of {headings[key[0]]}, {key[1]}", side=sides[key[0]]
    )
    for key, slope in slopes.items()
}
pairs_by_width = {width: [families[kind][width] for kind in reversed(kinds)] for width in same}
sharper_by_width = [
    findings.ratio(study, "many_lambda_max", pair, "λ_max", confidence=1 - 0.05 / len(same))
    for pair in pairs_by_width.values()
]
sharpest = findings.largest(sharper_by_width)
top_slopes = [
    slope_findings[name, span].interval for name in ("many_lambda_max", "equal_lambda_max")
]
slope_change = power_laws.exponent_difference(
    study, "equal_lambda_max", "many_lambda_max", span_arms[span]
)
display.Sentence(
    f"The exponent of λ_max, {span}: {formatting.interval_text(top_slopes[0])} where training "
    f"ended, and {formatting.interval_text(top_slopes[1])} where the training loss is equal; the "
    f"difference is {formatting.interval_text(slope_change)} (n = {slope_change.n})."
)

# %%
pair, sized_pair = pairs_by_width[same[0]], equal_sized_pair[::-1]
pair_objectives = {(arm, seed): L for (arm, seed), L in solved_objectives.items() if arm in pair}
lines = slices.record_lines(
    study, pair_objectives, points=line_points, count=line_directions, reach=plane_reach
)
basins.record_line_widths(study, lines, level=basin_level)
for arm, seed in itertools.product(pair, seeds):
    if objectives[arm, seed] is None:
        solutions.record_missing(study, ["line_width"], arm=arm, seed=seed)
width_title = "width of the basin"
wider = findings.ratio(study, "basin_width", pair, width_title)
wider_lines = findings.ratio(study, "line_width", pair, f"{width_title}, random lines")
wider_alike = [
    findings.ratio(study, "basin_width", [f"{arm}, equal loss" for arm in pair], width_title),
    findings.ratio(study, "basin_width", sized_pair, width_title),
    findings.ratio(study, "basin_width", [f"{arm}, equal loss" for arm in sized_pair], width_title),
]
sharper_relative = findings.ratio(study, "lambda_max_relative", pair, "λ_max in filter norms")
shapes_at_end = [slope_findings[name, span] for name in ("anisotropy", "basin_width")]
shapes_at_equal_loss = [slope_findings[name, equal_span] for name in ("anisotropy", "basin_width")]
slope_checks = [slope_findings["many_lambda_max", "MLP"], slope_findings["equal_lambda_max", span]]
sharper = findings.ratio(study, "many_lambda_max", pair, "λ_max")
verdicts += [
    claims.robust(claim["S5.2"], [slope_findings["many_lambda_max", span], sharpest], slope_checks),
    claims.robust(claim["S5.3"], [*shapes_at_end, wider], [*shapes_at_equal_loss, *wider_alike]),
    claims.robust(claim["S5.9"], [sharper, wider, wider_lines], [sharper_relative, *wider_alike]),
]
display.show(*map(VerdictBox, verdicts[-3:]))

# %% [markdown]
# ### Families at one width, at one loss, and of one size
#
# What these verdicts take from one pair, over all that are there: [the ratios](#tab-pairs) of
# convolutional networks over multilayer perceptrons of one width, and over the one whose number of
# parameters is nearest. A unit of the parameters is another length in each network: beside λ_max
# stands that in units of filter norms, in which the planes are measured.

# %%
pair_headings = {"basin_width": width_title, "many_lambda_max": f"λ_max, {many_count:,} examples"}
pair_headings |= {"lambda_max_relative": "λ_max in filter norms", "average_rise": "average rise"}
nearest_mlp = {
    arm: min(families["MLP"].values(), key=lambda mlp: abs(sizes[mlp] / sizes[arm] - 1))
    for arm in families["CNN"].values()
}
size_twins = {arm: mlp for arm, mlp in nearest_mlp.items() if 0.8 < sizes[mlp] / sizes[arm] < 1.25}
ratio_rows = {}
for relation, pairs in (("one width", pairs_by_width.values()), ("one size", size_twins.items())):
    for first, second in pairs:
        ratio_rows[f"{relation}: {first} / {second}"] = {
            heading: (name, (first, second))
            for name, heading in pair_headings.items()
            if name != "many_lambda_max" or {first, second} <= many_example_arms
        }
        if {first, second} <= set(compared_arms):
            ratio_rows[f"{relation}, equal loss: {first} / {second}"] = {
                pair_headings["basin_width"]: (
                    "basin_width",
                    (f"{first}, equal loss", f"{second}, equal loss"),
                ),
                pair_headings["many_lambda_max"]: ("equal_lambda_max", (first, second)),
            }
comparisons.ratio_table(
    study,
    ratio_rows,
    label="tab-pairs",
    caption="CNN over MLP, where training ended and at equal training loss: ratio and 95% "
    f"interval over {len(seeds)} seeds. Of one size is what differs by less than a quarter in "
    "parameters.",
)

# %% [markdown]
# ## Does the shape of a plane predict training time?
#
# Rank correlations with the epochs to the training loss, in each family by itself, where all runs
# have one plan, and over the networks of both that the source has: pooled, with an interval from
# leaving out arms, and within arms, where only seeds differ ([MLPs](#tab-correlations-mlp),
# [CNNs](#tab-correlations-cnn), [both](#tab-correlations-both)). Whatever follows the width, or how
# far training got, predicts what follows it: they stand in the last rows. Within arms few seeds are
# left, so that only a strong dependence could be seen. [Two of them](#fig-scatter), a point a
# network. The planes are those of the end of training: they could not have been drawn before it was
# known how long it takes.

# %%
for members in families.values():
    for (width, arm), seed in itertools.product(members.items(), seeds):
        study.add("network_width", width, arm=arm, seed=seed)
lasting_arms = [arm for arm in settings if arm in arms.trained(runs)]
row_titles = shape_headings | {"lambda_max": f"λ_max, {few_count:,} examples"}
row_titles |= {"sam_adaptive": "adaptive rise", "train_loss": "training loss at the end"}
row_titles |= {"network_width": "width of the network"}
groups = {group: list(families[group].values()) for group in kinds}
groups["both"] = [families[group][width] for group, widths in kinds.items() for width in widths]
for arm in groups["both"]:  # Ends of plans of two lengths have no order.
    for seed, time in zip(seeds, durations["epochs_to_loss"][arm], strict=True):
        epochs = time.epochs if time.reached else float("nan")
        study.add(
            "epochs_if_reached", epochs, arm=arm, seed=seed, converged=time.reached, unit="epochs"
        )
targets = dict.fromkeys(kinds, "epochs_to_loss") | {"both": "epochs_if_reached"}
correlations = {
    group: predictors.rank_correlations(study, row_titles, targets[group], group_arms)
    for group, group_arms in groups.items()
}
for group, group_correlations in correlations.items():
    unreached = sum(
        not time.reached for arm in groups[group] for time in durations["epochs_to_loss"][arm]
    )
    table = comparisons.correlation_table(
        group_correlations,
        converged={row_titles[name]: study.converged(name, groups[group]) for name in row_titles},
        label=f"tab-correlations-{group.lower()}",
        caption=f"{', '.join(groups[group])}: rank correlation with the epochs to a training loss "
        f"of {loss_level:g} nats, and its 95% interval. The last column is that of the measure; of "
        f"the {len(seeds) * len(groups[group])} runs {unreached} never got there, and count with "
        "the end of the plan.",
    )
    display.show(table)

# %%
clouds = [
    plots.Cloud(
        shape_headings[name],
        study.unit(name) or shape_headings[name],
        f"epochs to {loss_level:g} nats",
        predictors.points(study, name, "epochs_to_loss", lasting_arms),
        scale="log",
    )
    for name in ("anisotropy", "basin_width")
]
captioned.scatter(
    clouds,
    label="fig-scatter",
    caption="Epochs to the training loss against the shape of the basin; runs that never got there "
    "stand at the end of their family's training.",
    alt="Two clouds of points, a marker for each arm: training time over anisotropy and width.",
)

# %%
shape_findings = [
    finding
    for within, (group, group_arms) in itertools.product((False, True), groups.items())
    for name, side in (("anisotropy", claims.above), ("basin_width", claims.below))
    for finding in findings.correlation_findings(
        study,
        {name: basin_headings[name]},
        correlations[group],
        group_arms,
        f"epochs, {group}",
        side=side,
        within=within,
    )
]
half = len(shape_findings) // 2
verdicts.append(claims.robust(claim["S5.8"], shape_findings[:half], shape_findings[half:]))
VerdictBox(verdicts[-1])

# %% [markdown]
# ## What was shown

# %%
files = study.write("Width", verdicts, [task])
closing(study, verdicts)

# %% [markdown]
# ## Limits
#
# One data set and one learning rate for all widths, which may suit one of them better: neither it
# nor the initialisation is scaled with the width as infinitely wide networks would need. Width
# changes parameters, start and reached loss together; families differ in more than their name, and
# networks of one width in depth and number of parameters. Epochs are no cost: a wide network's are
# dearer; and those to a level end where it first holds, which is earlier where it is looked at more
# often. Constant learning rates end near a minimum, not at it. Equal training loss is that of the
# curves' examples, and losses on the examples of the Hessian and of the planes differ more. The
# planes are random and two-dimensional, one for each network, and a random direction in a larger
# space is nearer to the average of all, which makes planes rounder; a unit of filter norms is a row
# of weights in one family and a small kernel in the other. All seeds share the examples of the
# Hessian. An exponent is the slope of a line through values that need not lie on one; a verdict
# with many checks errs towards *artefact*, each being judged at 95%. Rank correlations over few
# widths say nothing of causes, and S5.8 leaves out roughness, of which these planes have next to
# none. Vision transformers are measured and enter no rule. These rules replaced narrower ones
# before any of these networks was trained for the published report; after its first results a
# reading added to them the time between measurements (S5.1), equal loss together with equal size
# (S5.3, S5.9), the basin's own unit (S5.9) and the widths of the source in one (S5.8).
