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
# minima? Are the minima of convolutional networks wide although their Hessian is large? Does the
# picture of a plane tell how long training took?
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
from landscape import models, training
from studies import Study, arms, display, figures, formatting, power_laws, predictors, tables

# %% tags=["parameters"]
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
# One hidden layer of the width; two convolutions of the width, then a hidden layer that is the same
# in all and has most of their parameters ([table](#tab-sizes)); tokens of the width. SGD with
# momentum, one learning rate.

# %%
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

# %% [markdown]
# Training curves of [each](#fig-training-mlp) [family](#fig-training-cnn) [by
# itself](#fig-training-vit): means over seeds, 95% intervals as bands, each seed as a thin line.
# Training losses are those of the first training examples, test losses those of the whole test set.

# %%
sgd, first = training.SGD(learning_rate, momentum=momentum), networks["MLP"][mlp_widths[0]]
base = training.TrainConfig(first, sgd, batch_size=batch_size, measured=measured)
sweep = {"seeds": seeds, "workers": workers}
runs = study.train(arms.variants(base, settings), task, **sweep)
trained = study.measurements
families = arms.families(runs.arms, family="network", size="width")
for network in networks:
    figure = figures.training(
        runs.where(network=network),
        label=f"fig-training-{network.lower()}",
        caption=f"Training {network}s; losses of {min(measured, task.train_size):,} examples.",
    )
    display.show(figure)

# %% [markdown]
# Runs that diverged, that did not learn, or whose loss rose again, say little about minima. Then
# [sizes](#tab-sizes), and where training ended.

# %%
diverged = tables.divergence(runs, label="tab-divergence")
sizes = tables.sizes(runs, label="tab-sizes", caption="Networks, and where their training ended.")
display.show(diverged, tables.learned(runs), tables.rebounds(runs), sizes)

# %% [markdown]
# [What differs from the source](#tab-departures), which names neither the layers of its networks
# nor its batch size. Convolutional networks train for fewer epochs; what is compared at equal loss
# does not depend on that.

# %%
source = {"learning_rate": 0.01, "momentum": 0.9, "dataset": "mnist", "max_train": 60000}
source |= {"mlp_epochs": "24, of MLP-128 12", "cnn_epochs": 7, "mlp_widths": [32, 64, 128]}
source |= {"cnn_widths": [16, 32, 64], "seeds": "one, not named"}
reasons = {"mlp_epochs": "one plan for all", "cnn_epochs": "one costs many of an MLP's"}
reasons |= {"mlp_widths": "a wider range", "cnn_widths": "a wider range", "seeds": "intervals"}
reasons = reasons if study.evidence else dict.fromkeys(source, "a small run, no evidence")
tables.departures(source, study.parameters, reasons, label="tab-departures")

# %% [markdown]
# ### How long does training take?
#
# Convolutional networks pass the levels within their first epochs: those that are compared are
# trained once more so far, and measured more often. [Epochs until each level](#tab-durations) is
# first reached: medians over seeds. How far the beginnings of these networks were measured, and
# after which fractions of an epoch, stands in the caption.

# %%
closely = {"epochs": close_epochs, "measure_every": close_every}
first_epochs = {
    arms.named({**arm.factors, "plan": "first epochs"}): {**settings[arm], **closely}
    for arm in (families["CNN"][width] for width in cnn_compared)
}
beginnings = study.train(arms.variants(base, first_epochs), task, **sweep).by("network", "width")
loss_target = f"training loss {loss_level:g} nats"
targets = {loss_target: ("train_loss", loss_level)}
targets |= {f"test accuracy {level:g}": ("test_accuracy", level) for level in accuracy_levels}
durations = study.times(runs, targets, beginnings=beginnings)
times = tables.times(
    durations,
    label="tab-durations",
    caption=f"Epochs to levels; of compared CNNs the first {close_epochs:g} by {close_every:g}.",
)
display.show(times, tables.relapsed(durations, targets, trained))

# %% [markdown]
# ## Curvature and sharpness
#
# Where training ended, on fixed training examples: [against the width](#fig-curvature), curvature,
# the rise of the loss by a step along the gradient (SAM), by a step in proportion to the
# parameters' own size (adaptive) and in random directions (average), the trace of the covariance of
# single gradients (noise), and the training loss of the curves. Outliers are the eigenvalues above
# the largest gap in the logarithms of the largest eigenvalues; there are said to be as many as
# classes [@sagun2017; @papyan2018]. Numbers without a clear gap are drawn all the same.

