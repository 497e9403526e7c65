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
from landscape import models, plots, training
from studies import Study, arms, display, figures, formatting, power_laws, predictors, tables
from studies.records import equal_loss

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
    "CNN": {
        width: models.CNN(channels=(width, width), hidden=cnn_hidden, norm="none")
        for width in cnn_widths
    },
    "ViT": {width: models.ViT(patch=vit_patch, dim=width, depth=vit_depth) for width in vit_widths},
}
plans = zip(networks, (mlp_epochs, cnn_epochs, vit_epochs), measure_every, strict=True)
settings = {
    arms.named({"network": network, "width": width}): {
        "model": model,
        "epochs": epochs,
        "measure_every": interval,
    }
    for network, epochs, interval in plans
    for width, model in networks[network].items()
}

# %% [markdown]
# Training curves of [each](#fig-training-mlp) [family](#fig-training-cnn) [by
# itself](#fig-training-vit).

# %%
base = training.TrainConfig(
    networks["MLP"][mlp_widths[0]],
    training.SGD(learning_rate, momentum=momentum),
    batch_size=batch_size,
    measured=measured,
)
sweep = {"seeds": seeds, "workers": workers}
runs = study.train(arms.variants(base, settings), task, **sweep)
trained = study.measurements
families = {
    network: {arm.factors["width"]: arm for arm in runs.where(network=network).arms}
    for network in networks
}
for network in networks:
    figure = figures.training(
        runs.where(network=network),
        label=f"fig-training-{network.lower()}",
        caption=f"Training the {network} of several widths: mean over seeds, 95% interval as a "
        "band, each seed as a thin line. Training loss is that of the first "
        f"{min(measured, task.train_size):,} examples.",
        alt="Four panels over epochs, a curve for each width: losses, test error, gradient norm.",
    )
    display.show(figure)

# %% [markdown]
# Runs that diverged, that did not learn, or whose loss rose again, say little about minima.

# %%
display.show(
    tables.divergence(runs, label="tab-divergence"), tables.learned(runs), tables.rebounds(runs)
)

# %% [markdown]
# [Sizes](#tab-sizes), and where training ended; then [what differs from the
# source](#tab-departures).

# %%
source = {"learning_rate": 0.01, "momentum": 0.9, "dataset": "mnist", "max_train": 60000}
source |= {"mlp_epochs": "24, of MLP-128 12", "cnn_epochs": 7, "mlp_widths": [32, 64, 128]}
source |= {"cnn_widths": [16, 32, 64], "seeds": "one, not named"}
reasons = {"mlp_epochs": "one plan for all", "seeds": "intervals"}
reasons |= {"cnn_epochs": "one costs many of an MLP's; see what is compared at equal loss"}
reasons |= dict.fromkeys(("mlp_widths", "cnn_widths"), "a wider range")
reasons = reasons if study.evidence else dict.fromkeys(source, "a small run, no evidence")
sizes_table = tables.sizes(
    runs,
    label="tab-sizes",
    caption="Parameters of each network, and where training ended. The source names neither its "
    "layers nor its batch size.",
)
departures = tables.departures(source, study.parameters, reasons, label="tab-departures")
display.show(sizes_table, departures)

# %% [markdown]
# ### How long does training take?
#
# Convolutional networks pass the levels within their first epochs: those that are compared are
# trained once more so far, and measured more often. [Epochs to each level](#tab-durations).

