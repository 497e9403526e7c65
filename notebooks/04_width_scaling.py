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
# **Question.** Multilayer perceptrons (MLPs), convolutional networks (CNNs) and small vision
# transformers (ViTs) of growing width are trained alike. Do wider networks need fewer epochs and
# end in flatter and rounder basins? Are the basins of CNNs wide although their Hessian is large?
# Does the shape of a basin predict how long training takes?
#
# **Measured.** Epochs to a training loss and to test accuracies; eigenvalues and trace of the
# Hessian; the rise of the loss after a step; width, anisotropy and roughness of the basin on random
# planes. Each as a power of the width. The networks that claims compare are measured again at equal
# training loss, and beside networks with about as many parameters.

# %% Imports
from landscape import models, training
from studies import (
    Study,
    arms,
    display,
    figures,
    formatting,
    power_laws,
    predictors,
    tables,
)

# %% Parameters tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
remeasure = ""
dataset = "digits"
max_train = 60000
seeds = [0, 1, 2]
workers = 1  # processes that train side by side
mlp_widths = [4, 8, 16, 32]
cnn_widths = [4, 8, 16]
vit_widths = [8, 16]
cnn_hidden = 32
vit_patch, vit_depth = 2, 1
mlp_epochs, cnn_epochs, vit_epochs = 20, 10, 20
batch_size = 64
learning_rate, momentum = 0.05, 0.9
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
density_probes, density_steps = 1, 30
plane_points, plane_reach = 13, 1.0  # the reach in filter norms
line_points, line_directions = 13, 3
basin_level = 0.5  # nats above the solution: the rim of a basin

# %% [markdown]
# ## Training
#
# MLPs have one hidden layer of width $w$. CNNs have two convolutions of $w$ channels and a dense
# layer that is the same in all; it holds most of their parameters. ViTs use tokens of $w$
# dimensions. All train with SGD with momentum, at one learning rate.

# %% Set up the networks
study = Study("04_width_scaling", vars())
task = study.load(dataset, max_train=max_train)
networks = {
    "MLP": {width: models.MLP(hidden=(width,)) for width in mlp_widths},
    "CNN": {width: models.CNN((width, width), cnn_hidden, norm="none") for width in cnn_widths},
    "ViT": {width: models.ViT(patch=vit_patch, dim=width, depth=vit_depth) for width in vit_widths},
}
lengths = zip(networks, (mlp_epochs, cnn_epochs, vit_epochs), measure_every, strict=True)
plans = {name: {"epochs": length, "measure_every": every} for name, length, every in lengths}
settings = {
    arms.named({"network": network, "width": width}): {"model": model, **plan}
    for network, plan in plans.items()
    for width, model in networks[network].items()
}

