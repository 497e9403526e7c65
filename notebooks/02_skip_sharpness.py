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
# **Question.** A residual network with batch normalisation (BN), and the plain one that is left
# when its skip connections are taken out, are trained in the same way. Does the plain one end
# sharper, as a source found of one network each, by five power iterations?
#
# **Measured.** The two arms with BN of the two by two, over seeds: extreme eigenvalues, in eval
# mode, under batch statistics, and where no scaling of weights changes them; spectra, sharpness,
# planes and their range. Beside the converged values stand those of the sources' own estimators,
# run on our networks. Whether batch size and precision change the finding is checked.
#
# **What will be shown.** Whether a skip connection flattens the landscape where training ends, and
# what of it belongs to the estimator, to the scale, or to unequal losses. What becomes of the
# source's claim (S3.2) stands in the study of verdicts.

# %%
from landscape import models, training
from studies import Arm, Study, arms, display, figures, formatting, intervals, tables
from studies.records import published

# %% tags=["parameters"]
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
# ## Training
#
# The arms with BN of the two by two, as in the study of who trains at all: both share convolutions,
# initial weights (He's) and order of batches; only the additions are left out. [The
# curves](#fig-training) show means over seeds with 95% intervals as bands, and each seed as a thin
# line; a curve ends where its run diverged. Below them stands what departs from the source.

# %%
study = Study("02_skip_sharpness", vars())
task = study.load(dataset, max_train=max_train)
optimizer = training.SGD(learning_rate, momentum=momentum, weight_decay=weight_decay)
options = {"epochs": epochs, "batch_size": batch_size, "schedule": training.Cosine()}
options |= {"precision": precision, "measured": measured, "snapshots": (0,)}
base = training.TrainConfig(models.ResNet(depth=depth, width=width), optimizer, **options)
skip, plain = Arm("skip + BN", skip="yes", norm="batch"), Arm("BN alone", skip="no", norm="batch")
configs = arms.variants(base, {skip: {}, plain: {"skip": False}})
runs = study.train(configs, task, seeds=seeds, workers=workers)
figures.training(
    runs,
    label="fig-training",
    caption="Training with BN, with and without skip connections.",
)

# %%
source = {"batch_size": source_batch, "precision": "float32", "epochs": 20, "dataset": "cifar10"}
source |= {"depth": 20, "width": 1.0, "max_train": 50000, "small_train": 50000}
source |= {"plane_points": coarse_points}
reasons = dict.fromkeys(source, "a small run, no evidence") if not study.evidence else {}
reasons |= {"batch_size": "costs less", "precision": "costs less", "plane_points": "finer"}
reasons |= {"small_train": "a check costs less"} if study.evidence else {}
departures = tables.departures(source, study.parameters, reasons, label="tab-departures")
display.show(tables.divergence(runs, label="tab-divergence"), departures)

# %% [markdown]
# ### Do batch size and precision change the finding?
#
# The first seed of both, on fewer examples: with this study's batch size (and precision, where that
# differs), and with the source's ([table](#tab-check)): accuracy and loss, and where training
# ended, in eval mode, $\lambda_{\max}$ and SAM's rise.

# %%
small_task = study.load(dataset, max_train=small_train)
ways = {"here": {}, "source": {"batch_size": source_batch, "precision": "float32"}}
check = {}
for arm, has_skip in ((skip, True), (plain, False)):
    for way, settings in ways.items():
        checked = Arm(f"{arm}, as {way}", skip=arm.factors["skip"], way=way)
        check[checked] = settings | {"skip": has_skip, "measure_every": measure_every}
