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
# # Does a skip connection flatten the landscape?
#
# **Question.** A residual network with batch normalisation (BN), and the plain network that is left
# without its skip connections, are trained in the same way. Does the plain one end sharper, and by
# the factor that a source found for a single pair of networks?
#
# **Measured.** The largest and smallest eigenvalues of the Hessian and SAM's rise where training
# ended, in eval mode, under batch statistics, and in units that no scaling of weights changes;
# spectra and planes; the estimators of the sources on our networks.

# %% Imports
from landscape import models, training
from studies import Arm, Study, arms, display, figures, formatting, intervals, tables
from studies.records import published

# %% Parameters tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
remeasure = ""  # stale: measure again what older code measured
dataset = "digits"
max_train = 50000  # training examples of the two arms, at most
seeds = [0, 1, 2]
workers = 1  # processes that train side by side
depth, width = 8, 0.5
epochs, batch_size = 8, 128
learning_rate, momentum, weight_decay = 0.1, 0.9, 1e-4
precision = "float32"
measured = 10000  # training examples on which the curves are measured
curve_examples = 2000  # training and test examples on which curves are measured between the ends
small_train = 512  # training examples of the check of batch size and precision
measure_every = 4  # epochs from one measurement of their history to the next
source_batch = 32  # of S3; in float32, a check of what batch_size and precision change
rho, rho_adaptive = 0.05, 0.5  # radii of SAM's step, and of the adaptive one, relative to |theta|
curvature_examples = 256  # first training examples: curvature, sharpness, planes
survey_seeds = [0, 1, 2]
outliers = 10
density_probes, density_steps = 1, 30
plane_points = 13
power_iterations, coarse_points = 5, 10  # the sources' estimators: S3
lanczos_steps, lanczos_step_sizes = 15, [1e-3, 1e-1]  # S2, which names no step size

# %% [markdown]
# ## Sharpness where training ended
#
# The networks are the two with BN [of the first section](#02_skip_ablation/fig-training). We
# compare their Hessians on fixed training examples. The curvature of the cross-entropy grows with
# the loss, so the training losses stand beside it.

# %% Train the two networks
study = Study("02_skip_sharpness", vars())
task = study.load(dataset, max_train=max_train)
optimizer = training.SGD(learning_rate, momentum=momentum, weight_decay=weight_decay)
options = {"epochs": epochs, "batch_size": batch_size, "schedule": training.Cosine()}
options |= {"precision": precision, "measured": measured, "snapshots": (0,)}
options |= {"curve_examples": training.CurveExamples(curve_examples, curve_examples)}
base = training.TrainConfig(models.ResNet(depth=depth, width=width), optimizer, **options)
skip, plain = (
    Arm("residual + BN", skip="yes", norm="batch"),
    Arm("plain + BN", skip="no", norm="batch"),
)
configs = arms.variants(base, {skip: {}, plain: {"skip": False}})
runs = study.train(configs, task, seeds=seeds, workers=workers)
figures.training(
    runs,
    label="fig-training",
    caption=f"With BN, {tables.outcomes(runs)}. Training curves: means over seeds with 95% "
    "intervals as bands, each seed as a thin line.",
).at("detail")

# %% List settings, departures from the source and divergences
source = {"batch_size": source_batch, "precision": "float32", "epochs": 20, "dataset": "cifar10"}
source |= {"depth": 20, "width": 1.0, "max_train": 50000, "small_train": 50000}
source |= {"plane_points": coarse_points}
reasons = {"batch_size": "larger batches take less computing time"}
reasons |= {"precision": "bfloat16 takes less computing time"}
reasons |= {"small_train": "these runs are checks", "plane_points": "a finer grid shows more"}
if not study.evidence:
    reasons = dict.fromkeys(source, "this is a small trial run")
departures = tables.departures(source, study.parameters, reasons, label="tab-departures")
display.show(departures, tables.divergence(runs, label="tab-divergence"))

