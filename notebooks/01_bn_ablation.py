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
# # What does batch normalisation do to curvature, sharpness and basins?
#
# **Question.** A small convolutional network is trained twice from the same weights on the same
# batches, once with batch normalisation (BN) after each convolution and once without. Which of the
# two ends in the sharper place, which generalises better, and what lies between two networks of
# one kind?
#
# **Measured.** Training curves; test accuracy and loss; $\lambda_{\max}$ and $\lambda_{\min}$ of
# the Hessian of the training loss in eval mode; SAM's one-step sharpness; the whole spectrum, with
# trace and ratio of its ends, in eval mode and under batch statistics; lines and planes along
# filter-normalised random directions and along eigenvectors, beside what the Hessian predicts; the
# straight path between two solutions under three policies for the running statistics, and aligned
# and curved paths; and how far rescaling a layer moves these numbers while the network stays the
# same function. Comparisons of the arms have intervals over seeds: Student's $t$, 95%, paired.
#
# **What will be shown.** Whether five claims of the source survive seeds and convergence; those on
# sharpness also batch statistics, a comparison at equal training loss, and measures that no
# rescaling changes; and what the raw measures of sharpness are worth.

# %%
import itertools

import torch
from landscape import connectivity, data, models, plots, training
from studies import arms, claims, display, findings, formatting, intervals
from studies.figures import builders, captioned
from studies.records import equal_loss, slices, spectra
from studies.records import runs as run_records
from studies.records import solutions as solution_records
from studies.records.paths import record_path_kinds, record_straight_paths
from studies.records.twins import record_twins
from studies.study import Study
from studies.tables import comparisons, measurements
from studies.tables.runs import divergence
from studies.tables.verdicts import VerdictBox, closing

# %% tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
dataset = "digits"
max_train = 60000  # training examples to use at most
seeds = [0, 1, 2, 3]  # both arms are trained with each; neighbours form the pairs of the path
workers = 1  # processes that train side by side
channels = [16, 32]
hidden = 64
epochs = 30
batch_size = 128
learning_rate = 0.01
momentum = 0.9
rho = 0.05  # radius of SAM's step
rho_adaptive = 0.5  # radius of the adaptive step, relative to |theta|
curvature_examples = 1024  # first training examples: curvature, sharpness, lines, planes
check_examples = [256, 512, 1437]  # does that number matter?
survey_seeds = [0, 1, 2, 3]  # those of the seeds whose whole spectrum is measured
outliers = 10  # eigenvalues computed at each end, as many as classes
density_probes = 2
density_steps = 40
path_examples = 1437  # of the training and of the test set
line_directions = 5
line_points = 21
plane_points = 13
top_reach = 0.5  # of the plane along eigenvectors, in units of the parameters
path_points = 11
curve_epochs = 20  # of training a curve between two solutions
twin_factors = [0.25, 0.5, 1.0, 2.0, 4.0]

# %% [markdown]
# ## The claims and the rules
#
# The rules stand here, above the measurements that they judge; code applies them. An interval that
# covers the border decides nothing. All checks were added after first results were seen: the words
# without them stand at the end.

# %%
study = Study("01_bn_ablation", vars())
rules = {
    "S1.1": "Reproduced if the paired difference in test accuracy lies above 0, and the ratio of "
    "step noise (jumps of the mini-batch loss) below 1, over all that follows the first epoch, and "
    "at equal mini-batch loss: in each arm over the first stretch, as long as an epoch, whose mean "
    "is as low as that of the worse arm's last epoch. Artefact if only the last lies above 1, so "
    "that training is calmer because its loss is lower; contradicted if one of the others is "
    "reversed.",
    "S1.2": "Paired ratio of λ_max. Reproduced if it lies above 1 in eval mode at the end of "
    "training, and in three checks: under batch statistics, at equal training loss, and relative "
    "to the filters' norms; artefact if above 1 at the end and below in a check; contradicted if "
    "below at the end.",
    "S1.3": "The same of the one-step sharpness, the third check being that of the adaptive step.",
    "S1.4": "Reproduced if BN has the higher test accuracy, λ_max and one-step sharpness in eval "
    "mode at the end, all three at equal training loss, and the last two under batch statistics; "
    "artefact if all three hold at the end and one of these checks is reversed; contradicted if "
    "one of the three is. To generalise better is taken as a higher test accuracy.",
    "S1.5": "Barrier on the training set, over pairs that share no seed, in the error rather than "
    "the loss, since for it a border is published: 2 percentage points (Frankle 2020). Reproduced "
    "if the interval lies above it under all three policies; artefact if frozen statistics show "
    "it and another policy contradicts it; contradicted if frozen statistics do.",
}
claim = {id: claims.claim(id, rule=rule) for id, rule in rules.items()}
comparisons.rule_table(list(claim.values()))

