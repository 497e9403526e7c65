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
# planes, and where the quadratic model parts from the loss. Each as a power of the width.
#
# **What will be shown.** Which of these follow the width, in which family, and whether the shape of
# a plane predicts training time once arms and seeds are told apart.

# %%

from landscape import (
    accounts,
    arms,
    basins,
    claims,
    cuts,
    data,
    display,
    durations,
    findings,
    flatness,
    models,
    panels,
    plots,
    predictors,
    races,
    records,
    results,
    scaling,
    surveys,
    tables,
    training,
)

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
measure_every = 0.5  # epochs
loss_level = 0.3  # nats of training loss
accuracy_levels = [0.9, 0.95]
narrow = [4, 4]  # widths of MLP and CNN that are compared; the source has 32 and 16,
wide = [16, 16]  # and 128 and 64
same = 8  # the width at which families are compared
rho = 0.05  # radius of SAM's step
rho_adaptive = 0.5  # radius of the adaptive step, relative to |theta|
rho_average = 1.0  # length of random perturbations, in parameter units
curvature_examples = 256
survey_seeds = [0, 1]
density_probes = 1
density_steps = 30
plane_points = 13
basin_level = 0.5  # nats above the solution: the rim of a basin

# %% [markdown]
# ## The claims and the rules
#
# The rules stand here, above the measurements that they judge; code applies them. An interval that
# covers the border decides nothing. Epochs of a run that never reaches a level count as more than
# it had. Exponents are those of power laws in the width, over all widths of a family.

# %%
study = results.Study("04_width_scaling", vars())
rules = {
    "S5.1": "Epochs to the training loss and to the first accuracy. Reproduced if the median ratio "
    "over seeds, narrow / wide, lies above 1 for MLPs and for CNNs, and so does MLP / CNN of one "
    "width; contradicted if one lies below.",
    "S5.2": "Reproduced if the exponent of λ_max of MLPs lies below 0, and λ_max of the CNN over "
    "that of the MLP of one width above 1; contradicted if one lies on the other side.",
    "S5.3": "On filter-normalised planes. Reproduced if the exponent of the anisotropy of MLPs "
    "lies below 0, that of their basin's width above 0, and the width of the CNN's basin over that "
    "of the MLP's of one width above 1; contradicted if one lies on the other side.",
    "S5.8": "Rank correlation with the epochs to the training loss, over all networks of MLPs and "
    "over all of CNNs, each family by itself. Reproduced if that of the anisotropy lies above 0 "
    "and that of the basin's width below 0 in both; contradicted if one lies on the other side.",
    "S5.9": "CNN over MLP of one width. Reproduced if the ratio of λ_max and that of the widths of "
    "the basins both lie above 1; contradicted if one lies below.",
}
claim = {id: claims.claim(id, rule=rule) for id, rule in rules.items()}
tables.rules(list(claim.values()))

# %% [markdown]
# ## Training
#
# One hidden layer of the width; two convolutions of the width, then a hidden layer that is the same
# in all; tokens of the width. SGD with momentum, one learning rate. [Training
# curves](#fig-training-mlp) of [each](#fig-training-cnn) [family](#fig-training-vit), and [how long
# they take](#tab-durations).

# %%
task = data.load(dataset, study.data_dir, max_train=max_train)
built = {
    "MLP": {w: models.MLP(hidden=(w,)) for w in mlp_widths},
    "CNN": {w: models.CNN(channels=(w, w), hidden=cnn_hidden, norm="none") for w in cnn_widths},
    "ViT": {w: models.ViT(patch=vit_patch, dim=w, depth=vit_depth) for w in vit_widths},
}

# %%
lengths = {"MLP": mlp_epochs, "CNN": cnn_epochs, "ViT": vit_epochs}
base = training.TrainConfig(
    built["MLP"][mlp_widths[0]],
    training.SGD(learning_rate, momentum=momentum),
    batch_size=batch_size,
    measured=measured,
    measure_every=measure_every,
)
families = {
    family: {width: f"{family}, width {width}" for width in members}
    for family, members in built.items()
}
settings = {
    arm: {"model": built[family][width], "epochs": lengths[family]}
    for family, members in families.items()
    for width, arm in members.items()
}
runs = training.sweep(
    arms.variants(base, settings), task, study.store, seeds=seeds, workers=workers
)
records.runs(study, runs)
for family, members in families.items():
    shown = {key: run for key, run in runs.items() if key[0] in members.values()}
    figure = plots.curves(
        panels.training(shown),
        label=f"fig-training-{family.lower()}",
        caption=f"Training the {family} of several widths: mean over seeds, 95% interval as a "
        "band, each seed as a thin line.",
        alt="Four panels over epochs, a curve for each width: losses, test error, gradient norm.",
    )
    display.show(figure)
