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
# what of it is the estimator's, the scale's, or that of unequal losses.

# %%

import dataclasses
import functools
import itertools

from landscape import data, models, plots, training
from studies import arms, claims, display, findings, formatting, intervals
from studies.figures import builders, captioned
from studies.records import published, slices, solutions, spectra
from studies.records import runs as run_records
from studies.study import Study
from studies.tables import comparisons, measurements
from studies.tables.runs import departures, divergence
from studies.tables.verdicts import VerdictBox, closing

# %% tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
dataset = "digits"
max_train = 50000  # training examples of the two arms, at most
seeds = [0, 1, 2]
workers = 1  # processes that train side by side
depth = 8
width = 0.5
epochs = 8
batch_size = 128
learning_rate = 0.1
momentum = 0.9
weight_decay = 1e-4
precision = "float32"
measured = 10000  # training examples on which the curves are measured
small_train = 512  # training examples of the check of batch size and precision
measure_every = 4  # epochs from one measurement of their history to the next
source_batch = 32  # of S3; in float32, a check of what batch_size and precision change
rho = 0.05  # radius of SAM's step
rho_adaptive = 0.5  # radius of the adaptive step, relative to |theta|
curvature_examples = 256  # first training examples: curvature, sharpness, planes
survey_seeds = [0, 1, 2]
outliers = 10
density_probes = 1
density_steps = 30
plane_points = 13
power_iterations = 5  # the sources' estimators: S3
coarse_points = 10  # S3
lanczos_steps = 15  # S2
lanczos_step_sizes = [1e-3, 1e-1]  # S2 gives none

# %% [markdown]
# ## The claim and its rule
#
# The rule stands here, above the measurements that it judges; code applies it. An interval that
# covers the border decides nothing. An artefact supposes that all that is found by the source's way
# of measuring holds, and that one check shows the opposite. The rule asks for the direction; the
# source's size stands beside what is found.

# %%
study = Study("02_skip_sharpness", vars())
rule = (
    "λ_max of BN alone over skip with BN. Reproduced if the ratio lies above 1, by five power "
    "iterations as in the source, converged, under batch statistics, and relative to the norms of "
    "filters, and BN alone loses less than 2 points of accuracy; artefact if the source's ratio "
    "lies above and one of the others below; contradicted if the source's does, or more is lost."
)
claim = claims.claim("S3.2", rule=rule)
comparisons.rule_table([claim])

# %% [markdown]
# ## Training
#
# The arms with BN of the two by two, as in the study of who trains at all: both share convolutions,
# initial weights (He's) and order of batches; only the additions are left out: [the
# curves](#fig-training). Below them stands what departs from the source.

# %%
task = data.load(dataset, study.data_dir, max_train=max_train)
sweep = functools.partial(training.sweep, store=study.store, workers=workers)
base = training.TrainConfig(
    models.ResNet(depth=depth, width=width),
    training.SGD(learning_rate, momentum=momentum, weight_decay=weight_decay),
    epochs=epochs,
    batch_size=batch_size,
    schedule=training.Cosine(),
    precision=precision,
    measured=measured,
    snapshots=(0,),
)
arm_changes = {"skip + BN": {}, "BN alone": {"skip": False}}
runs = sweep(arms.variants(base, arm_changes), task, seeds=seeds)
run_records.record_runs(study, runs)
captioned.curves(
    builders.training_panels(runs),
    label="fig-training",
    caption="Training with BN, with and without skip connections: mean over seeds, 95% interval as "
    "a band, each seed as a thin line. A curve ends where its run diverged.",
    alt="Four panels over epochs, two arms each: training loss, test loss, test error, and norm "
    "of the mini-batch gradients.",
)

# %%
source = {"batch_size": source_batch, "precision": "float32", "epochs": 20, "dataset": "cifar10"}
source |= {"depth": 20, "width": 1.0, "max_train": 50000, "small_train": 50000}
source |= {"plane_points": coarse_points}
reasons = dict.fromkeys(source, "a small run, no evidence") if not study.evidence else {}
reasons |= {"batch_size": "costs less", "precision": "costs less", "plane_points": "finer"}
reasons |= {"small_train": "a check costs less"} if study.evidence else {}
display.show(
    divergence(runs, label="tab-divergence"),
    departures(source, study.parameters, reasons, label="tab-departures"),
)

# %% [markdown]
# ### Do batch size and precision change the finding?
#
# The first seed of both, on fewer examples: with this study's batch size (and precision, where that
# differs), and with the source's ([table](#tab-check)): accuracy and loss, and where training
# ended, in eval mode, λ_max and SAM's rise.