# %% [markdown]
# ## Training
#
# Both arms share architecture, initial weights, order of batches and step size; the normalisation
# and its parameters alone differ. Losses are measured in eval mode over all examples after each
# epoch, and once before the first: [the curves](#fig-training). Before training, BN in eval mode
# does nothing, having no statistics yet: both arms begin at one loss.

# %%
task = data.load(dataset, study.data_dir, max_train=max_train)
configs = {
    arm: training.TrainConfig(
        model=models.CNN(channels=tuple(channels), hidden=hidden, norm=norm),
        optimizer=training.SGD(learning_rate, momentum=momentum),
        epochs=epochs,
        batch_size=batch_size,
    )
    for arm, norm in (("BN", "batch"), ("no BN", "none"))
}
pair = list(configs)
runs = training.sweep(configs, task, study.store, seeds=seeds, workers=workers)
for (arm, seed), run in runs.items():
    run_records.record_run(study, run, arm, seed)
equal_loss.record_step_noise(study, runs)

# %%
captioned.curves(
    builders.training_panels(runs),
    label="fig-training",
    caption="Training with and without BN: mean over seeds, 95% interval as a band, each seed as a "
    "thin line. Losses in eval mode over all examples; epoch 0 is the initialisation.",
    alt="Four panels over epochs, each with and without batch normalisation: training loss, test "
    "loss, test error, and norm of the mini-batch gradients, all on logarithmic axes.",
)

# %%
sizes_text = formatting.list_text(
    [f"{size:,} with {arm}" for arm, size in arms.sizes(runs).items()]
)
display.Sentence(
    f"Convolutions with {formatting.list_text([str(width) for width in channels])} channels and "
    f"{hidden} hidden units; parameters: {sizes_text}. SGD with a learning rate of "
    f"{learning_rate:g}, momentum {momentum:g} and batches of {batch_size}; {epochs} epochs."
)

# %%
more_accurate = findings.accuracy(study, pair)
steadier, steadier_at_equal_loss = (
    findings.ratio(study, name, pair, heading, side=claims.below)
    for name, heading in (
        ("step_noise", "step noise"),
        ("step_noise_matched", "step noise at equal mini-batch loss"),
    )
)
verdicts = [claims.robust(claim["S1.1"], [more_accurate, steadier], [steadier_at_equal_loss])]
accuracy_falls = {
    arm: torch.stack([runs[arm, seed].history["test_accuracy"][1:].diff() < 0 for seed in seeds])
    for arm in pair
}
falls_text = formatting.list_text(
    [f"{int(fell.sum())} of {fell.numel()} with {arm}" for arm, fell in accuracy_falls.items()]
)
noise_ratios = study.ratios("step_noise_matched", pair)
display.show(
    divergence(runs, label="tab-divergence"),
    VerdictBox(verdicts[-1]),
    display.Sentence(
        "The source shows curves and names no measure of steadiness: step noise is ours. At equal "
        f"loss its ratios of single seeds go from {min(noise_ratios):.4g} to "
        f"{max(noise_ratios):.4g}. Times that test accuracy falls from the end of one epoch to "
        f"that of the next: {falls_text}."
    ),
)

# %% [markdown]
# ### Does it generalise better, or train faster?
#
# Of two networks the one that has trained further is ahead on test examples too, and curvature of
# the cross-entropy may fall with the loss. So both are compared once more where their training
# losses are nearly the same: for each seed at the larger of the two final ones; of the other arm
# the network of the step at which the line between its measurements first gets there.