# %%
first_epochs = {
    arms.named({"network": "CNN", "width": width, "plan": "first epochs"}): {
        **settings[families["CNN"][width]],
        "epochs": close_epochs,
        "measure_every": close_every,
    }
    for width in cnn_compared
}
beginnings = study.train(arms.variants(base, first_epochs), task, **sweep).by("network", "width")
loss_target = f"training loss {loss_level:g} nats"
accuracy_targets = {f"test accuracy {level:g}": level for level in accuracy_levels}
targets = {loss_target: ("train_loss", loss_level)}
targets |= {name: ("test_accuracy", level) for name, level in accuracy_targets.items()}
durations = study.times(runs, targets, beginnings=beginnings)
first_target = next(iter(accuracy_targets))
accuracies = {arm: trained.values("test_accuracy", arm) for arm in runs.arms}
times_table = tables.times(
    durations,
    {name: name for name in targets},
    label="tab-durations",
    caption="Epochs until a level is first reached. The CNNs of widths "
    f"{formatting.setting_text(cnn_compared)} were measured every {close_every:g} epochs for "
    f"{close_epochs:g}.",
)
relapsed = (durations[first_target], accuracies, first_target, accuracy_targets[first_target])
display.show(times_table, tables.relapsed(*relapsed))

# %% [markdown]
# ## Curvature and sharpness
#
# Where training ended, on fixed training examples: [against the width](#fig-curvature). Outliers
# are the eigenvalues above the largest gap in the logarithms of the largest eigenvalues; there are
# said to be as many as classes (Sagun et al. 2017, Papyan 2018).

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
    caption=f"On {few.count:,} examples against the width: curvature, the rise of the loss by a "
    f"step of length {rho:g} (SAM), of {rho_adaptive:g} of the parameters' own size (adaptive) and "
    f"of {rho_average:g} in random directions (average), the trace of the covariance of single "
    "gradients (noise), and the training loss of the curves: mean over seeds with 95% interval. "
    f"There are {task.classes} classes; numbers of outliers without a clear gap behind them are "
    "drawn all the same.",
    alt="Eight panels over the width, one curve for each family of networks.",
)
display.show(figure, tables.gaps(sharp, classes=task.classes))

# %% [markdown]
# [The whole spectrum](#fig-density) of the narrowest and the widest network that are compared.

# %%
kinds = {"MLP": mlp_compared, "CNN": cnn_compared}
shown_arms = [families[kind][widths[end]] for kind, widths in kinds.items() for end in (0, -1)]
spectra = study.spectra(
    ends.where(arm=shown_arms, seed=survey_seeds),
    outliers=task.classes,
    probes=density_probes,
    steps=density_steps,
)
figures.spectra(
    spectra.grouped("arm"),
    label="fig-density",
    caption=f"Density of the eigenvalues on {few.count:,} examples, per unit of the axis, which is "
    f"symmetric and logarithmic: mean over {len(survey_seeds)} seeds, each as a thin line. Ticks: "
    f"the {task.classes} largest and smallest eigenvalues.",
    alt="A panel for each network: density of the eigenvalues, and ticks at both ends.",
)

# %% [markdown]
# ### On more examples, and at equal training loss
#
# Curvature of the cross-entropy falls with the loss, and the largest eigenvalue on few examples
# lies above the one on many. The networks that claims compare are therefore measured on more
# examples, and once more where their training loss first reaches the level above: [the
# table](#tab-compared).

# %%
alike_pair = [families[kind][width] for kind, width in zip(kinds, alike, strict=True)]
compared = [families[kind][width] for kind, widths in kinds.items() for width in widths]
compared = list(dict.fromkeys([*compared, *alike_pair]))
with_loss = ["lambda_max", "sam", "gradient_norm", "loss", "rounding"]
on_many = runs.where(arm=[*compared, *families["MLP"].values()]).solutions(many)
at_many = study.measure(on_many, with_loss, rho=rho)
equal_few, equal_many = (
    study.at_equal_loss(runs.where(arm=compared), examples, target=loss_level)
    for examples in (few, many)
)
at_equal = study.measure(equal_many, with_loss, rho=rho)
losses = ["train_loss", "loss, equal loss"]
on_few, more = f"{few.count:,} examples", f"{many.count:,} examples"
many_lambda = f"lambda_max, {more}"
curved = sharp.qualified(on_few) | at_many.qualified(more) | at_equal.qualified("equal loss")
tables.arms(
    curved | trained,
    [f"lambda_max, {on_few}", many_lambda, "lambda_max, equal loss", *losses],
    compared,
    runs=runs,
    label="tab-compared",
    caption="The networks that claims compare, where training ended and where its loss first "
    f"reached {loss_level:g} nats: mean over seeds ± half-width of the 95% interval. Losses at "
    f"equal loss on {many.count:,} examples, where those of one seed differ by up to a factor of "
    f"{equal_loss.largest_ratio(at_equal, 'loss', compared):.2g}.",
)

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
    caption="Training loss on a filter-normalised plane through the first seed's solutions, on "
    "shared levels.",
    alt="Contour plots side by side: narrow and wide networks of two families.",
)

