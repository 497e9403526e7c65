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
# # Other norms and depth: does geometry predict accuracy?
#
# **Question.** Over residual and plain networks of several norms and depths: does conditioning get
# worse with depth, and do numbers of the landscape, at the end of training or before it, order the
# networks by test accuracy?
#
# **Measured.** Batch, group, layer and instance normalisation and none, depth with and without skip
# connections, and other initialisations, over seeds: accuracy, extreme eigenvalues, sharpness, at
# the solution; largest eigenvalue, gradient and SAM's rise at the initialisation and after one
# epoch; rank correlations of all of them with the accuracy, with intervals.
#
# **What will be shown.** Whether correlations that two sources found between two or three networks
# survive many, and whether numbers taken early predict the end.

# %%

import itertools

from landscape import data, models, plots, training
from studies import arms, claims, display, findings, predictors
from studies.figures import captioned
from studies.figures import depth as depth_figures
from studies.records import runs as run_records
from studies.records import solutions
from studies.records.runs import learned_seeds
from studies.study import Study
from studies.tables import comparisons, measurements
from studies.tables import runs as run_tables
from studies.tables.verdicts import VerdictBox, closing

# %% tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
dataset = "digits"
max_train = 512
seeds = [0, 1, 2]
workers = 1  # processes that train side by side
depth = 8  # of the norms and the initialisations
width = 0.5
norms = ["batch", "group", "layer", "instance", "none"]
depths = [8, 14]
epochs = 8
batch_size = 128
learning_rate = 0.1
momentum = 0.9
weight_decay = 1e-4
precision = "float32"
measured = 10000  # training examples on which the curves are measured
measure_every = 4  # epochs from one measurement of their history to the next
rho = 0.05  # radius of SAM's step
rho_adaptive = 0.5  # radius of the adaptive step, relative to |theta|
curvature_examples = 128  # first training examples: curvature and sharpness

# %% [markdown]
# ## The claims and the rules
#
# The rules stand here, above the measurements that they judge; code applies them. An interval that
# covers the border decides nothing. An artefact supposes that all that is found by the source's way
# of measuring holds, and that one check shows the opposite. "Plain" is without skip connections.

# %%
study = Study("02_skip_depth", vars())
rules = {
    "S3.5": "Spearman's rank correlation of λ_max, and of λ_max / |λ_min|, with the test accuracy, "
    "over norms and depths that did not diverge; of all of them the ratio has to be finite. The "
    "sign is that of the source's prose: in its table the flattest of three networks guesses. "
    "Reproduced if both intervals lie below −0.85, and that of λ_max under batch statistics; "
    "artefact of eval mode if only the last lies above; contradicted if one of the others does.",
    "S3.7": "Rank correlation of λ_max, gradient norm and SAM rise at the initialisation with the "
    "final test accuracy, over all arms, which differ in network or start, those that diverged "
    "too, intervals widened for three trials. Reproduced if one lies on one side of 0; the claim "
    "names none and no sign, so that nothing contradicts it.",
    "S2.4": "Reproduced if the rank correlations of SAM rise and of λ_max with test accuracy, over "
    "the same networks as S3.5, lie below 0, under batch statistics too; artefact of eval mode if "
    "only one of those lies above; contradicted if one of the others does.",
    "S2.8": "Exponent of λ_max / |λ_min| in depth, against the one with which it doubles from the "
    "least depth to the greatest. Reproduced if that of plain networks lies above and that of "
    "residual ones below; contradicted if one lies on the other side. Where a network does not "
    "learn, nothing is decided.",
}
claim = {id: claims.claim(id, rule=rule) for id, rule in rules.items()}
comparisons.rule_table(list(claim.values()))

# %% [markdown]
# ## The networks
#
# Residual networks with five norms; with BN and without skip connections over depth; and those that
# train from another start, PyTorch's default initialisation in place of He's, or SkipInit, where
# each residual branch starts at zero (De and Smith 2020). One optimizer and one schedule serve all.
# Below stand where runs diverged, and [what departs from the source](#tab-departures).