# %%
curvature_set = task.first(curvature_examples)
equal_objectives = equal_loss.equal_loss_objectives(
    runs, None, task, curvature_set, study.store, workers=workers, bn_block=batch_size
)
record_options = {"prefix": "equal_", "missing_note": equal_loss.MISSING_NOTE}
solution_records.record_test_loss(study, equal_objectives, task.test, **record_options)
solution_records.record_test_loss(
    study, equal_objectives, task.train, split="train", **record_options
)
solution_records.record_early(study, equal_objectives, rho=rho, **record_options)
comparisons.comparison_table(
    study,
    {
        "equal_train_loss": "training loss (nats)",
        "equal_loss": f"likewise, {len(curvature_set[1])} examples",
        "equal_test_loss": "test loss (nats)",
        "equal_test_accuracy": "test accuracy",
        "equal_lambda_max": "λ_max",
        "equal_sam": "SAM rise",
    },
    pair,
    label="tab-equal",
    caption="At equal training loss: mean over seeds ± half-width of the 95% interval, and paired "
    f"ratio, in eval mode. λ_max and rise are those of the first {len(curvature_set[1])} examples.",
)

# %%
sharper_equal = {
    name: findings.ratio(study, f"equal_{name}", pair, f"{title} at equal training loss")
    for name, title in (("lambda_max", "λ_max"), ("sam", "SAM rise"))
}
side_words = {"reproduced": "above", "contradicted": "below", "inconclusive": "not told from"}
accurate_at_equal_loss = findings.difference_finding(
    study, "equal_test_accuracy", pair, "test accuracy at equal training loss"
)
loss_gap = findings.ratio(study, "loss_gap", pair, "test − training loss")
slope_shares = [
    intervals.mean_interval(
        [rho * norm / rise for norm, rise in zip(*norms_and_rises, strict=True)]
    ).estimate
    for norms_and_rises in (
        [study.values(f"equal_{name}", arm) for name in ("gradient_norm", "sam")] for arm in pair
    )
]
display.Sentence(
    f"At the end of training we measure {more_accurate.text}; {loss_gap.text}. Where both have "
    "trained equally far, to losses that differ within a seed by a factor of at most "
    f"{equal_loss.largest_ratio(study, 'equal_train_loss', pair):.3g}: "
    f"{accurate_at_equal_loss.text}, {side_words[accurate_at_equal_loss.word]} 0. Of the SAM rise, "
    f"ρ times the norm of the gradient makes {slope_shares[0]:.2f} with BN and "
    f"{slope_shares[1]:.2f} without."
)

# %% [markdown]
# ## Curvature and sharpness
#
# $\lambda_{\max}$ and $\lambda_{\min}$ are the extreme *algebraic* eigenvalues of the Hessian
# $H = \nabla^2 L(\theta)$, with $L$ the mean cross-entropy over a fixed set of training examples
# and BN in eval mode. Lanczos runs until the residual $\lVert Hu-\lambda u\rVert$ of both ends is
# below $10^{-4}$ of the spectral range; an eigenvalue lies within the residual of each number.
#
# SAM's one-step sharpness is the rise of the loss after one ascent step of length $\rho$ along the
# gradient (Foret 2021): a lower bound of the worst rise within that radius.
#
# Beside each raw measure stands one that no rescaling of layers changes: the top eigenvalue of
# $DHD$, where $D$ holds the norm of each weight's filter (curvature for each *relative*
# displacement of a filter) and 0 for biases and norm layers, which the raw one counts, and the
# adaptive step, whose length is relative to each parameter (Kwon 2021).

# %%
objectives = arms.arm_objectives(runs, curvature_set, bn_block=batch_size)
solution_records.record_solutions(study, objectives, rho=rho, rho_adaptive=rho_adaptive)

# %%
sharpness_headings = {
    "lambda_max": "λ_max",
    "sam": "SAM rise",
    "lambda_max_relative": "relative λ_max",
    "sam_adaptive": "adaptive rise",
}
sharpness_values = {
    title: {arm: study.values(name, arm) for arm in pair}
    for name, title in sharpness_headings.items()
}
captioned.pairs(
    sharpness_values,
    intervals.mean_intervals(sharpness_values),
    units={title: study.unit(name) for name, title in sharpness_headings.items()},
    label="fig-sharpness",
    caption="Four measures of sharpness, a point a seed, thin lines joining the arms of one seed; "
    "open markers are means with 95% intervals. The two on the left depend on how layers are "
    f"scaled; the two on the right do not. ρ = {rho}, adaptive {rho_adaptive}.",
    alt="Four panels comparing the arms with and without batch normalisation: largest Hessian "
    "eigenvalue, one-step sharpness, and the scale-invariant version of each.",
)