# %%
small_task = data.load(dataset, study.data_dir, max_train=small_train)
small_base = dataclasses.replace(base, measure_every=measure_every)
way_settings = {"here": {"batch_size": batch_size, "precision": precision}}
way_settings["source"] = {"batch_size": source_batch, "precision": "float32"}
check_changes = {
    f"{arm}, as {way}": {**changes, **settings}
    for (arm, changes), (way, settings) in itertools.product(
        arm_changes.items(), way_settings.items()
    )
}
check_runs = sweep(arms.variants(small_base, check_changes), small_task, seeds=seeds[:1])
run_records.record_runs(study, check_runs)
final_objectives = arms.arm_objectives(check_runs, task.first(curvature_examples))
solutions.record_early(study, final_objectives, rho=rho, prefix="end_")
comparisons.arm_table(
    study,
    {
        "test_accuracy": "test accuracy",
        "train_loss": "training loss (nats)",
        "end_lambda_max": "λ_max",
        "end_sam": "SAM rise (nats)",
    },
    list(check_changes),
    runs=check_runs,
    label="tab-check",
    caption=f"Batches of {batch_size} in {precision} (here) and of {source_batch} in float32 "
    f"(source), on {len(small_task.y_train)} examples, one seed.",
)

# %%
check_lambda_max = {arm: study.values("end_lambda_max", arm)[0] for arm in check_changes}
ratio_here, ratio_source_batch = (
    formatting.number_text(
        check_lambda_max[f"BN alone, as {way}"] / check_lambda_max[f"skip + BN, as {way}"]
    )
    for way in way_settings
)
display.Sentence(
    f"In this check λ_max of BN alone is {ratio_here} times that of skip with BN with batches of "
    f"{batch_size} in {precision}, and {ratio_source_batch} times with batches of {source_batch} "
    "in float32."
)

# %% [markdown]
# ### Does skip with BN reach the source's accuracy?
#
# With batches of the source's size an epoch has more steps. The first seed of skip with BN is
# trained so on all examples, else as above: what the batch size alone makes of its accuracy, and of
# λ_max.

# %%
source_batch_arm = f"skip + BN, batches of {source_batch}"
source_batch_changes = {source_batch_arm: {"batch_size": source_batch}}
source_batch_runs = sweep(arms.variants(small_base, source_batch_changes), task, seeds=seeds[:1])
run_records.record_runs(study, source_batch_runs)
final_objectives = arms.arm_objectives(source_batch_runs, task.first(curvature_examples))
solutions.record_early(study, final_objectives, rho=rho, prefix="end_")
skip_bn_accuracy = intervals.mean_interval(
    [100 * value for value in study.values("test_accuracy", "skip + BN")]
)
accuracy_here, accuracy_source_batch = (
    100 * study.values("test_accuracy", arm)[0] for arm in ("skip + BN", source_batch_arm)
)
display.Sentence(
    f"Skip with BN reaches a test accuracy of {formatting.interval_text(skip_bn_accuracy)} per "
    f"cent, which {formatting.position_text(skip_bn_accuracy, 85.05)}, the source's. Its first "
    f"seed reaches {accuracy_here:.2f} with batches of {batch_size}, and "
    f"{accuracy_source_batch:.2f} with batches of {source_batch}; λ_max is then "
    f"{formatting.number_text(study.values('end_lambda_max', source_batch_arm)[0])}."
)

# %% [markdown]
# ## Geometry where training ended
#
# At the solutions, on fixed training examples, in eval mode: extreme eigenvalues of the Hessian
# until the residual is below $10^{-4}$ of the spectral range, SAM's one-step rise, and their
# scale-invariant versions, as in the study of batch normalisation; the first two under batch
# statistics, as in training, too, where float32 rounds more, below $10^{-3}$: [the
# table](#tab-measures), [the spectra](#fig-density), [planes](#fig-planes).

# %%
objectives = arms.arm_objectives(runs, task.first(curvature_examples))
solutions.record_solutions(study, objectives, rho=rho, rho_adaptive=rho_adaptive)
batch_objectives = arms.arm_objectives(
    runs, task.first(curvature_examples), bn="batch", bn_block=batch_size
)
solutions.record_early(study, batch_objectives, rho=rho, prefix="batch_", tol=1e-3)
batch_headings = {"batch_lambda_max": "λ_max, batch statistics", "batch_sam": "SAM rise, likewise"}
comparisons.arm_table(
    study,
    {**solutions.HEADINGS, **batch_headings},
    list(arm_changes),
    runs=runs,
    label="tab-measures",
    caption=f"Both arms, on {curvature_examples} examples: mean over seeds ± half-width of "
    "the 95% interval.",
)

# %%
trained_arms = arms.trained(runs)
full_spectra = spectra.record_spectra(
    study,
    objectives,
    {arm: (arm, "frozen") for arm in trained_arms},
    seeds=survey_seeds,
    outliers=outliers,
    probes=density_probes,
    steps=density_steps,
)
captioned.spectra(
    builders.spectrum_panels(full_spectra),
    label="fig-density",
    caption="Density of the eigenvalues, symmetric logarithmic axis: mean over seeds, each as a "
    f"thin line. Ticks: the {outliers} largest and smallest eigenvalues.",
    alt="A density for each arm, with a peak at zero and outliers on both sides.",
)

