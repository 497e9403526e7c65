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
of_norm = {f"skip, {norm}": {"norm": norm} for norm in norms}
of_depth = {
    f"{name}, depth {layers_}": {"skip": name == "skip", "depth": layers_}
    for name, layers_ in itertools.product(("skip", "plain"), depths)
}
skip, plain = {"norm": "none"}, {"norm": "none", "skip": False}
of_start = {"plain, batch": {"skip": False}, "plain, none": plain}
starts = {"skip, batch": {}, "skip, none": skip, **of_start}
of_start |= {f"{arm}, torch": own | {"init": "torch"} for arm, own in starts.items()}
of_start["skip, none, SkipInit"] = {**skip, "skipinit": True}
configs = arms.variants(base, {**of_norm, **of_depth, **of_start})
runs = training.sweep(configs, task, seeds=seeds, store=study.store, workers=workers)
run_records.record_runs(study, runs)

# %%
source = {"batch_size": 32, "precision": "float32", "epochs": 20, "dataset": "cifar10"}
source |= {"depth": 20, "width": 1.0, "max_train": 50000}
why = dict.fromkeys(source, "a small run, no evidence") if not study.evidence else {}
why |= {"batch_size": "costs less", "precision": "costs less"}
why |= {"max_train": "many arms", "width": "many arms"} if study.evidence else {}
display.show(
    run_tables.divergence(runs, label="tab-divergence"),
    run_tables.departures(source, study.parameters, why, label="tab-departures"),
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
few = task.first(curvature_examples)
rest = {key: run for key, run in runs.items() if key[0] in {**of_norm, **of_depth}}
solutions.record_solutions(
    study, arms.arm_objectives(rest, few), rho=rho, rho_adaptive=rho_adaptive
)
comparisons.arm_table(
    study,
    solutions.HEADINGS,
    list(of_norm),
    runs=runs,
    label="tab-norms",
    caption=f"Norms, trained on {len(task.y_train)} examples and measured on {curvature_examples}: "
    "mean over seeds ± half-width of the 95% interval.",
)

# %%
before = arms.arm_objectives(runs, few, step=0, bn="batch")
solutions.record_early(study, before, rho=rho, prefix="initial_", tol=1e-3)
over_depth = {"test_accuracy": "test accuracy", "kappa": "λ_max / |λ_min|"}
over_depth |= {"initial_lambda_max": "λ_max at the initialisation", "lambda_max": "λ_max"}
captioned.curves(
    depth_figures.depth_panels(study, over_depth, ["skip", "plain"], depths),
    label="fig-depths",
    caption="Depth, with BN: mean over seeds with 95% interval. At the initialisation the "
    "statistics are those of the examples.",
    alt="Four panels over depth, with and without skip connections: test accuracy, conditioning, "
    "largest eigenvalue at the initialisation and after training.",
)

# %%
weights = {key: run_records.layer_gradients(run) for key, run in runs.items()}
whens = {"before training": 0, "last epochs": -1}
panels_of = {
    f"depth {d}, {when}": {
        (name, seed): weights[f"{name}, depth {d}", seed][:, at]
        for name, seed in itertools.product(("skip", "plain"), seeds)
    }
    for d, (when, at) in itertools.product(depths, whens.items())
}
captioned.curves(
    depth_figures.gradient_panels(panels_of),
    label="fig-gradients",
    caption="Gradients by the layers' weights W, with BN: of the first mini-batch, and root mean "
    f"square over those of the last {min(measure_every, epochs)} epochs.",
    alt="Two panels a depth, before training and at its end: gradient norms over the layer, with "
    "and without skip connections.",
)

# %%
learn = learned_seeds(study, runs, chance=1 / task.classes)
known = all(all(learn[arm]) for arm in of_depth)
deeper = {name: [f"{name}, depth {d}" for d in depths] for name in ("plain", "skip")}
worse = [
    findings.doubling(study, "kappa", deeper[name], depths, name, side=side, meaningful=known)
    for name, side in (("plain", claims.above), ("skip", claims.below))
]
verdicts = [claims.every(claim["S2.8"], worse)]
display.show(
    VerdictBox(verdicts[0]),
    run_tables.learned(study, runs, list(of_depth), chance=1 / task.classes),
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
distinct = arms.distinct({arm: configs[arm] for arm in (*of_norm, *of_depth)})
lasting = [arm for arm in distinct if arm in arms.trained(rest)]
kept = {key: run for key, run in rest.items() if key[0] in lasting}
after = arms.arm_objectives(kept, few, step=first_epoch, bn="batch")
solutions.record_early(study, after, rho=rho, prefix="early_", tol=1e-3)
ends = arms.arm_objectives(kept, few, bn="batch", bn_block=batch_size)
solutions.record_early(study, ends, rho=rho, prefix="batch_", tol=1e-3)
for (arm, seed), run in kept.items():
    study.add("depth", run.config.model.depth, arm=arm, seed=seed)
kinds = {"lambda_max": "λ_max", "gradient_norm": "gradient norm", "sam": "SAM rise"}
moments = {"initial": "at the initialisation", "early": "after one epoch"}
early = {
    f"{moment}_{kind}": f"{kinds[kind]}, {moments[moment]}"
    for moment, kind in itertools.product(moments, kinds)
}
late = {"lambda_max": "λ_max at the end", "kappa": "λ_max / |λ_min|", "sam": "SAM rise at the end"}
late |= {"batch_lambda_max": "λ_max, batch statistics", "batch_sam": "SAM rise, likewise"}
late |= {"train_loss": "training loss at the end", "depth": "depth"}
correlated = predictors.rank_correlations(study, {**early, **late}, "test_accuracy", lasting)
comparisons.correlation_table(
    correlated,
    label="tab-correlations",
    caption="Rank correlation with the final test accuracy and its 95% interval.",
)

# %%
clouds = [
    plots.Cloud(
        early.get(name, late.get(name)),
        study.unit(name),
        "test accuracy (share correct)",
        predictors.points(study, name, "test_accuracy", lasting),
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
first = {name: title for name, title in early.items() if name.startswith("initial")}
several = 1 - 0.05 / len(first)
every = arms.architectures(configs, base)
found = predictors.rank_correlations(study, first, "test_accuracy", every, confidence=several)
foretold = findings.correlation_findings(study, first, found, every, "accuracy")
whole = (study, late, correlated, lasting, "accuracy")
strong, weak = (
    findings.correlation_findings(*whole, side=claims.below, threshold=border)
    for border in (-0.85, 0.0)
)
judged = [
    claims.robust(claim["S3.5"], strong[:2], strong[3:4]),
    claims.some(claim["S3.7"], foretold),
    claims.robust(claim["S2.4"], [weak[2], weak[0]], weak[3:5]),
]
verdicts += judged
display.show(
    *map(VerdictBox, judged),
    measurements.stable_start_sentence(study, base.optimizer, "test_accuracy", lasting),
    measurements.rounding_sentence(study, "initial_rounding", every, moments["initial"]),
    measurements.rounding_sentence(study, "early_rounding", lasting, moments["early"]),
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