# %%
headings = {
    "test_accuracy": "test accuracy",
    "test_loss": "test loss (nats)",
    "train_loss": "training loss (nats)",
    "loss_gap": "test − training loss (nats)",
    "step_noise": "step noise (nats)",
    "step_noise_matched": "step noise at equal loss (nats)",
    "lambda_min": "λ_min",
}
comparisons.comparison_table(
    study,
    headings | sharpness_headings,
    pair,
    label="tab-measures",
    caption="Mean over seeds ± half-width of the 95% interval, and the paired ratio with its "
    "interval. Losses and rises in nats, eigenvalues in nats per squared unit of the parameters "
    "(relative: per squared filter norm).",
)

# %%
sharper = {
    name: findings.ratio(study, name, pair, f"{title} in eval mode")
    for name, title in sharpness_headings.items()
}

# %% [markdown]
# ### Does the number of examples matter?
#
# The Hessian above is that of a subset of the training set. [The figure](#fig-examples) shows
# $\lambda_{\max}$ of the first seed's two networks on subsets of several sizes.

# %%
networks = {arm: runs[arm, seeds[0]].model() for arm in pair}
solution_records.record_subsets(
    study, networks, [task.first(size) for size in check_examples], seed=seeds[0]
)
quantity = {"lambda_max_by_examples": "λ_max"}
captioned.curves(
    builders.recorded_panels(study, quantity, pair, "training examples", check_examples),
    label="fig-examples",
    caption="The top eigenvalue of the first seed's networks against the number of training "
    "examples that it is measured on, in eval mode.",
    alt="One curve for each arm: largest Hessian eigenvalue over the number of examples.",
)

# %%
ratios_by_size = study.ratios("lambda_max_by_examples", pair)
ratio_texts = [
    f"{ratio:.3g} on {size}" for ratio, size in zip(ratios_by_size, check_examples, strict=True)
]
display.Sentence(
    f"λ_max with BN over that without, of this seed: {formatting.list_text(ratio_texts)} examples. "
    f"It moves with them by a factor of {max(ratios_by_size) / min(ratios_by_size):.3g}, which no "
    "interval over seeds has."
)

# %% [markdown]
# ## The whole spectrum, in eval mode and under batch statistics
#
# With BN there are two Hessians at one solution. In eval mode the running statistics are constants;
# under batch statistics (of blocks as large as the mini-batches of training) they move with the
# weights, and their derivatives count (Ghorbani 2019). [The figure](#fig-density) shows the density
# of the eigenvalues of each, by stochastic Lanczos quadrature. The eigenvalues at both ends are
# computed one by one and drawn as ticks; those that converged are taken out of the density. Their
# residuals are then below $10^{-4}$ of the spectral range, under batch statistics, where float32
# rounds more, below $10^{-3}$. [The table](#tab-spectrum) has the trace,
# which is exact in eval mode (such a network is piecewise linear in each parameter, so
# $\operatorname{tr} H$ is that of the Gauss-Newton matrix) and estimated under batch statistics,
# and $\lambda_{\max}/|\lambda_{\min}|$: since $\lambda_{\min}<0$ it is no condition number, and
# says how much the Hessian curves up and down.

# %%
hessians = {
    "BN, eval": ("BN", "frozen"),
    "BN, batch": ("BN", "batch"),
    "no BN": ("no BN", "frozen"),
}
full_spectra = spectra.record_spectra(
    study,
    objectives,
    hessians,
    seeds=survey_seeds,
    outliers=outliers,
    probes=density_probes,
    steps=density_steps,
)
captioned.spectra(
    builders.spectrum_panels(full_spectra),
    label="fig-density",
    caption="Density of the eigenvalues, symmetric logarithmic axis: mean over seeds, each as a "
    f"thin line. Ticks below: the {outliers} largest and {outliers} smallest eigenvalues, a row "
    "for each seed.",
    alt="Three densities below each other, with ticks for the eigenvalues at both ends: BN in eval "
    "mode, BN under batch statistics, no BN.",
)