# %% [markdown]
# [Against the width](#fig-basins): the diameter of the basin, its anisotropy and roughness, and the
# radius up to which the quadratic model holds.

# %%
shape_quantities = ["basin_width", "anisotropy", "roughness", "quadratic_radius"]
figure = figures.against_size(
    shaped,
    shape_quantities,
    families,
    x="width",
    label="fig-basins",
    caption=f"The basin, {basin_level:g} nats above the solution on filter-normalised planes, "
    "against the width of the network: mean over seeds with 95% interval. Sets that reach the "
    "border of the plane count with what is inside, and radii below the first points of the grid "
    "as 0.",
    alt="Four panels over the width, one curve for each family of networks.",
)
display.show(figure, tables.resolution(shaped))

# %% [markdown]
# ## Power laws
#
# [Exponents](#tab-exponents) are slopes in the logarithms of a quantity and the width: over all
# widths of a family, and for MLPs over the widths of the source, also at equal training loss.

# %%
to_loss = study.measurements.where(quantity="epochs_to_target", target=loss_target)
span = f"MLP, {min(mlp_compared)} to {max(mlp_compared)}"
spans = {span: {width: families["MLP"][width] for width in mlp_compared}}
at_end = sharp | trained | shaped | to_loss
fitted = [*drawn, "train_loss", "basin_width", "anisotropy", "epochs_to_target"]
exponents = power_laws.power_law_exponents(at_end, fitted, {**families, **spans})
mlp_spans = {"MLP": families["MLP"], **spans}
equal_spans = {f"{span}, equal loss": spans[span]}
exponents |= power_laws.power_law_exponents(at_many.qualified(more), [many_lambda], mlp_spans)
exponents |= power_laws.power_law_exponents(at_equal.qualified(more), [many_lambda], equal_spans)
equal_basins = ["basin_width", "anisotropy"]
exponents |= power_laws.power_law_exponents(equally_shaped, equal_basins, equal_spans)
tables.exponents(
    exponents,
    [many_lambda, *fitted],
    label="tab-exponents",
    caption=f"Exponents of power laws in the width, n = {len(seeds)} seeds; epochs to a training "
    f"loss of {loss_level:g} nats. Curvature and rises on {few.count:,} examples where no other "
    "number is given.",
)

# %%
slopes = [exponents[many_lambda, family] for family in (span, *equal_spans)]
change = power_laws.exponent_difference(curved, "lambda_max, equal loss", many_lambda, spans[span])
display.Sentence(
    f"The exponent of λ_max, {span}: {formatting.interval_text(slopes[0])} where training "
    f"ended, and {formatting.interval_text(slopes[1])} where the training loss is equal; the "
    f"difference is {formatting.interval_text(change)} (n = {change.n})."
)

# %% [markdown]
# ## Families at one width, at one loss, and of one size
#
# Convolutional networks over multilayer perceptrons of one width, and over the one whose number of
# parameters is nearest: [the ratios](#tab-pairs). A unit of the parameters is another length in
# each network: beside $\lambda_{\max}$ stands $\lambda_{\max}$ in units of filter norms, in which
# the planes are measured. Random lines through the networks of the first width show the basin once
# more.

# %%
pairs = {width: [families[kind][width] for kind in ("CNN", "MLP")] for width in same}
line_ends = ends.where(arm=pairs[same[0]])
lines = study.lines(line_ends, points=line_points, count=line_directions, reach=plane_reach)
sizes = runs.sizes
closest = {
    cnn: min(
        (max(sizes[mlp] / sizes[cnn], sizes[cnn] / sizes[mlp]), mlp)
        for mlp in families["MLP"].values()
    )
    for cnn in families["CNN"].values()
}
related = [("one width", pair) for pair in pairs.values()]
related += [("one size", [cnn, mlp]) for cnn, (factor, mlp) in closest.items() if factor < 1.25]