check_runs = study.train(arms.variants(base, check), small_task, seeds=seeds[:1], workers=workers)
check_solutions = check_runs.solutions(task.first(curvature_examples))
at_end = ["lambda_max", "sam", "gradient_norm", "loss", "rounding"]
check_ends = study.measure(check_solutions, at_end, rho=rho)
check_ends |= study.measurements.where(quantity=["test_accuracy", "train_loss"], arm=list(check))
tables.arms(
    check_ends,
    ["test_accuracy", "train_loss", "lambda_max", "sam"],
    list(check),
    runs=check_runs,
    label="tab-check",
    caption=f"Batches of {batch_size} in {precision} (here) or {source_batch} in float32 "
    f"(source), on {small_task.train_size} examples, one seed.",
)

# %%
here, there = (
    check_ends.ratios("lambda_max", [f"{arm}, as {way}" for arm in (plain, skip)]) for way in ways
)
display.Sentence(
    f"In this check λ_max of BN alone is {formatting.number_text(*here)} times that of skip with "
    f"BN with batches of {batch_size} in {precision}, and {formatting.number_text(*there)} times "
    f"with batches of {source_batch} in float32."
)

# %% [markdown]
# ### Does skip with BN reach the source's accuracy?
#
# With batches of the source's size an epoch has more steps. The first seed of skip with BN is
# trained so on all examples, else as above: what the batch size alone makes of its accuracy, and of
# $\lambda_{\max}$.

# %%
smaller_batches = Arm(f"skip + BN, batches of {source_batch}", skip="yes", way="batches of source")
smaller = {"batch_size": source_batch, "measure_every": measure_every}
batch_runs = study.train(arms.variants(base, {smaller_batches: smaller}), task, seeds=seeds[:1])
batch_solutions = batch_runs.solutions(task.first(curvature_examples))
batch_ends = study.measure(batch_solutions, at_end, rho=rho)
percent = {arm: study.measurements.values("test_accuracy", arm) for arm in (skip, smaller_batches)}
percent = {arm: [100 * value for value in values] for arm, values in percent.items()}
reached = intervals.mean_interval(percent[skip])
display.Sentence(
    f"Skip with BN reaches a test accuracy of {formatting.interval_text(reached)} per cent, which "
    f"{formatting.position_text(reached, 85.05)}, the source's. Its first seed reaches "
    f"{percent[skip][0]:.2f} with batches of {batch_size}, and {percent[smaller_batches][0]:.2f} "
    f"with batches of {source_batch}; λ_max is then "
    f"{formatting.number_text(*batch_ends.values('lambda_max', smaller_batches))}."
)

# %% [markdown]
# ## Geometry where training ended
#
# At the solutions, on fixed training examples, in eval mode: extreme eigenvalues of the Hessian
# until the residual is below $10^{-4}$ of the spectral range, SAM's one-step rise, and their
# scale-invariant versions, as in the study of batch normalisation; the first two under batch
# statistics, as in training, too, where float32 rounds more, below $10^{-3}$: [the
# table](#tab-measures), [the spectra](#fig-density), means over seeds on a symmetric logarithmic
# axis, each seed as a thin line, and [planes](#fig-planes) through the first seed's solutions on
# shared levels, where the quadratic prediction holds inside the circle.

# %%
solutions = runs.solutions(task.first(curvature_examples))
scale_free = ["lambda_min", "kappa", "lambda_max_relative", "sam_adaptive"]
radii = {"rho": rho, "rho_adaptive": rho_adaptive}
eval_mode = study.measure(solutions, [*at_end, *scale_free], **radii)
in_batches = solutions.replace(bn="batch", bn_block=batch_size)
batch = study.measure(in_batches, at_end, rho=rho, tol=1e-3)
losses = ["test_accuracy", "train_loss", "test_loss"]
ends = study.measurements.where(quantity=losses, arm=runs.arms)
numbers = ends | eval_mode | batch.qualified("batch statistics")
tables.arms(
    numbers,
    numbers.quantities,
    runs=runs,
    label="tab-measures",
    caption=f"Both arms, on {curvature_examples} examples: mean over seeds with 95% interval.",
)