# %%
quantities = {
    "survey_lambda_max": "λ_max",
    "survey_lambda_kth": f"eigenvalue no. {outliers}",
    "survey_lambda_min": "λ_min",
    "trace": "trace",
    "condition": "λ_max / |λ_min|",
    "negative_mass": "share below −δ",
}
comparisons.comparison_table(
    study,
    quantities,
    list(hessians),
    label="tab-spectrum",
    caption="The three Hessians: mean over seeds ± half-width of the 95% interval, and paired "
    "ratios to the networks without BN. Eigenvalues and trace in nats per squared unit of the "
    "parameters; δ is a thousandth of each Hessian's own largest eigenvalue.",
)

# %%
negative_shares = [
    intervals.mean_interval(study.values("negative_mass", hessian)).estimate for hessian in hessians
]
share_error = study.largest_error("negative_mass", list(hessians))
are_apart = [
    abs(one - other) > share_error for one, other in itertools.combinations(negative_shares, 2)
]
eval_over_batch = study.ratio("survey_lambda_max", ["BN, eval", "BN, batch"])
display.Sentence(
    f"The share below −δ is known to ±{share_error:.2g} in one network, which intervals over seeds "
    f"do not hold; the means of {sum(are_apart)} of {len(are_apart)} pairs of Hessians lie further "
    "apart. At one and the same solution, λ_max in eval mode is "
    f"{formatting.interval_text(eval_over_batch)} times that under batch statistics."
)

# %% [markdown]
# The claims are judged in both modes. SAM's step under batch statistics goes along the gradient
# that the statistics are part of, to the loss with the statistics of that point, as in training.

# %%
for (arm, seed), L in objectives.items():
    if L is not None:
        solution_records.record_rise(
            study, "sam_batch", L.replace(bn="batch"), rho, arm=arm, seed=seed
        )
batch_pair = ["BN, batch", "no BN"]
sharper_batch = {
    "lambda_max": claims.above(
        "λ_max under batch statistics, BN / no BN",
        study.ratio("survey_lambda_max", batch_pair),
        converged=study.converged("survey_lambda_max", batch_pair),
    ),
    "sam": findings.ratio(study, "sam_batch", pair, "SAM rise under batch statistics"),
}
sharper_raw = [sharper["lambda_max"], sharper["sam"]]
sharpness_verdicts = [
    claims.robust(
        claim[id], [sharper[name]], [sharper_batch[name], sharper_equal[name], sharper[relative]]
    )
    for id, name, relative in (
        ("S1.2", "lambda_max", "lambda_max_relative"),
        ("S1.3", "sam", "sam_adaptive"),
    )
]
checks = [accurate_at_equal_loss, *sharper_equal.values(), *sharper_batch.values()]
sharpness_verdicts.append(claims.robust(claim["S1.4"], [more_accurate, *sharper_raw], checks))
verdicts += sharpness_verdicts
sam_rises = [study.values(name, "BN") for name in ("sam", "sam_batch")]
batch_rise_ratios = study.ratios("sam_batch", pair)
display.show(
    *map(VerdictBox, sharpness_verdicts),
    display.Sentence(
        "At one and the same solution with BN, the rise in eval mode is "
        f"{formatting.interval_text(intervals.paired_ratio(*sam_rises))} times that under batch "
        f"statistics. The latter is, in single seeds, between {min(batch_rise_ratios):.3g} and "
        f"{max(batch_rise_ratios):.3g} times that without BN. S1.4 takes the higher test accuracy "
        f"for better generalisation; the other reading is the gap: {loss_gap.text}."
    ),
)

# %% [markdown]
# ## What rescaling does to the raw measures
#
# Multiply weights and bias of the first convolution by $a$. With BN behind it, the normalisation
# divides $a$ out; without, the next layer takes $1/a$, which ReLU and pooling let through. Either
# way the network computes the same function (Dinh 2017), and $\lambda_{\max}$ of $H$ moves, because
# second derivatives in that layer are divided by $a^2$, and without BN those in the next multiplied
# by it. [The figure](#fig-twins) shows by how much.

# %%
record_twins(
    study,
    networks,
    curvature_set,
    layer="0",
    factors=twin_factors,
    rho=rho,
    rho_adaptive=rho_adaptive,
    seed=seeds[0],
)