# %%
compared_numbers = curved | shaped | equally_shaped.qualified("equal loss")
compared_numbers |= study.line_widths(lines, level=basin_level)
basin_heading, relative_heading = "width of the basin", "λ_max in filter norms"
at_ends = {basin_heading: "basin_width", "along random lines": "line_width", "λ_max": many_lambda}
at_ends |= {relative_heading: f"lambda_max_relative, {on_few}"}
at_ends |= {"average rise": f"average_rise, {on_few}"}
at_one_loss = {basin_heading: "basin_width, equal loss", "λ_max": "lambda_max, equal loss"}
ratio_rows = {
    f"{relation}{moment}: {pair[0]} / {pair[1]}": {
        heading: (name, pair) for heading, name in columns.items()
    }
    for relation, pair in related
    for moment, columns in (("", at_ends), (", equal loss", at_one_loss))
}
tables.ratios(
    compared_numbers,
    ratio_rows,
    label="tab-pairs",
    caption="CNN over MLP, where training ended and at equal training loss: ratio and 95% "
    f"interval over {len(seeds)} seeds. λ_max on {many.count:,} examples. Of one size is what "
    "differs by less than a quarter in parameters.",
)

# %% [markdown]
# ## Does the shape of a plane predict training time?
#
# Rank correlations with the epochs to the training loss, in each family by itself, where all runs
# have one plan, and over the networks of both that the source has: pooled, with an interval from
# leaving out arms, and within arms, where only seeds differ ([MLPs](#tab-correlations-mlp),
# [CNNs](#tab-correlations-cnn), [both](#tab-correlations-both)). Whatever follows the width, or how
# far training got, predicts what follows it: they stand in the last rows. Within arms few seeds are
# left, so that only a strong dependence could be seen. The planes are those of the end of training:
# they could not have been drawn before it was known how long it takes.

# %%
of_networks = sharp | trained | shaped | predictors.of_column(trained, "train_loss", "width")
predicting = [*shape_quantities, "lambda_max", "sam_adaptive", "train_loss", "width"]
groups = {kind: list(families[kind].values()) for kind in kinds}
groups["both"] = [families[kind][width] for kind, widths in kinds.items() for width in widths]
for group, group_arms in groups.items():
    # Ends of plans of two lengths have no order.
    times = to_loss if group in kinds else predictors.converged_only(to_loss)
    reached = [time.reached for arm in group_arms for time in durations[loss_target][arm]]
    there = [name for name in predicting if name in of_networks]
    correlations = predictors.rank_correlations(
        of_networks | times, there, "epochs_to_target", group_arms
    )
    known = [of_networks.converged(name, group_arms) for name in there]
    table = tables.correlations(
        correlations,
        converged=dict(zip(correlations, known, strict=True)),
        label=f"tab-correlations-{group.lower()}",
        caption=f"{formatting.list_text(group_arms)}: rank correlation with the epochs to "
        f"{loss_target}, and its 95% interval. Of the {len(reached)} runs "
        f"{reached.count(False)} never got there, and count with the end of the plan; among "
        "networks of both families they do not count.",
    )
    display.show(table)

# %% [markdown]
# [Two of them](#fig-scatter), a point a network.

# %%
clouds = [
    plots.Cloud(
        title,
        shaped.unit(name),
        f"epochs to {loss_level:g} nats",
        predictors.points(of_networks | to_loss, name, "epochs_to_target", runs.arms),
        scale="log",
    )
    for name, title in (("anisotropy", "anisotropy"), ("basin_width", basin_heading))
]
figures.scatter(
    clouds,
    label="fig-scatter",
    caption="Epochs to the training loss against the shape of the basin; runs that never got there "
    "stand at the end of their family's training.",
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