# %% Train all networks
sgd, first = training.SGD(learning_rate, momentum=momentum), networks["MLP"][mlp_widths[0]]
base = training.TrainConfig(first, sgd, batch_size=batch_size, measured=measured)
sweep = {"seeds": seeds, "workers": workers}
runs = study.train(arms.variants(base, settings), task, **sweep)
trained = study.measurements
families = arms.families(runs.arms, family="network", size="width")
plural = {family: f"{family}s" for family in families}
for network, sizes in families.items():
    drawn = list(sizes.values())[:: -(-len(sizes) // 6)]
    figure = figures.training(
        runs.where(arm=drawn),
        label=f"fig-training-{network.lower()}",
        caption="The training loss ends at "
        f"{tables.means(trained, 'train_loss', [drawn[0], drawn[-1]])} nats. Loss, error and "
        "gradient norm by epoch: mean over seeds with 95% interval, each seed as a thin line. The "
        f"training loss is measured on {min(measured, task.train_size):,} examples.",
    )
    display.show(figure.at("detail"))

# %% Check where training ended
diverged = tables.divergence(runs, label="tab-divergence")
sizes = tables.sizes(
    runs,
    label="tab-sizes",
    caption="The table gives the size of each network, and where its training ended.",
)
for check in (diverged, tables.learned(runs), tables.rebounds(runs), sizes):
    display.show(check.at("detail"))

# %% List what differs from the source
source = {"learning_rate": 0.01, "momentum": 0.9, "dataset": "mnist", "max_train": 60000}
source |= {"mlp_epochs": "24 (12 at width 128)", "cnn_epochs": 7, "mlp_widths": [32, 64, 128]}
source |= {"cnn_widths": [16, 32, 64], "seeds": "one, not named"}
reasons = {"mlp_epochs": "all widths share one plan", "cnn_epochs": "an epoch of a CNN takes long"}
reasons |= dict.fromkeys(
    ["mlp_widths", "cnn_widths"], "a wider range shows whether a trend goes on"
)
reasons |= {"seeds": "intervals need several networks"}
reasons = reasons if study.evidence else dict.fromkeys(source, "the run is small and no evidence")
tables.departures(source, study.parameters, reasons, label="tab-departures").at("appendix")

# %% [markdown]
# ### How long does training take?
#
# We count the epochs until the training loss, or the test accuracy, first reaches a level. CNNs
# pass these levels early: we train the compared CNNs again for their first epochs and measure more
# often. A run that never gets there has no number of epochs, only a lower bound: the length of its
# plan. Figures leave it out.

# %% Count the epochs to each level
closely = {"epochs": close_epochs, "measure_every": close_every}
first_epochs = {
    arms.named({**arm.factors, "plan": "first epochs"}): {**settings[arm], **closely}
    for arm in (families["CNN"][width] for width in cnn_compared)
}
beginnings = study.train(arms.variants(base, first_epochs), task, **sweep).by("network", "width")
loss_target = f"training loss {loss_level:g} nats"
targets = {loss_target: ("train_loss", loss_level)}
targets |= {f"test accuracy {level:g}": ("test_accuracy", level) for level in accuracy_levels}
times = study.times(runs, targets, beginnings=beginnings)
reached = study.measurements.where(quantity="epochs_to_target")
by_target = {name: reached.where(target=name) for name in targets}
to_levels = reached.qualified("{target}")
kinds = {"MLP": mlp_compared, "CNN": cnn_compared}
widest = {kind: [families[kind][widths[end]] for end in (-1, 0)] for kind, widths in kinds.items()}
speeds = [tables.speed(times[loss_target], pair) for pair in widest.values()]
level = f"a training loss of {loss_level:g} nats"
faster = f"To {level}, {formatting.list_text(speeds)}."

# %% Draw the epochs against the width
never = {name: to_loss.counts()[1] for name, to_loss in by_target.items()}
missed = formatting.list_text([f"{count} ({name})" for name, count in never.items() if count])
figure = figures.against_size(
    predictors.converged_only(to_levels) | trained,
    [*(f"epochs_to_target, {name}" for name in targets), "test_accuracy"],
    families,
    x="width",
    label="fig-epochs",
    caption=f"{faster} Mean over seeds with 95% interval. A width is left out where a run never "
    f"gets there; of {len(runs)} runs these are {missed or 'none'}.",
)
table = tables.times(
    times,
    label="tab-durations",
    caption=f"{faster} Epochs to each level; the compared CNNs are measured every {close_every:g} "
    f"epochs up to epoch {close_epochs:g}.",
)
display.show(figure, table.at("detail"), tables.relapsed(times, targets, trained).at("detail"))

# %% [markdown]
# ## Curvature and sharpness
#
# At the end of training we measure the Hessian's largest eigenvalue and trace, and the rise of the
# loss after three kinds of steps: along the gradient (SAM rise), relative to the size of each
# parameter (adaptive rise), and in random directions (average rise). Gradient noise is the trace
# of the covariance of single gradients. Outliers are the eigenvalues above the widest gap among the
# largest ones; theory predicts as many as classes [@sagun2017; @papyan2018].

# %% Measure curvature and sharpness
few, many = (task.first(size) for size in (curvature_examples, many_examples))
ends = runs.solutions(few)
curvatures = ["lambda_max", "lambda_min", "kappa", "lambda_max_relative"]
rises = ["sam", "gradient_norm", "loss", "sam_adaptive", "rounding"]
averages = ["average_rise", "trace", "mean_eigenvalue", "noise_trace", "noise_scale"]
sharp = study.measure(ends, curvatures + rises, rho=rho, rho_adaptive=rho_adaptive)
sharp |= study.measure(ends, averages, rho=rho_average, rise_rtol=rise_rtol)
study.outliers(ends, k=2 * task.classes)
sharp |= study.measurements.where(quantity="outliers")
drawn = ["lambda_max", "trace", "sam", "sam_adaptive", "average_rise", "noise_trace"]
fit = power_laws.power_law_exponents
by_family = fit(sharp, ["lambda_max"], families)
figure = figures.against_size(
    sharp | trained.where(quantity="train_loss"),
    [*drawn, "train_loss", "outliers"],
    families,
    x="width",
    label="fig-curvature",
    caption=f"On {few.count:,} training examples "
    f"{tables.trend(by_family, 'lambda_max', plural, noun='λ_max', size='the width')}. Mean over "
    f"seeds with 95% interval; steps of {rho:g} (SAM), {rho_adaptive:g} (adaptive) and "
    f"{rho_average:g} (average); {task.classes} classes.",
)
display.show(figure, tables.gaps(sharp, classes=task.classes))

# %% Measure the whole spectrum of four networks
shown_arms = [arm for pair in widest.values() for arm in reversed(pair)]
shown_ends = ends.where(arm=shown_arms, seed=survey_seeds)
figure = figures.spectra(
    study.spectra(
        shown_ends, outliers=task.classes, probes=density_probes, steps=density_steps
    ).grouped("arm"),
    label="fig-density",
    caption=f"λ_max is {tables.means(sharp, 'lambda_max', shown_arms)}. Density of the eigenvalues "
    f"on {few.count:,} examples: mean over {len(survey_seeds)} seeds, each seed as a thin line; "
    f"ticks mark the {task.classes} largest and the {task.classes} smallest eigenvalues.",
    alt="A panel for each network: density of the eigenvalues, and ticks at both ends.",
)
figure.at("detail")

# %% [markdown]
# ### On more examples, and at equal training loss
#
# Curvature changes with the loss, and $\lambda_{\max}$ depends on the number of examples. So we
# measure the networks that claims compare on more examples: at the end of training, and where
# their training loss first reaches the level above.

# %% Measure the compared networks again
of_source = [families[kind][width] for kind, widths in kinds.items() for width in widths]
of_one_size = [families[kind][width] for kind, width in zip(kinds, alike, strict=True)]
compared = list(dict.fromkeys(of_source + of_one_size))
with_loss = ["lambda_max", "sam", "gradient_norm", "loss", "rounding"]
on_many = runs.where(arm=[*compared, *families["MLP"].values()]).solutions(many)
at_many = study.measure(on_many, with_loss, rho=rho)
chosen = runs.where(arm=compared)
equal_few, equal_many = (study.at_equal_loss(chosen, x, target=loss_level) for x in (few, many))
at_equal = study.measure(equal_many, with_loss, rho=rho)
on_few, more = f"{few.count:,} examples", f"{many.count:,} examples"
many_lambda, equal_lambda = f"lambda_max, {more}", "lambda_max, equal loss"
curved = sharp.qualified(on_few) | at_many.qualified(more) | at_equal.qualified("equal loss")

# %% Compare the end of training with equal loss
times_as_large = "a λ_max {} times as large"
at_end = tables.beside(curved, widest["MLP"], {many_lambda: times_as_large})
flatter = (
    f"At the end of training, {at_end}; where the training loss first reaches {loss_level:g} nats, "
    "its λ_max is "
    f"{formatting.interval_text(tables.effect(curved, equal_lambda, widest['MLP']))} times as "
    "large."
)
headings = {many_lambda: "λ_max", equal_lambda: "λ_max, equal loss"}
table = tables.arms(
    curved | trained,
    headings | {"train_loss": "training loss (nats)"},
    compared,
    runs=runs,
    emphasise="λ_max, equal loss",
    label="tab-compared",
    caption=f"{flatter} Mean over seeds with 95% interval, at the end of training where not said "
    f"otherwise; λ_max on {more}.",
)
display.show(table.at("detail"), tables.equality(at_equal, "loss", compared).at("detail"))

# %% [markdown]
# ## Basins
#
# We cut each solution by a plane along two random directions, scaled to the norm of each filter
# [@li2018]. Its basin holds the points of the plane whose loss is less than a fixed height above
# the solution. The width of the basin is the diameter of a disc with its area. Its anisotropy is
# the ratio of its long to its short axis. Roughness is 0 if the loss turns at most once along each
# line of the grid; otherwise it is the share of the loss's ups and downs that the further turns
# add. The radius of the quadratic model is the distance up to which the model fits the loss.

# %% Measure the basins
planes = study.random_planes(ends, points=plane_points, reach=plane_reach)
equal_planes = study.random_planes(equal_few, points=plane_points, reach=plane_reach)
shaped, equally_shaped = (
    study.basins(cuts, level=basin_level) | study.shapes(cuts) | study.quadratic_radii(cuts)
    for cuts in (planes, equal_planes)
)
three = [*reversed(widest["MLP"]), widest["CNN"][0]]
figures.predicted_planes(
    planes.where(arm=three, seed=seeds[0]),
    unit="filter norms",
    label="fig-planes",
    caption=f"The basins are {tables.means(shaped, 'basin_width', three)} filter norms wide. "
    "Contours: training loss on a plane along two random directions, first seed.",
)

# %% Draw the basins against the width
shape_quantities = ["basin_width", "anisotropy", "roughness", "quadratic_radius"]
of_shapes = fit(shaped, ["basin_width", "anisotropy"], families)
resolved = tables.resolved(shaped)
anisotropy_words = (
    tables.trend(of_shapes, "anisotropy", plural, noun="anisotropy", size="the width")
    if resolved
    else "the grid does not resolve how the anisotropy depends on the width"
)
figure = figures.against_size(
    shaped,
    shape_quantities,
    families,
    x="width",
    label="fig-basins",
    caption="At the end of training, "
    f"{tables.trend(of_shapes, 'basin_width', plural, noun='basin diameter', size='the width')}; "
    f"{anisotropy_words}. "
    f"Basins {basin_level:g} nats above the solution: mean over seeds "
    "with 95% interval.",
)
display.show(figure, tables.resolution(shaped))

# %% [markdown]
# ## Power laws
#
# An exponent is the slope of a line through the logarithms of a quantity and the width. Where
# exponents between neighbouring widths differ much, the quantity follows no power law.

# %% Fit power laws in the width
to_loss = study.measurements.where(quantity="epochs_to_target", target=loss_target)
span = f"MLP, {min(mlp_compared)} to {max(mlp_compared)}"
spans = {span: {width: families["MLP"][width] for width in mlp_compared}}
fitted = [*drawn, "train_loss", "basin_width", "anisotropy", "epochs_to_target"]
exponents = fit(sharp | trained | shaped | to_loss, fitted, {**families, **spans})
exponents |= fit(at_many.qualified(more), [many_lambda], {"MLP": families["MLP"], **spans})
equal_numbers = at_equal.qualified(more) | equally_shaped
exponents |= fit(
    equal_numbers, [many_lambda, "basin_width", "anisotropy"], {f"{span}, equal loss": spans[span]}
)
local = (
    "Between neighbouring widths, the exponent of λ_max takes values from "
    f"{tables.local_trend(by_family, 'lambda_max', plural)}."
)
table = tables.exponents(
    exponents,
    [many_lambda, *fitted],
    label="tab-exponents",
    caption=f"{local} Exponents in the width, n = {len(seeds)} seeds; epochs to {level}; curvature "
    f"and rises on {on_few} where no number is given.",
)
compared_law, equal_law = (
    formatting.interval_text(exponents[many_lambda, name])
    if (many_lambda, name) in exponents
    else "–"
    for name in (span, f"{span}, equal loss")
)
of_span = (
    f"Over the widths {min(mlp_compared)} to {max(mlp_compared)}, on {more}, the exponent of λ_max "
    f"of MLPs is {compared_law} at the end of training and {equal_law} at equal training loss."
)
display.show(display.Sentence(f"{of_span} {local}"), table.at("detail"))

# %% [markdown]
# ## Families at one width, at one loss, and of one size
#
# We divide each CNN by the MLP of the same width, and by the MLP with the nearest number of
# parameters. Networks differ in the size of their parameters, so one step length means different
# things in them. We therefore also measure $\lambda_{\max}$ in units of filter norms, as on the
# planes.

# %% Pair CNNs with MLPs
pairs = [[families[kind][width] for kind in ("CNN", "MLP")] for width in same]
similar = arms.of_one_size(
    runs.sizes, families["CNN"].values(), families["MLP"].values(), within=1.25
)
spacing = {"points": line_points, "count": line_directions, "reach": plane_reach}
lines = study.lines(ends.where(arm=pairs[0]), **spacing)
compared_numbers = curved | shaped | equally_shaped.qualified("equal loss")
compared_numbers |= study.line_widths(lines, level=basin_level)
having = {"basin_width": "a basin {} times as wide", many_lambda: times_as_large}
equal_having = {f"{name.partition(',')[0]}, equal loss": words for name, words in having.items()}
paired = f"At the end of training, {tables.beside(compared_numbers, pairs[0], having)}."
alike_pair = (
    f"At equal training loss, {tables.beside(compared_numbers, of_one_size[::-1], equal_having)}, "
    "which has about as many parameters."
)

# %% Compare the pairs
at_ends = {"width of the basin": "basin_width", "along random lines": "line_width"}
at_ends |= {"λ_max": many_lambda, "λ_max in filter norms": f"lambda_max_relative, {on_few}"}
at_ends |= {"average rise": f"average_rise, {on_few}"}
at_one_loss = {"width of the basin": "basin_width, equal loss", "λ_max": equal_lambda}
ratio_rows = arms.pair_rows({"one width": pairs, "one size": similar}, at_ends)
equal_pairs = {"one width, equal loss": pairs, "one size, equal loss": similar}
table = tables.ratios(
    compared_numbers,
    ratio_rows | arms.pair_rows(equal_pairs, at_one_loss),
    label="tab-pairs",
    caption=f"{paired} CNN over MLP: ratio and 95% interval over {len(seeds)} seeds; λ_max on "
    f"{more}. One size: numbers of parameters within 25%.",
)
relative = at_ends["λ_max in filter norms"]
drawn_having = {
    "basin_width": having["basin_width"],
    relative: "a relative λ_max {} times as large",
}
drawn_pair = f"At the end of training, {tables.beside(compared_numbers, pairs[0], drawn_having)}."
figure = figures.measures(
    compared_numbers,
    [at_ends[name] for name in ("width of the basin", "λ_max in filter norms", "average rise")],
    arms.related_rows({"one width": pairs, "one size": similar}),
    label="fig-pairs",
    caption=f"{drawn_pair} CNN over MLP at the end of training, at one width or with about as many "
    "parameters (one size). The relative λ_max is measured in units of filter norms.",
)
again = [[pair for pair in chosen if set(pair) <= set(compared)] for chosen in (pairs, similar)]
equal_figure = figures.measures(
    compared_numbers,
    [many_lambda, *at_one_loss.values()],
    arms.related_rows(dict(zip(("one width", "one size"), again, strict=True))),
    label="fig-equal-pairs",
    caption=f"{alike_pair} CNN over MLP; λ_max on {more}, at the end of training and where the "
    f"training loss first reaches {loss_level:g} nats.",
)
display.show(figure.at("detail"), equal_figure, table.at("detail"))

# %% [markdown]
# ## Does the shape of a plane predict training time?
#
# We correlate each measure with the epochs to the training loss, by rank. Pooled correlations
# compare all networks; those within groups see only seeds of one family and width. The last rows
# hold the final loss and the width of the network: a measure that merely follows them would predict
# as much as they do. The planes are those of the end of training: nobody could draw them before
# training was over.

# %% Correlate shape with training time
of_networks = sharp | trained | shaped | predictors.of_column(trained, "train_loss", "width")
predicting = [*shape_quantities, "lambda_max", "sam_adaptive", "train_loss", "width"]
groups = {"both": of_source} | {kind: list(families[kind].values()) for kind in kinds}
names = {"both": "families and widths", "MLP": "widths of MLPs", "CNN": "widths of CNNs"}
target = ("epochs_to_target", f"the epochs to {level}")
predicted = {}
for group, group_arms in groups.items():
    epochs = to_loss if group in kinds else predictors.converged_only(to_loss)
    numbers = of_networks | epochs
    predicted[group] = tables.prediction(numbers, "basin_width", target, group_arms, names[group])
    table = tables.correlated(
        numbers,
        predicting,
        target[0],
        group_arms,
        label=f"tab-correlations-{group.lower()}",
        caption=f"{predicted[group]} Rank correlations with 95% intervals.",
    )
    display.show(table.at("body" if group == "both" else "detail"))

# %% Draw training time against shape
figures.against_target(
    of_networks | to_loss,
    ["anisotropy", "basin_width"],
    "epochs_to_target",
    of_source,
    y=f"epochs to {loss_level:g} nats",
    label="fig-scatter",
    caption=f"{predicted['both']} Epochs against the shape of the basin, a point for each network "
    "that claims compare; a run that never gets there stands at the length of its plan.",
    alt="Two clouds of points, a marker for each arm: training time over anisotropy and width.",
).at("detail")

# %% [markdown]
# ## What was found

# %% Say what was found
study.close("Width")
display.show(
    tables.closing(study, evidence=study.evidence).at("appendix"),
    display.Findings(
        f"{flatter.removesuffix('.')} ([](#tab-compared)).",
        f"{paired} {alike_pair.removesuffix('.')} ([](#fig-equal-pairs)).",
        f"To {level}, {speeds[0]}. {predicted['both'].removesuffix('.')} ([](#fig-scatter)).",
    ),
)

# %% [markdown]
# ## Discussion

# %% Say what the findings mean
depending, (mlp, cnn) = formatting.depending, of_one_size
wide, narrow = max(mlp_compared), min(mlp_compared)
by_loss = depending(
    tables.effect(curved, equal_lambda, widest["MLP"]),
    below=f"MLPs of width {wide} are flatter than MLPs of width {narrow} even at equal training "
    "loss, so width itself matters.",
    above=f"At equal training loss MLPs of width {wide} are sharper than MLPs of width {narrow}; "
    "a lower λ_max at the end of training then goes with a lower loss.",
    undecided=f"At equal training loss we measure no difference in λ_max between MLPs of width "
    f"{narrow} and {wide}; a lower λ_max at the end of training then goes with a lower loss.",
)
those = f"a CNN of width {alike[1]} and an MLP of width {alike[0]}"
by_size = depending(
    tables.effect(compared_numbers, "basin_width, equal loss", [cnn, mlp]),
    above=f"For {those}, loss and size do not explain the wider basin of the CNN.",
    below=f"For {those}, loss and size suffice to explain the wide basin of the CNN.",
    undecided=f"For {those}, we measure no difference at equal loss.",
)
sides = {"above": "wider", "below": "narrower"}
counted = tables.sided_pairs(compared_numbers, "basin_width", similar, **sides)
counted_equal = tables.sided_pairs(compared_numbers, "basin_width, equal loss", again[1], **sides)
by_size = (
    f"With about as many parameters, the basin of the CNN is {counted} at the end of training, and "
    f"{counted_equal} at equal training loss. {by_size}"
)
converged = of_networks | predictors.converged_only(to_loss)
by_seed = depending(
    tables.correlated_pair(converged, "basin_width", "epochs_to_target", of_source)[1],
    below="Among networks of one family and width, too, wider basins go with fewer epochs.",
    above="Among networks of one family and width wider basins go with more epochs, so the pooled "
    "correlation compares families and widths, not basins.",
    undecided="Among networks of one family and width the basin predicts no difference in epochs "
    "that we can measure: the pooled correlation compares families and widths.",
)
display.Sentence(f"**What it means.** {by_loss} {by_size} {by_seed}")

# %% [markdown]
# **What would change it.** All widths share one data set and one learning rate, which may suit some
# widths better than others; neither the learning rate nor the initialisation scales with the width.
# Width changes the parameters, the start and the final loss together, and families differ in depth
# and number of parameters too. Epochs do not measure cost: an epoch of a wide network takes longer.
# Random directions in a larger space come closer to the average over all directions, which makes
# planes rounder, and a filter is a row of weights in one family and a small kernel in the other.
# Rank correlations over few widths say nothing about causes, and these planes have next to no
# roughness that could predict anything.