# %%
twin_headings = {f"twin_{name}": title for name, title in sharpness_headings.items()}
captioned.curves(
    builders.recorded_panels(study, twin_headings, pair, "factor a", twin_factors),
    label="fig-twins",
    caption="The four measures on the first seed's networks, the first layer scaled by a. "
    "Upper row: the raw measures. Lower row: those that no rescaling changes.",
    alt="Four panels over the factor, each with and without batch normalisation: raw eigenvalue, "
    "raw sharpness, relative eigenvalue, adaptive sharpness.",
)

# %%
loss_change = max(max(study.values("twin_loss_change", arm)) for arm in pair)
twin_values = {
    name: {arm: study.values(f"twin_{name}", arm) for arm in pair} for name in sharpness_headings
}
spreads = {
    name: max(max(values) / min(values) for values in arm_values.values())
    for name, arm_values in twin_values.items()
}
with_bn, without_bn = (twin_values["lambda_max"][arm] for arm in pair)
can_or_cannot = (
    "can" if min(with_bn) < max(without_bn) and min(without_bn) < max(with_bn) else "cannot"
)
display.Sentence(
    f"Over these factors the loss changes by at most {loss_change:.1e} nats. At most, λ_max of an "
    f"arm changes by a factor of {spreads['lambda_max']:.3g}, its SAM rise of "
    f"{spreads['sam']:.3g}, its relative λ_max of {spreads['lambda_max_relative']:.4f} and its "
    f"adaptive rise of {spreads['sam_adaptive']:.4f}. Choosing these scales {can_or_cannot} put "
    "either arm ahead in λ_max; at that of these factors which makes it least, BN has "
    f"{min(with_bn) / min(without_bn):.3g} times that of the other. Free of scale we measure "
    f"{sharper['lambda_max_relative'].text}, and {sharper['sam_adaptive'].text}."
)

# %% [markdown]
# ## Lines and planes
#
# Each network is cut along random Gaussian directions, filter by filter scaled to the network's own
# norms (Li 2018; biases and norm layers stay). A position of 1 is a displacement as long as the
# filters themselves, so the arms share one scale in [the figure of lines](#fig-lines). Running
# statistics are wrong where the weights are others, so that with BN in eval mode a line shows that
# too; under batch statistics it does not: [the rise](#tab-rises) tells the two apart. [The
# spread](#fig-spread) over directions is that of one solution, and planes are in eval mode.

# %%
mode_objectives = {
    (name, seed): objectives[arm, seed].replace(bn=bn)
    for (name, (arm, bn)), seed in itertools.product(hessians.items(), seeds)
    if objectives[arm, seed] is not None
}
lines = slices.record_lines(study, mode_objectives, points=line_points, count=line_directions)
captioned.curves(
    builders.line_panels(lines),
    label="fig-lines",
    caption=f"Lines through the solutions along filter-normalised directions: mean over "
    f"{line_directions} directions for each seed (thin), then over seeds with 95% interval.",
    alt="Two panels over the position from minus one to one: training loss on a logarithmic axis "
    "and training accuracy, each with batch normalisation in both modes and without.",
)

# %%
rise_headings = slices.record_rises(study, lines, [0.1, 0.5, 1.0])
comparisons.comparison_table(
    study,
    rise_headings,
    list(hessians),
    label="tab-rises",
    caption="Rise of the training loss at both ends of a line, relative to filter norms, mean over "
    "directions: mean over seeds ± half-width of the 95% interval, and paired ratios to the "
    "networks without BN.",
)

# %%
captioned.curves(
    builders.line_spread_panels({name: lines[name, seeds[0]] for name in hessians}),
    label="fig-spread",
    caption=f"The {line_directions} directions of the first seed's solutions one by one (thin): "
    "their median, and as a band the middle 80% of them. It is no interval for a mean.",
    alt="Two panels over the position from minus one to one: the spread of training loss and "
    "training accuracy over random directions, with batch normalisation in both modes and without.",
)

# %% [markdown]
# A plane shows more, of one solution each: [along two random directions](#fig-planes), and
# [along the two sharpest eigenvectors](#fig-top), where a unit is one unit of the parameters.
# Dashed contours are what gradient and Hessian at the centre predict, $L + g\cdot p + p^\top Hp/2$;
# beyond the circle that prediction is off by more than a tenth of the largest rise so far.
# [The surfaces](#fig-surface) are the first of these pictures again.