# %% Measure sharpness and extreme eigenvalues
solutions = runs.solutions(task.first(curvature_examples))
at_end = ["lambda_max", "sam", "gradient_norm", "loss", "rounding"]
scale_free = ["lambda_min", "kappa", "lambda_max_relative", "sam_adaptive"]
radii = {"rho": rho, "rho_adaptive": rho_adaptive}
eval_mode = study.measure(solutions, [*at_end, *scale_free], **radii)
in_batches = solutions.replace(bn="batch", bn_block=batch_size)
batch = study.measure(in_batches, at_end, rho=rho, tol=1e-3)
losses = ["test_accuracy", "train_loss", "test_loss"]
ends = study.measurements.where(quantity=losses, arm=runs.arms)
numbers = ends | eval_mode | batch.qualified("batch statistics")
surveyed = solutions.where(seed=survey_seeds)
traces = study.measure(surveyed, ["trace", "mean_eigenvalue"])
of_s3 = {"iterations": power_iterations, "coarse_points": coarse_points}
rough = study.measure(solutions, ["power_iteration", "coarse_range"], **of_s3)

# %% Compare sharpness with and without skip connections
text, pair = formatting.interval_text, [plain, skip]
sharper, by_power, more_loss = (
    group.ratio(name, pair)
    for group, name in (
        (numbers, "lambda_max"),
        (rough, "power_iteration"),
        (numbers, "train_loss"),
    )
)
in_batch_mode = numbers.ratio("lambda_max, batch statistics", pair)
trace_ratio = traces.ratio("trace", pair)
by_loss = ("lambda_max", "train_loss")
per_unit = {
    arm: [x / y for x, y in zip(*(numbers.values(q, arm) for q in by_loss), strict=True)]
    for arm in pair
}
per_loss = intervals.paired_ratio(per_unit[plain], per_unit[skip])
explained = ""
if sharper.low > 1:
    explained = formatting.depending(
        per_loss,
        above=": the higher loss does not explain all of the sharpness",
        below=": by this measure the residual network is the sharper one",
        undecided=": the higher loss can explain all of the sharpness",
    )
ends_sharper = formatting.depending(
    sharper,
    above="The plain network ends sharper",
    below="The residual network ends sharper",
    undecided="We cannot tell which network ends sharper",
)
# %% Tabulate the measures of sharpness
shown = ["train_loss", "lambda_max", "lambda_max, batch statistics", "lambda_max_relative"]
shown += ["lambda_min", "sam", "sam, batch statistics", "sam_adaptive"]
display.show(
    display.Sentence(
        f"{ends_sharper}: without skip connections λ_max is {text(sharper)} times as large in "
        f"eval mode, and {text(in_batch_mode)} times under batch statistics (n = {sharper.n} "
        f"seeds). The trace of the Hessian is {text(trace_ratio)} times as large, and the training "
        f"loss {text(more_loss)} times as high. Per unit of training loss, λ_max is "
        f"{text(per_loss)} times as large{explained}."
    ),
    tables.comparison(
        numbers,
        shown,
        pair,
        label="tab-measures",
        caption="The last column is above 1 where the plain network is the sharper one: mean over "
        f"seeds ± half-width of the 95% interval and paired ratio, on {curvature_examples} "
        "examples.",
        emphasise="λ_max",
    ),
    tables.arms(
        numbers,
        numbers.quantities,
        runs=runs,
        label="tab-measures-all",
        caption=f"{ends_sharper} by λ_max. All measures of the two networks, on "
        f"{curvature_examples} examples: mean over seeds with 95% interval.",
    ).at("detail"),
)

# %% [markdown]
# ## Planes through the solutions
#
# Planes show the loss far from the solution: along random directions, filter by filter as long as
# the weights [@li2018].

# %% Measure spectra
spectra = study.spectra(surveyed, outliers=outliers, probes=density_probes, steps=density_steps)
figures.spectra(
    spectra.grouped("arm"),
    label="fig-density",
    caption="Each density shows which share of the eigenvalues lies at λ: means over seeds, each "
    f"seed as a thin line; ticks mark the {outliers} largest and smallest eigenvalues.",
    alt="A density for each arm, with a peak at zero and outliers on both sides.",
).at("detail")

# %% Measure planes through the solutions
planes = study.random_planes(solutions, points=plane_points)
shapes = study.shapes(planes) | study.quadratic_radii(planes)
first = planes.where(seed=seeds[0])
drawn = {arm: plane for (arm, _), plane in first.items()}
wider = shapes.ratio("loss_range", pair)
figures.surface(
    drawn,
    label="fig-surface",
    caption="Over the whole plane "
    + formatting.depending(
        wider,
        above="the loss varies more around the plain network",
        below="the loss varies more around the residual network",
        undecided="the two landscapes cannot be told apart",
    )
    + f": the range of the loss around the plain network is {text(wider)} times the range around "
    "the residual one. Training loss of the first seed; α and β are relative to filter norms.",
    alt="Surfaces with one vertical scale, one for each arm that trained.",
)