display.show(accounts.divergence(runs, label="tab-divergence"))

# %%
levels = {"epochs_to_loss": ("train_loss", loss_level)}
levels |= {f"epochs_to_{level:g}": ("test_accuracy", level) for level in accuracy_levels}
taken = durations.record(study, runs, levels)
titles = {"epochs_to_loss": f"training loss {loss_level:g} nats"}
titles |= {f"epochs_to_{level:g}": f"test accuracy {level:g}" for level in accuracy_levels}
races.table(
    taken,
    titles,
    label="tab-durations",
    caption="Epochs until a level is first reached.",
)

# %%
sizes = [
    [arm, f"{sum(p.numel() for p in runs[arm, seeds[0]].model().parameters()):,}"]
    for arm in settings
]
source = {"learning_rate": 0.01, "momentum": 0.9, "dataset": "mnist", "max_train": 60000}
source |= {"mlp_epochs": 24, "cnn_epochs": 7, "mlp_widths": [32, 64, 128]}
source |= {"cnn_widths": [16, 32, 64], "seeds": [0]}
why = {"cnn_epochs": "one costs many of an MLP's"}
why = why if study.evidence else dict.fromkeys(source, "a small run, no evidence")
why |= dict.fromkeys(("mlp_widths", "cnn_widths"), "a wider range") | {"seeds": "intervals"}
display.show(
    display.Table(
        ["arm", "parameters"],
        sizes,
        label="tab-sizes",
        caption="Parameters of each network; the source names neither its layers nor its batch "
        "size.",
        align=["left", "decimal"],
    ),
    accounts.departures(source, study.parameters, why, label="tab-departures"),
)

# %%
kinds = ("MLP", "CNN")
ends = {kind: pair for kind, *pair in zip(kinds, narrow, wide, strict=True)}
raced = [[families[kind][width] for width in pair] for kind, pair in ends.items()]
raced.append([families[kind][same] for kind in kinds])
longer = [
    findings.slower(taken[name], pair, titles[name]) for name in list(levels)[:2] for pair in raced
]
verdicts = [claims.every(claim["S5.1"], longer)]
display.VerdictBox(verdicts[-1])

# %% [markdown]
# ## Curvature and sharpness
#
# At the solutions, on fixed training examples: [against the width](#fig-curvature), with [the
# exponents](#tab-exponents). Outliers are the eigenvalues above the largest gap in the logarithms
# of the largest eigenvalues; there are said to be as many as classes.

# %%
at = arms.objectives(runs, task.first(curvature_examples))
records.solutions(study, at, rho=rho, rho_adaptive=rho_adaptive)
flatness.record(study, at, runs, rho=rho_average)
flatness.outliers(study, at, k=2 * task.classes)
sharp = {
    "lambda_max": "λ_max",
    "trace": "tr H",
    "sam": "SAM rise",
    "sam_adaptive": "adaptive rise",
    "average_rise": "average rise",
    "noise_scale": "noise scale",
    "outliers": "outliers of the spectrum",
    "test_accuracy": "test accuracy",
}
plots.curves(
    scaling.panels(study, sharp, families, x="width"),
    label="fig-curvature",
    caption="Curvature, sharpness, noise and accuracy against the width: mean over seeds with 95% "
    f"interval. There are {task.classes} classes.",
    alt="Eight panels over the width, one curve for each family of networks.",
)

# %%
shown = {
    f"{kind} of width {width}": families[kind][width]
    for kind, pair in ends.items()
    for width in pair
}
solved = {key: L for key, L in at.items() if L is not None}
found = surveys.over_seeds(
    study,
    solved,
    {title: (arm, "frozen") for title, arm in shown.items() if arm in arms.trained(runs)},
    seeds=survey_seeds,
    outliers=task.classes,
    probes=density_probes,
    steps=density_steps,
)
plots.spectra(
    panels.spectra(found),
    label="fig-density",
    caption="Density of the eigenvalues, symmetric logarithmic axis: mean over seeds, each as a "
    f"thin line. Ticks: the {task.classes} largest and smallest eigenvalues.",
    alt="A density for each network, with a peak at zero and outliers above it.",
)

# %% [markdown]
# ## Basins
#
# Filter-normalised planes through the solutions of all seeds, of which [those of the
# first](#fig-planes) are shown, on shared levels. [Against the width](#fig-basins): the diameter of
# the basin, its anisotropy and roughness, and the radius up to which the quadratic model holds.

# %%
shapes = {
    "basin_width": f"width of the basin, {basin_level:g} nats above",
    "anisotropy": "anisotropy",
    "roughness": "roughness",
    "quadratic_radius_random": "radius of the quadratic model",
}
drawn = {}
for seed in seeds:
    own = {arm: L for (arm, of), L in solved.items() if of == seed}
    drawn[seed] = cuts.random_planes(study, own, points=plane_points, seed=seed)
    cuts.shapes(study, drawn[seed][0], seed=seed)
    basins.record(study, drawn[seed][0], level=basin_level, seed=seed)
    for arm in settings:
        if at[arm, seed] is None:
            records.missing(study, list(shapes), arm=arm, seed=seed)