# %%
first_objectives = {arm: objectives[arm, seeds[0]] for arm in pair}
planes, predictions = slices.record_random_planes(
    study, first_objectives, points=plane_points, seed=seeds[0]
)
captioned.planes(
    planes,
    predictions=predictions,
    levels=plots.levels(list(planes.values())),
    label="fig-planes",
    caption="Training loss on a filter-normalised plane through the first seed's solutions "
    "(cross), in eval mode, with running statistics that are wrong away from it, on shared levels; "
    "dashed: the quadratic prediction, which holds inside the circle where one is large enough to "
    "be seen.",
    alt="Two contour plots side by side, with and without batch normalisation: training loss "
    "around the solution, and the quadratic prediction.",
)

# %%
top_planes, top_predictions = slices.record_top_planes(
    study, first_objectives, points=plane_points, reach=top_reach, seed=seeds[0]
)
captioned.planes(
    top_planes,
    predictions=top_predictions,
    levels=plots.levels(list(top_planes.values())),
    xlabel="along the first eigenvector",
    ylabel="along the second",
    label="fig-top",
    caption="The same along the two eigenvectors with the largest eigenvalues, in units of the "
    "parameters.",
    alt="Two contour plots side by side, with and without batch normalisation: training loss "
    "along the two sharpest eigenvectors, and the quadratic prediction.",
)

# %%
captioned.surface(
    planes,
    label="fig-surface",
    caption="The random planes as surfaces, in eval mode, α and β relative to filter norms.",
    alt="Two surfaces with one vertical scale, with and without batch normalisation: training "
    "loss around the solution.",
)

# %%
display.Sentence(
    "Prediction and loss part, along random directions, "
    f"{measurements.quadratic_limits(predictions, 'filter norms')}; along the sharpest "
    f"eigenvectors, {measurements.quadratic_limits(top_predictions, 'units')}."
)

# %% [markdown]
# ## The straight path between two solutions
#
# Weights between two solutions need statistics. *Frozen* interpolates the running statistics like
# the weights, which is what averaging two state dicts does. *Batch* normalises by the examples' own
# statistics. *Reestimate* recomputes the running statistics on training examples at each point;
# on training examples these are nearly those of the batch, so that the two are one check rather
# than two. Pairs are disjoint, so that they are independent samples. Networks without BN need no
# policy; their path is the control.

# %%
example_sets = {split: task.first(path_examples, split=split) for split in ("train", "test")}
solutions = {seed: runs["BN", seed].model() for seed in seeds}
paths = record_straight_paths(study, solutions, example_sets, points=path_points, arm="BN")
control_paths = record_straight_paths(
    study,
    {seed: runs["no BN", seed].model() for seed in seeds},
    {"train": example_sets["train"]},
    points=path_points,
    arm="no BN",
    policies=["frozen"],
)

# %%
captioned.curves(
    builders.path_panels({**paths, ("train", "no BN"): control_paths["train", "frozen"]}),
    label="fig-paths",
    caption=f"The straight path between two solutions with BN under three policies, and without BN "
    f"on training examples: mean over {len(seeds) // 2} disjoint pairs of seeds with 95% interval, "
    "each pair as a thin line.",
    alt="Four panels over the position on the path: loss and accuracy on training and test "
    "examples, curves for frozen, batch and re-estimated statistics, and for networks without BN.",
)

# %%
barriers = [
    findings.barrier(
        paths["train", bn],
        bn,
        threshold=2.0,
        converged=study.converged(f"error_barrier_train_{bn}", ["BN"]),
    )
    for bn in ("frozen", "batch", "reestimate")
]
verdicts.append(claims.robust(claim["S1.5"], barriers[:1], barriers[1:]))
VerdictBox(verdicts[-1])

# %%
control_barrier = findings.barrier(
    control_paths["train", "frozen"],
    "no BN",
    threshold=2.0,
    converged=study.converged("error_barrier_train_frozen", ["no BN"]),
)
barrier_heights = {bn: study.values(f"barrier_train_{bn}", "BN") for bn in ("frozen", "batch")}
height_ratios = {
    bn: intervals.paired_ratio(heights, study.values("barrier_train_frozen", "no BN"))
    for bn, heights in barrier_heights.items()
}
display.show(
    comparisons.barrier_table(
        {**paths, ("train", "no BN"): control_paths["train", "frozen"]}, label="tab-barriers"
    ),
    display.Sentence(
        f"The control: {control_barrier.text}, {side_words[control_barrier.word]} the border. On "
        "training examples the loss barrier with BN is "
        f"{formatting.interval_text(height_ratios['frozen'])} times that without, under batch "
        f"statistics {formatting.interval_text(height_ratios['batch'])} times (n = "
        f"{height_ratios['batch'].n})."
    ),
)