# %% Draw the same planes as contours
contours = figures.planes(
    drawn,
    predictions={arm: model for (arm, _), model in first.models.items()},
    label="fig-planes",
    caption="Contours at the same levels show the planes of the surfaces from above; dashed "
    "lines, where recorded, are the quadratic prediction.",
    alt="Contour plots side by side, one for each arm that trained.",
)
table = tables.arms(
    shapes,
    ["loss_range", "roughness", "quadratic_radius"],
    runs=runs,
    label="tab-planes",
    caption="The range of the loss, its roughness and the radius of the quadratic model summarise "
    "the planes over [−1, 1]² in filter norms: mean over seeds with 95% interval.",
)
display.show(contours.at("detail"), table.at("detail"))

# %% [markdown]
# ## The estimators of the sources
#
# One source estimates $\lambda_{\max}$ by a few power iterations, and the range of the loss on a
# coarse plane along directions of norm 1. The other takes Ritz values from Lanczos on finite
# differences, without reorthogonalisation. We run both on our networks, beside converged
# eigenvalues.

# %% Run the estimators of the sources
ritz_names, of_s2 = ["ritz_max", "ritz_min", "ritz_negative"], {"lanczos_steps": lanczos_steps}
ritz = [study.measure(solutions, ritz_names, step_size=h, **of_s2) for h in lanczos_step_sizes]
pairs = {"power_iteration": "lambda_max", "coarse_range": "loss_range"}
pairs |= {"ritz_max": "lambda_max", "ritz_min": "lambda_min"}
source_numbers = {"power_iteration": {skip: 6.96, plain: 90.58}}
source_numbers |= {"coarse_range": {skip: 0.0005, plain: 0.0024}}
low_end = intervals.paired_ratio(
    *(
        [-x for x in group.values(name, plain)]
        for group, name in ((ritz[0], "ritz_min"), (eval_mode, "lambda_min"))
    )
)
display.show(
    display.Sentence(
        f"By {power_iterations} power iterations the ratio of λ_max is {text(by_power)}, converged "
        f"{text(sharper)}; the source has {90.58 / 6.96:.3g}, which our interval "
        + formatting.depending(
            by_power,
            border=90.58 / 6.96,
            above="exceeds",
            below="does not reach",
            undecided="includes",
        )
        + ". Lanczos on finite differences with steps of "
        f"{lanczos_step_sizes[0]:g} gives the plain network a |λ_min| of {text(low_end)} times the "
        "converged value."
    ),
    tables.estimators(
        published.comparisons(rough | ritz[0] | eval_mode | shapes, pairs, source=source_numbers),
        label="tab-estimators",
        caption="The last column shows how far the estimators of the sources miss the converged "
        f"values; Ritz values with steps of {lanczos_step_sizes[0]:g}.",
    ).at("detail"),
)

# %% [markdown]
# ## Do batch size and precision change the ratio?
#
# The source trains with smaller batches, in float32. We train the first seed of both networks in
# both ways, on fewer examples.

# %% Train with the source's batch size and precision
small_task = study.load(dataset, max_train=small_train)
ways = {"here": {}, "source": {"batch_size": source_batch, "precision": "float32"}}
names = {"here": f"batches of {batch_size}", "source": f"batches of {source_batch}"}
check = {}
for arm, has_skip in ((skip, True), (plain, False)):
    for way, settings in ways.items():
        checked = Arm(f"{arm}, as {way}", skip=arm.factors["skip"], way=way)
        check[checked] = settings | {"skip": has_skip, "measure_every": measure_every}
check_runs = study.train(arms.variants(base, check), small_task, seeds=seeds[:1], workers=workers)
check_solutions = check_runs.solutions(task.first(curvature_examples))
check_ends = study.measure(check_solutions, at_end, rho=rho)
check_ends |= study.measurements.where(quantity=["test_accuracy", "train_loss"], arm=list(check))