# %%
planes_by_seed = {}
for seed in seeds:
    seed_objectives = {arm: objectives[arm, seed] for arm in trained_arms}
    planes_by_seed[seed] = slices.record_random_planes(
        study, seed_objectives, points=plane_points, seed=seed
    )
    slices.record_shapes(study, planes_by_seed[seed][0], seed=seed)
planes, predictions = planes_by_seed[seeds[0]]
captioned.planes(
    planes,
    predictions=predictions,
    levels=plots.levels(list(planes.values())),
    label="fig-planes",
    caption="Training loss on a filter-normalised plane through the first seed's solutions, on "
    "shared levels; dashed: the quadratic prediction, inside the circle it holds.",
    alt="Contour plots side by side, one for each arm that trained.",
)

# %%
captioned.surface(
    planes,
    label="fig-surface",
    caption="The same planes as surfaces, α and β relative to filter norms.",
    alt="Surfaces with one vertical scale, one for each arm that trained.",
)

# %%
comparisons.arm_table(
    study,
    {
        "loss_range": "loss range (nats)",
        "roughness": "roughness",
        "quadratic_radius_random": "quadratic within (filter norms)",
    },
    trained_arms,
    runs=runs,
    label="tab-planes",
    caption="Planes of all seeds, over [−1, 1]² in filter norms: mean over seeds ± half-width of "
    "the 95% interval.",
)

# %% [markdown]
# ### The sources' estimators on our networks
#
# Five power iterations, a coarse plane along directions of norm 1, and 15 steps of Lanczos on
# finite differences without reorthogonalisation: [what they give](#tab-estimators), beside the
# converged eigenvalues and the range of the filter-normalised plane.

# %%
published.record_published_estimates(
    study, objectives, iterations=power_iterations, points=coarse_points
)
published.record_published_lanczos(
    study, objectives, steps=lanczos_steps, step_sizes=lanczos_step_sizes
)
source_lambda_max = {"skip + BN": 6.96, "BN alone": 90.58}  # As S3 has them.
source_loss_range = {"skip + BN": 0.0005, "BN alone": 0.0024}
source_estimates = {
    ("power_iteration", "lambda_max"): ("λ_max", source_lambda_max),
    ("coarse_range", "loss_range"): ("loss range (nats)", source_loss_range),
}
for step_size, end in itertools.product(lanczos_step_sizes[:1], ("max", "min")):
    name = published.step_size_name(f"ritz_{end}", step_size)
    source_estimates[name, f"lambda_{end}"] = f"λ_{end}, ε = {step_size:g}", {}
measurements.estimators(
    published.comparisons(study, source_estimates, trained_arms),
    label="tab-estimators",
    caption="The sources' estimators on these networks. Beside the loss range of the coarse plane "
    "stands that of the filter-normalised one, another quantity.",
)

# %%
pair = ["BN alone", "skip + BN"]
sharper = [
    findings.ratio(study, "power_iteration", pair, "λ_max by S3's estimator", published=True),
    findings.ratio(study, "lambda_max", pair, "λ_max, converged"),
    findings.ratio(study, "batch_lambda_max", pair, "λ_max, batch statistics"),
    findings.ratio(study, "lambda_max_relative", pair, "relative λ_max"),
]
as_accurate = findings.accuracy(study, pair, threshold=-2.0)
verdict = claims.robust(claim, [sharper[0], as_accurate], sharper[1:])
loss_ratio = formatting.interval_text(study.ratio("train_loss", pair))
display.show(
    VerdictBox(verdict),
    display.Sentence(
        f"BN alone ends at {loss_ratio} times the training loss of skip with BN, and curvature of "
        "the cross-entropy grows with the loss: beside that, the ratio of λ_max is "
        f"{formatting.interval_text(sharper[1].interval)}, which "
        f"{formatting.position_text(sharper[1].interval, 13)}, the source's. With the source's "
        f"batches and precision the check on {len(small_task.y_train)} examples has "
        f"{ratio_source_batch}."
    ),
)

# %% [markdown]
# ## What was shown

# %%
files = study.write("Sharpness with and without skip connections", [verdict], [task, small_task])
closing(study, [verdict])

# %% [markdown]
# ## Limits
#
# One data set and one optimizer; both arms share one learning rate, which may suit one of them
# better, and sharpness follows it. It is compared where training ended, at unequal training losses,
# with which curvature of the cross-entropy falls. Batch size and precision were changed from the
# source's, and the size of the ratio may follow them; the rule asks for its direction. The sources
# leave out their initialisation and the step of their finite differences: ours are named above. The
# planes that are shown are those of one seed. Checks of scale and of batch statistics were added to
# the rule of S3.2 before these networks were measured.