# %% [markdown]
# ### Other paths: aligned, repaired, curved
#
# A barrier on the straight line may lie in the line, not between the solutions. Permuting the units
# of a network leaves its function: *aligned* takes the order of the second network's units that is
# closest to the first by weight matching (Ainsworth 2023). *Repaired* restores on that path the
# statistics of each unit to those of the ends (Jordan 2023). *Bezier* is a curve with one bend,
# trained on the training set between the solutions as they are (Garipov 2018). All have running
# statistics estimated anew at each point: [loss and accuracy](#fig-routes),
# [barriers](#tab-routes).

# %%
curve_config = connectivity.CurveConfig(
    epochs=curve_epochs, batch_size=batch_size, learning_rate=learning_rate, momentum=momentum
)
paths_by_kind = record_path_kinds(
    study,
    solutions,
    example_sets["train"],
    train=task.train,
    curve=curve_config,
    points=path_points,
)
captioned.curves(
    builders.path_kind_panels(paths_by_kind),
    label="fig-routes",
    caption="Four kinds of paths between the same pairs of solutions with BN, on training "
    "examples: mean over disjoint pairs of seeds with 95% interval, each pair as a thin line.",
    alt="Two panels over the position on the path: loss and accuracy of the straight, aligned, "
    "repaired and curved path.",
)

# %%
kind_barriers = [
    findings.barrier(
        kind_paths, kind, threshold=2.0, converged=study.converged("route_error_barrier", [kind])
    )
    for kind, kind_paths in paths_by_kind.items()
]
barriers_text = "; ".join(
    f"{barrier.text}, {side_words[barrier.word]} the border" for barrier in kind_barriers
)
barrier_shares = {
    kind: study.ratio("route_barrier", [kind, "straight"]) for kind in list(paths_by_kind)[1:]
}
remaining_texts = [
    f"the {kind} path keeps {formatting.interval_text(share)}"
    for kind, share in barrier_shares.items()
]
display.show(
    comparisons.path_kind_table(paths_by_kind, label="tab-routes"),
    display.Sentence(f"Against the border of 2 percentage points: {barriers_text}."),
    display.Sentence(
        f"Of the loss barrier of the straight path, {formatting.list_text(remaining_texts)}. S1.5 "
        "is judged by that path alone. Whether two solutions lie in distinct basins, as its source "
        "concludes, is what the others bear on."
    ),
)

# %% [markdown]
# ## What was shown

# %%
files = study.write("Batch normalisation", verdicts, [task])
closing(study, verdicts)

# %% [markdown]
# ## Limits
#
# One architecture, one data set, one optimizer with one step size and no decay of it: sharpness
# may follow the step size, and another one order the arms differently. Under batch statistics
# sharpness is compared at the end of training alone, where the arms have trained unequally far. The
# intervals are over seeds, for one set of examples and one test set. The rules of S1.1 to S1.4
# asked for eval mode and the end of training alone at first; all their checks were added, and
# changed once more, after readings that knew the first results. Quadrature cannot tell an
# eigenvalue of zero from a tiny one. SAM's step is taken on all examples at once; the gradient of
# one mini-batch gives another rise, which is not measured. The one-step rise is a lower bound, and
# for the most part the slope at the last step of a constant rate, which moves from step to step.
# Many checks at 95% each err towards *artefact* where one contradicts by chance, and towards
# *inconclusive* where one does not decide.
# Alignment finds a local optimum of one criterion, and a curve depends on how it is trained: a
# barrier that they leave may still be avoidable; a curve trains for epochs that its ends did not
# have, on the examples that it is shown on. The figures of one seed (examples, twins, spread,
# planes) illustrate and decide nothing. The intervals over few pairs assume roughly normal values
# and are wide. The source gives no architecture, step size or estimator, so its numbers are
# compared in direction, not in size.