# %%
surveyed = solutions.where(seed=survey_seeds)
traces = study.measure(surveyed, ["trace", "mean_eigenvalue"])
spectra = study.spectra(surveyed, outliers=outliers, probes=density_probes, steps=density_steps)
figures.spectra(
    spectra.grouped("arm"),
    label="fig-density",
    caption=f"Density of the eigenvalues; ticks: the {outliers} largest and smallest of each.",
    alt="A density for each arm, with a peak at zero and outliers on both sides.",
)

# %%
planes = study.random_planes(solutions, points=plane_points)
shapes = study.shapes(planes) | study.quadratic_radii(planes)
first = planes.where(seed=seeds[0])
shown = {arm: plane for (arm, _), plane in first.items()}
figures.planes(
    shown,
    predictions={arm: model for (arm, _), model in first.models.items()},
    label="fig-planes",
    caption="Loss on a filter-normalised plane; dashed, where recorded: the quadratic prediction.",
    alt="Contour plots side by side, one for each arm that trained.",
)

# %%
figure = figures.surface(
    shown,
    label="fig-surface",
    caption="The same planes as surfaces, α and β relative to filter norms.",
    alt="Surfaces with one vertical scale, one for each arm that trained.",
)
table = tables.arms(
    shapes,
    ["loss_range", "roughness", "quadratic_radius"],
    runs=runs,
    label="tab-planes",
    caption="Planes over [−1, 1]² in filter norms: mean over seeds with 95% interval.",
)
display.show(figure, table)

# %% [markdown]
# ### The sources' estimators on our networks
#
# Five power iterations, a coarse plane along directions of norm 1, and 15 steps of Lanczos on
# finite differences without reorthogonalisation: [what they give](#tab-estimators), beside the
# converged eigenvalues and the range of the filter-normalised plane, which is another quantity.

# %%
of_s3 = {"iterations": power_iterations, "coarse_points": coarse_points}
rough = study.measure(solutions, ["power_iteration", "coarse_range"], **of_s3)
ritz_names, of_s2 = ["ritz_max", "ritz_min", "ritz_negative"], {"lanczos_steps": lanczos_steps}
ritz = [study.measure(solutions, ritz_names, step_size=h, **of_s2) for h in lanczos_step_sizes]

# %%
pairs = {"power_iteration": "lambda_max", "coarse_range": "loss_range"}
pairs |= {"ritz_max": "lambda_max", "ritz_min": "lambda_min"}
source_numbers = {"power_iteration": {skip: 6.96, plain: 90.58}}
source_numbers |= {"coarse_range": {skip: 0.0005, plain: 0.0024}}
tables.estimators(
    published.comparisons(rough | ritz[0] | eval_mode | shapes, pairs, source=source_numbers),
    label="tab-estimators",
    caption=f"The sources' estimators; Ritz values with steps of {lanczos_step_sizes[0]:g}.",
)

# %% [markdown]
# Curvature of the cross-entropy grows with the loss, so the ratio of $\lambda_{\max}$ stands beside
# the ratio of the training losses: first by the source's estimator, then converged. The source has
# 13 for $\lambda_{\max}$; the check with its batches and precision stands above.

# %%
pair = [plain, skip]
measures = ["lambda_max", "lambda_max, batch statistics", "lambda_max_relative", "train_loss"]
display.show(
    tables.over(rough, ["power_iteration"], pair),
    tables.over(numbers | traces, [*measures, "trace"], pair),
    tables.ahead(numbers, pair, when="At the end"),
)

# %% [markdown]
# ## What was shown

# %%
study.close("Sharpness with and without skip connections")
tables.closing(study, evidence=study.evidence)

# %% [markdown]
# ## Limits
#
# One data set and one optimizer; both arms share one learning rate, which may suit one of them
# better, and sharpness follows it. It is compared where training ended, at unequal training losses,
# with which curvature of the cross-entropy falls. Batch size and precision were changed from the
# source's, and the size of the ratio may follow them. The sources leave out their initialisation
# and the step of their finite differences: ours are named above. The planes that are shown are
# those of one seed.