# %%
task = data.load(dataset, study.data_dir, max_train=max_train)
first_epoch = -(-len(task.y_train) // batch_size)  # steps
base = training.TrainConfig(
    models.ResNet(depth=depth, width=width),
    training.SGD(learning_rate, momentum=momentum, weight_decay=weight_decay),
    epochs=epochs,
    batch_size=batch_size,
    schedule=training.Cosine(),
    precision=precision,
    measured=measured,
    measure_every=measure_every,
    snapshots=(0, first_epoch),
)
norm_changes = {f"skip, {norm}": {"norm": norm} for norm in norms}
depth_changes = {
    f"{name}, depth {num_layers}": {"skip": name == "skip", "depth": num_layers}
    for name, num_layers in itertools.product(("skip", "plain"), depths)
}
skip_change, plain_change = {"norm": "none"}, {"norm": "none", "skip": False}
start_changes = {"plain, batch": {"skip": False}, "plain, none": plain_change}
he_changes = {"skip, batch": {}, "skip, none": skip_change, **start_changes}
start_changes |= {
    f"{arm}, torch": changes | {"init": "torch"} for arm, changes in he_changes.items()
}
start_changes["skip, none, SkipInit"] = {**skip_change, "skipinit": True}
configs = arms.variants(base, {**norm_changes, **depth_changes, **start_changes})
runs = training.sweep(configs, task, seeds=seeds, store=study.store, workers=workers)
run_records.record_runs(study, runs)

# %%
source = {"batch_size": 32, "precision": "float32", "epochs": 20, "dataset": "cifar10"}
source |= {"depth": 20, "width": 1.0, "max_train": 50000}
reasons = dict.fromkeys(source, "a small run, no evidence") if not study.evidence else {}
reasons |= {"batch_size": "costs less", "precision": "costs less"}
reasons |= {"max_train": "many arms", "width": "many arms"} if study.evidence else {}
display.show(
    run_tables.divergence(runs, label="tab-divergence"),
    run_tables.departures(source, study.parameters, reasons, label="tab-departures"),
    run_tables.repeated(configs),
)

# %% [markdown]
# ## Norms and depth at the solution
#
# On fixed training examples, in eval mode: extreme eigenvalues of the Hessian until the residual is
# below $10^{-4}$ of the spectral range, SAM's one-step rise, and their scale-invariant versions.
# Five norms with skip connections are in a [table](#tab-norms); depth with BN, with and without
# skip connections, in two figures: [accuracy and curvature](#fig-depths), and [the gradients of
# layers](#fig-gradients).

# %%
curvature_set = task.first(curvature_examples)
norm_and_depth_runs = {
    key: run for key, run in runs.items() if key[0] in {**norm_changes, **depth_changes}
}
solutions.record_solutions(
    study,
    arms.arm_objectives(norm_and_depth_runs, curvature_set),
    rho=rho,
    rho_adaptive=rho_adaptive,
)
comparisons.arm_table(
    study,
    solutions.HEADINGS,
    list(norm_changes),
    runs=runs,
    label="tab-norms",
    caption=f"Norms, trained on {len(task.y_train)} examples and measured on {curvature_examples}: "
    "mean over seeds ± half-width of the 95% interval.",
)

# %%
initial_objectives = arms.arm_objectives(runs, curvature_set, step=0, bn="batch")
solutions.record_early(study, initial_objectives, rho=rho, prefix="initial_", tol=1e-3)
depth_headings = {"test_accuracy": "test accuracy", "kappa": "λ_max / |λ_min|"}
depth_headings |= {"initial_lambda_max": "λ_max at the initialisation", "lambda_max": "λ_max"}
captioned.curves(
    depth_figures.depth_panels(study, depth_headings, ["skip", "plain"], depths),
    label="fig-depths",
    caption="Depth, with BN: mean over seeds with 95% interval. At the initialisation the "
    "statistics are those of the examples.",
    alt="Four panels over depth, with and without skip connections: test accuracy, conditioning, "
    "largest eigenvalue at the initialisation and after training.",
)

# %%
weight_gradients = {key: run_records.layer_gradients(run) for key, run in runs.items()}
epoch_indices = {"before training": 0, "last epochs": -1}
gradient_panels = {
    f"depth {num_layers}, {moment}": {
        (name, seed): weight_gradients[f"{name}, depth {num_layers}", seed][:, epoch]
        for name, seed in itertools.product(("skip", "plain"), seeds)
    }
    for num_layers, (moment, epoch) in itertools.product(depths, epoch_indices.items())
}
captioned.curves(
    depth_figures.gradient_panels(gradient_panels),
    label="fig-gradients",
    caption="Gradients by the layers' weights W, with BN: of the first mini-batch, and root mean "
    f"square over those of the last {min(measure_every, epochs)} epochs.",
    alt="Two panels a depth, before training and at its end: gradient norms over the layer, with "
    "and without skip connections.",
)

# %%
learned = learned_seeds(study, runs, chance=1 / task.classes)
all_learned = all(all(learned[arm]) for arm in depth_changes)
arms_by_depth = {
    name: [f"{name}, depth {num_layers}" for num_layers in depths] for name in ("plain", "skip")
}
conditioning = [
    findings.doubling(
        study, "kappa", arms_by_depth[name], depths, name, side=side, meaningful=all_learned
    )
    for name, side in (("plain", claims.above), ("skip", claims.below))
]
verdicts = [claims.every(claim["S2.8"], conditioning)]
display.show(
    VerdictBox(verdicts[0]),
    run_tables.learned(study, runs, list(depth_changes), chance=1 / task.classes),
)

# %% [markdown]
# ## Does geometry predict, and does it predict early?
#
# Rank correlations over the networks of norms and depths that did not diverge: pooled, with an
# interval from leaving out arms, and within arms, which does not see the differences between
# architectures. [The numbers](#tab-correlations), with the training loss and the depth itself in
# the last rows; [two of them](#fig-scatter), a point a network. Early numbers are those of the mode
# of training, with the statistics of the examples. Claim S3.7 is judged over all networks and
# initialisations, those without norm too, of which some diverge or never leave chance.

# %%
distinct_arms = arms.distinct({arm: configs[arm] for arm in (*norm_changes, *depth_changes)})
kept_arms = [arm for arm in distinct_arms if arm in arms.trained(norm_and_depth_runs)]
kept_runs = {key: run for key, run in norm_and_depth_runs.items() if key[0] in kept_arms}
early_objectives = arms.arm_objectives(kept_runs, curvature_set, step=first_epoch, bn="batch")
solutions.record_early(study, early_objectives, rho=rho, prefix="early_", tol=1e-3)
final_objectives = arms.arm_objectives(kept_runs, curvature_set, bn="batch", bn_block=batch_size)
solutions.record_early(study, final_objectives, rho=rho, prefix="batch_", tol=1e-3)
for (arm, seed), run in kept_runs.items():
    study.add("depth", run.config.model.depth, arm=arm, seed=seed)
kind_titles = {"lambda_max": "λ_max", "gradient_norm": "gradient norm", "sam": "SAM rise"}
moment_titles = {"initial": "at the initialisation", "early": "after one epoch"}
early_titles = {
    f"{moment}_{kind}": f"{kind_titles[kind]}, {moment_titles[moment]}"
    for moment, kind in itertools.product(moment_titles, kind_titles)
}
late_titles = {
    "lambda_max": "λ_max at the end",
    "kappa": "λ_max / |λ_min|",
    "sam": "SAM rise at the end",
}
late_titles |= {"batch_lambda_max": "λ_max, batch statistics", "batch_sam": "SAM rise, likewise"}
late_titles |= {"train_loss": "training loss at the end", "depth": "depth"}
correlations = predictors.rank_correlations(
    study, {**early_titles, **late_titles}, "test_accuracy", kept_arms
)
comparisons.correlation_table(
    correlations,
    label="tab-correlations",
    caption="Rank correlation with the final test accuracy and its 95% interval.",
)

# %%
clouds = [
    plots.Cloud(
        early_titles.get(name, late_titles.get(name)),
        study.unit(name),
        "test accuracy (share correct)",
        predictors.points(study, name, "test_accuracy", kept_arms),
        x_scale="log",
    )
    for name in ("early_lambda_max", "lambda_max")
]
captioned.scatter(
    clouds,
    label="fig-scatter",
    caption="Final test accuracy against the largest eigenvalue, after one epoch and at the end.",
    alt="Two clouds of points, a marker for each arm: test accuracy over the largest eigenvalue.",
)

# %%
initial_titles = {name: title for name, title in early_titles.items() if name.startswith("initial")}
confidence = 1 - 0.05 / len(initial_titles)
architectures = arms.architectures(configs, base)
initial_correlations = predictors.rank_correlations(
    study, initial_titles, "test_accuracy", architectures, confidence=confidence
)
initial_findings = findings.correlation_findings(
    study, initial_titles, initial_correlations, architectures, "accuracy"
)
strong_findings, weak_findings = (
    findings.correlation_findings(
        study, late_titles, correlations, kept_arms, "accuracy", side=claims.below, threshold=border
    )
    for border in (-0.85, 0.0)
)
correlation_verdicts = [
    claims.robust(claim["S3.5"], strong_findings[:2], strong_findings[3:4]),
    claims.some(claim["S3.7"], initial_findings),
    claims.robust(claim["S2.4"], [weak_findings[2], weak_findings[0]], weak_findings[3:5]),
]
verdicts += correlation_verdicts
display.show(
    *map(VerdictBox, correlation_verdicts),
    measurements.stable_start_sentence(study, base.optimizer, "test_accuracy", kept_arms),
    measurements.rounding_sentence(
        study, "initial_rounding", architectures, moment_titles["initial"]
    ),
    measurements.rounding_sentence(study, "early_rounding", kept_arms, moment_titles["early"]),
)

# %% [markdown]
# ## What was shown

# %%
files = study.write("Norms, depth and prediction", verdicts, [task])
closing(study, verdicts)

# %% [markdown]
# ## Limits
#
# One data set and one optimizer; all networks share one learning rate, which may suit some of them
# better, and sharpness follows it. They are narrower than the source's and trained on part of the
# data: many are far from trained, and their training loss, in the table, orders the accuracies.
# They tell what trains, rather than what generalises. Rank correlations over architectures have few
# arms, follow what one step size suits, and say nothing of causes. Sharpness is compared where
# training ended, at unequal training losses, with which curvature of the cross-entropy falls, and
# on few examples. Deep plain networks multiply what float32 rounds from layer to layer: where
# little is left of their gradient, early numbers are known less well than their residuals say. The
# rules were changed after readings of first results, before these networks were trained: S3.5 and
# S2.4 asked for eval mode alone; S3.7 counted numbers after an epoch as known before training, and
# left out networks without norm, which begin with small gradients and stay at chance, and those
# that diverge; S2.8 left out the residual networks and whether any learns.