# %%
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
figure = figures.against_size(
    sharp | trained.where(quantity="train_loss"),
    [*drawn, "train_loss", "outliers"],
    families,
    x="width",
    label="fig-curvature",
    caption=f"Mean over seeds, 95% interval; {few.count:,} examples, {task.classes} classes; "
    f"steps of {rho:g} (SAM), {rho_adaptive:g} (adaptive) and {rho_average:g} (average).",
)
display.show(figure, tables.gaps(sharp, classes=task.classes))

# %% [markdown]
# [The whole spectrum](#fig-density) of the narrowest and the widest network that are compared: the
# density of the eigenvalues per unit of the axis, which is symmetric and logarithmic, each seed as
# a thin line; ticks are the largest and smallest eigenvalues, as many as classes at each end.

# %%
kinds = {"MLP": mlp_compared, "CNN": cnn_compared}
shown_arms = [families[kind][widths[end]] for kind, widths in kinds.items() for end in (0, -1)]
shown_ends = ends.where(arm=shown_arms, seed=survey_seeds)
probing = {"probes": density_probes, "steps": density_steps}
figures.spectra(
    study.spectra(shown_ends, outliers=task.classes, **probing).grouped("arm"),
    label="fig-density",
    caption=f"Eigenvalues on {few.count:,} examples: mean over {len(survey_seeds)} seeds.",
    alt="A panel for each network: density of the eigenvalues, and ticks at both ends.",
)

# %% [markdown]
# ### On more examples, and at equal training loss
#
# Curvature of the cross-entropy falls with the loss, and the largest eigenvalue on few examples
# lies above the one on many. The networks that claims compare are therefore measured on more
# examples, and once more where their training loss first reaches the level above: [the
# table](#tab-compared) has means over seeds ± half-width of the 95% interval.

# %%
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
table = tables.arms(
    curved | trained,
    [f"lambda_max, {on_few}", many_lambda, equal_lambda, "train_loss", "loss, equal loss"],
    compared,
    runs=runs,
    label="tab-compared",
    caption=f"At the end, and where training loss first reached {loss_level:g} nats (on {more}).",
)
display.show(table, tables.equality(at_equal, "loss", compared))

# %% [markdown]
# ## Basins
#
# Filter-normalised planes through the solutions of all seeds, of which [those of the
# first](#fig-planes) are shown, on shared levels.

# %%
planes = study.random_planes(ends, points=plane_points, reach=plane_reach)
equal_planes = study.random_planes(equal_few, points=plane_points, reach=plane_reach)
shaped, equally_shaped = (
    study.basins(cuts, level=basin_level) | study.shapes(cuts) | study.quadratic_radii(cuts)
    for cuts in (planes, equal_planes)
)
figures.predicted_planes(
    planes.where(arm=shown_arms, seed=seeds[0]),
    unit="filter norms",
    label="fig-planes",
    caption="Training loss on a filter-normalised plane, first seed.",
)

# %% [markdown]
# [Against the width](#fig-basins): the diameter of the basin, its anisotropy and roughness, and the
# radius up to which the quadratic model holds. Sets that reach the border of the plane count with
# what is inside, and radii below the first points of the grid as 0.

# %%
shape_quantities = ["basin_width", "anisotropy", "roughness", "quadratic_radius"]
figure = figures.against_size(
    shaped,
    shape_quantities,
    families,
    x="width",
    label="fig-basins",
    caption=f"Basins, {basin_level:g} nats above the solution: mean over seeds, 95% interval.",
)
display.show(figure, tables.resolution(shaped))

# %% [markdown]
# ## Power laws
#
# [Exponents](#tab-exponents) are slopes in the logarithms of a quantity and the width: over all
# widths of a family, and for MLPs over the widths of the source, also at equal training loss. Where
# no number of examples is given, curvature and rises are those of the figure above.

# %%
to_loss = study.measurements.where(quantity="epochs_to_target", target=loss_target)
span = f"MLP, {min(mlp_compared)} to {max(mlp_compared)}"
spans = {span: {width: families["MLP"][width] for width in mlp_compared}}
fitted = [*drawn, "train_loss", "basin_width", "anisotropy", "epochs_to_target"]
fit = power_laws.power_law_exponents
exponents = fit(sharp | trained | shaped | to_loss, fitted, {**families, **spans})
exponents |= fit(at_many.qualified(more), [many_lambda], {"MLP": families["MLP"], **spans})
at_loss = {f"{span}, equal loss": spans[span]}
equal_numbers = at_equal.qualified(more) | equally_shaped
exponents |= fit(equal_numbers, [many_lambda, "basin_width", "anisotropy"], at_loss)
table = tables.exponents(
    exponents,
    [many_lambda, *fitted],
    label="tab-exponents",
    caption=f"Exponents in the width, n = {len(seeds)} seeds; epochs to a {loss_target}.",
)
display.show(table, tables.exponent_change(curved, [equal_lambda, many_lambda], span, spans[span]))