# %% Compare the ratios of both ways
here, there = (
    formatting.number_text(*check_ends.ratios("lambda_max", [f"{arm}, as {way}" for arm in pair]))
    for way in ways
)
columns = {"test accuracy (%)": "test_accuracy", "training loss (nats)": "train_loss"}
columns |= {"λ_max": "lambda_max", "SAM rise (nats)": "sam"}
rows = {f"{arm}, {names[way]}": f"{arm}, as {way}" for way in ways for arm in (skip, plain)}
tables.grid(
    check_ends,
    tables.by_arm(columns, rows),
    corner="network",
    runs=check_runs,
    label="tab-check",
    caption=f"The λ_max of the plain network is {here} times as large as the residual network's "
    f"with batches of {batch_size} in {precision}, and {there} times with batches of "
    f"{source_batch} in float32: one seed, trained on {small_task.train_size:,} examples.",
    emphasise=(f"{plain}, {names['source']}", "λ_max"),
)

# %% [markdown]
# Smaller batches also take more steps in an epoch. We train the first seed of the residual network
# so on all examples, to see whether it reaches the source's accuracy.

# %% Train the residual network with smaller batches
smaller_batches = Arm(
    f"residual + BN, batches of {source_batch}", skip="yes", way="batches of source"
)
smaller = {"batch_size": source_batch, "measure_every": measure_every}
batch_runs = study.train(arms.variants(base, {smaller_batches: smaller}), task, seeds=seeds[:1])
batch_solutions = batch_runs.solutions(task.first(curvature_examples))
batch_ends = study.measure(batch_solutions, at_end, rho=rho)
percent = {arm: study.measurements.values("test_accuracy", arm) for arm in (skip, smaller_batches)}
percent = {arm: [100 * value for value in values] for arm, values in percent.items()}
flat = [numbers.values("lambda_max", skip)[0], *batch_ends.values("lambda_max", smaller_batches)]
display.Sentence(
    f"With batches of {source_batch} in place of {batch_size} the first seed of the residual "
    f"network ends at a test accuracy of {percent[smaller_batches][0]:.2f}% in place of "
    f"{percent[skip][0]:.2f}% (the source has 85.05%), and at a λ_max of "
    f"{formatting.number_text(flat[1])} in place of {formatting.number_text(flat[0])}."
)

# %% [markdown]
# ## What was found

# %% State the findings
found = display.Findings(
    f"{ends_sharper}: its λ_max is {text(sharper)} times the residual network's in eval mode, and "
    f"{text(in_batch_mode)} times under batch statistics (n = {sharper.n} seeds)."
    if sharper.low > 1
    else f"{ends_sharper}: the ratio of λ_max without skip connections to λ_max with them is "
    f"{text(sharper)} (n = {sharper.n} seeds).",
    f"The source's estimator gives a ratio of {text(by_power)} on our networks, where the source "
    f"has {90.58 / 6.96:.3g}; in one seed on part of the data the ratio is {there} with its "
    f"batches of {source_batch} and {here} with ours of {batch_size}.",
    f"Without skip connections the training loss is {text(more_loss)} times as high, and λ_max per "
    f"unit of training loss {text(per_loss)} times as large{explained}.",
)
study.close("Sharpness with and without skip connections")
display.show(found, tables.closing(study, evidence=study.evidence))

# %% [markdown]
# ## Discussion

# %% Say what it means
display.Sentence(
    "**What it means.** "
    + formatting.depending(
        sharper,
        above="At the end of training a network without skip connections is the sharper one.",
        below="At the end of training a network with skip connections is the sharper one.",
        undecided="The two networks cannot be told apart by their sharpness.",
    )
    + (
        formatting.depending(
            per_loss,
            above=" This is more than its higher training loss explains.",
            below=" Per unit of training loss the residual network is the sharper one.",
            undecided=" Its higher training loss can explain this: the skip connection speeds up "
            "training, and whether it flattens the landscape at equal loss stays open.",
        )
        if sharper.low > 1
        else ""
    )
)

# %% [markdown]
# **What would change it.** Both networks share one learning rate, which may suit either better, and
# sharpness follows it. The check of the batch size is a single seed on part of the data. The
# sources leave out their initialisation and the step of their finite differences. The planes shown
# are those of the first seed.