planes, predicted = drawn[seeds[0]]
picked = [arm for arm in shown.values() if arm in planes]
plots.planes(
    {arm: planes[arm] for arm in picked},
    predictions={arm: predicted[arm] for arm in picked},
    levels=plots.levels([planes[arm] for arm in picked]),
    label="fig-planes",
    caption="Training loss on a filter-normalised plane through the first seed's solutions, on "
    "shared levels; dashed: the quadratic prediction, inside the circle it holds.",
    alt="Contour plots side by side: narrow and wide networks of two families.",
)

# %%
plots.curves(
    scaling.panels(study, shapes, families, x="width"),
    label="fig-basins",
    caption="The basin on filter-normalised planes against the width of the network: mean over "
    "seeds with 95% interval. Sets that reach the border of the plane count with what is inside.",
    alt="Four panels over the width, one curve for each family of networks.",
)

# %%
basin = {name: shapes[name] for name in ("basin_width", "anisotropy")}
exponents = scaling.exponents(study, [*sharp, *basin, "epochs_to_loss"], families)
scaling.table(
    exponents,
    {**sharp, **basin, "epochs_to_loss": titles["epochs_to_loss"]},
    label="tab-exponents",
    caption="Exponents of power laws in the width: mean over seeds ± half-width of the 95% "
    "interval.",
)

# %%
pair = [families[kind][same] for kind in reversed(kinds)]
larger = findings.ratio(study, "lambda_max", pair, "λ_max")
wider = findings.ratio(study, "basin_width", pair, "width of the basin")
falling = {
    name: findings.interval(
        exponents[name, "MLP"], f"exponent of {heading}, MLPs", side=claims.below
    )
    for name, heading in (("lambda_max", "λ_max"), ("anisotropy", "the anisotropy"))
}
rising = findings.interval(exponents["basin_width", "MLP"], "exponent of the basin's width, MLPs")
judged = [
    claims.every(claim["S5.2"], [falling["lambda_max"], larger]),
    claims.every(claim["S5.3"], [falling["anisotropy"], rising, wider]),
    claims.every(claim["S5.9"], [larger, wider]),
]
verdicts += judged
display.show(*map(display.VerdictBox, judged))

# %% [markdown]
# ## Does the shape of a plane predict training time?
#
# Rank correlations with the epochs to the training loss: pooled over all networks, with an interval
# from leaving out arms, and within arms, where only seeds differ. [The numbers](#tab-correlations);
# [two of them](#fig-scatter), a point a network.

# %%
lasting = [arm for arm in settings if arm in arms.trained(runs)]
family = {
    kind: [arm for arm in families[kind].values() if arm in lasting] for kind in ("MLP", "CNN")
}
told = {**shapes, "lambda_max": "λ_max", "sam_adaptive": "adaptive rise"}
correlated = predictors.correlations(study, told, "epochs_to_loss", lasting)
tables.correlations(
    correlated,
    label="tab-correlations",
    caption=f"Rank correlation with the epochs to a training loss of {loss_level:g} nats, and its "
    "95% interval. Runs that never got there count with the end of their family's plan.",
)

# %%
clouds = [
    plots.Cloud(
        shapes[name],
        study.unit(name) or shapes[name],
        f"epochs to {loss_level:g} nats",
        predictors.points(study, name, "epochs_to_loss", lasting),
        scale="log",
    )
    for name in ("anisotropy", "basin_width")
]
plots.scatter(
    clouds,
    label="fig-scatter",
    caption="Epochs to the training loss against the shape of the basin; runs that never got there "
    "stand at the end of their training.",
    alt="Two clouds of points, a marker for each arm: training time over anisotropy and width.",
)

# %%
told_apart = []
for kind, own in family.items():
    within = predictors.correlations(study, basin, "epochs_to_loss", own)
    for name, side in (("anisotropy", claims.above), ("basin_width", claims.below)):
        heading = {name: basin[name]}
        how = {"side": side}
        told_apart += findings.correlations(study, heading, within, own, f"epochs, {kind}", **how)
verdicts.append(claims.every(claim["S5.8"], told_apart))
display.VerdictBox(verdicts[-1])

# %% [markdown]
# ## What was shown

# %%
files = study.write("Width", verdicts, [task])
display.closing(study, verdicts)

# %% [markdown]
# ## Limits
#
# One data set and one learning rate for all widths, which may suit one of them better; families
# differ in more than their name. The planes are random and two-dimensional, one for each network.
# Rank correlations over architectures have few arms, and say nothing of causes.