# %% [markdown]
# ## Families at one width, at one loss, and of one size
#
# Convolutional networks over multilayer perceptrons of one width, and over the one whose number of
# parameters is nearest: [the ratios](#tab-pairs). A unit of the parameters is another length in
# each network: beside $\lambda_{\max}$ stands $\lambda_{\max}$ in units of filter norms, in which
# the planes are measured. Random lines through the networks of the first width show the basin once
# more. Of one size is what differs by less than a quarter in parameters.

# %%
pairs = [[families[kind][width] for kind in ("CNN", "MLP")] for width in same]
mlps, cnns = families["MLP"].values(), families["CNN"].values()
similar = arms.of_one_size(runs.sizes, cnns, mlps, within=1.25)
line_ends = ends.where(arm=pairs[0])
lines = study.lines(line_ends, points=line_points, count=line_directions, reach=plane_reach)
compared_numbers = curved | shaped | equally_shaped.qualified("equal loss")
compared_numbers |= study.line_widths(lines, level=basin_level)

# %%
at_ends = {"width of the basin": "basin_width", "along random lines": "line_width"}
at_ends |= {"λ_max": many_lambda, "λ_max in filter norms": f"lambda_max_relative, {on_few}"}
at_ends |= {"average rise": f"average_rise, {on_few}"}
at_one_loss = {"width of the basin": "basin_width, equal loss", "λ_max": equal_lambda}
ratio_rows = arms.pair_rows({"one width": pairs, "one size": similar}, at_ends)
equal_pairs = {"one width, equal loss": pairs, "one size, equal loss": similar}
tables.ratios(
    compared_numbers,
    ratio_rows | arms.pair_rows(equal_pairs, at_one_loss),
    label="tab-pairs",
    caption=f"CNN over MLP: ratio and 95% interval over {len(seeds)} seeds; λ_max on {more}.",
)

# %% [markdown]
# ## Does the shape of a plane predict training time?
#
# Rank correlations with the epochs to the training loss, with 95% intervals, in each family by
# itself, where all runs have one plan, and over the networks of both that the source has: pooled,
# with an interval from leaving out arms, and within arms, where only seeds differ
# ([MLPs](#tab-correlations-mlp), [CNNs](#tab-correlations-cnn), [both](#tab-correlations-both)).
# Whatever follows the width, or how far training got, predicts what follows it: they stand in the
# last rows. Within arms few seeds are left, so that only a strong dependence could be seen. The
# planes are those of the end of training: they could not have been drawn before it was known how
# long it takes. Runs that never got there count with the end of the plan; among networks of both
# families, whose plans have two lengths, they do not count.

# %%
of_networks = sharp | trained | shaped | predictors.of_column(trained, "train_loss", "width")
predicting = [*shape_quantities, "lambda_max", "sam_adaptive", "train_loss", "width"]
groups = {kind: list(families[kind].values()) for kind in kinds} | {"both": of_source}
for group, group_arms in groups.items():
    epochs = to_loss if group in kinds else predictors.converged_only(to_loss)
    table = tables.correlated(
        of_networks | epochs,
        predicting,
        "epochs_to_target",
        group_arms,
        label=f"tab-correlations-{group.lower()}",
        caption=f"Rank correlations: {formatting.list_text(group_arms)}; {loss_target}.",
    )
    display.show(table)

# %% [markdown]
# [Two of them](#fig-scatter), a point a network; runs that never got there stand at the end of
# their family's training.

# %%
figures.against_target(
    of_networks | to_loss,
    ["anisotropy", "basin_width"],
    "epochs_to_target",
    y=f"epochs to {loss_level:g} nats",
    label="fig-scatter",
    caption="Epochs to the training loss against the shape of the basin.",
    alt="Two clouds of points, a marker for each arm: training time over anisotropy and width.",
)

# %% [markdown]
# ## What was shown

# %%
study.close("Width")
tables.closing(study, evidence=study.evidence)

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
# Hessian. An exponent is the slope of a line through values that need not lie on one. Rank
# correlations over few widths say nothing of causes, and these planes have next to no roughness
# that could predict anything.
