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
# **What will be shown.** What BN changes in accuracy, curvature and sharpness, and what of it is
# left under batch statistics, at equal training loss, and in measures that no rescaling changes.

# %%
from landscape import connectivity, models, plots, training
from studies import Arm, Study, arms, display, figures, formatting, intervals, tables
from studies.records import equal_loss

# %% tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
remeasure = ""  # stale: measure again what older code measured
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
# ## Training
#
# Both arms share architecture, initial weights, order of batches and step size; the normalisation
# and its parameters alone differ. Losses are measured in eval mode over all examples after each
# epoch, and once before the first: [the curves](#fig-training). Before training, BN in eval mode
# does nothing, having no statistics yet: both arms begin at one loss.

# %%
study = Study("01_bn_ablation", vars())
task = study.load(dataset, max_train=max_train)
base = training.TrainConfig(
    model=models.CNN(channels=tuple(channels), hidden=hidden),
    optimizer=training.SGD(learning_rate, momentum=momentum),
    epochs=epochs,
    batch_size=batch_size,
)
pair = [Arm("BN", norm="batch"), Arm("no BN", norm="none")]
configs = arms.variants(base, {arm: arm.factors for arm in pair})
runs = study.train(configs, task, seeds=seeds, workers=workers)
figures.training(
    runs,
    label="fig-training",
    caption="Training with and without BN: mean over seeds, 95% interval as a band, each seed as a "
    "thin line. Losses in eval mode over all examples; epoch 0 is the initialisation.",
    alt="Four panels over epochs, each with and without batch normalisation: training loss, test "
    "loss, test error, and norm of the mini-batch gradients, all on logarithmic axes.",
)

# %%
sizes = formatting.list_text([f"{runs.sizes[arm]:,} with {arm}" for arm in pair])
display.Sentence(
    f"Convolutions with {formatting.setting_text(channels)} channels and {hidden} hidden units; "
    f"parameters: {sizes}. SGD with a learning rate of {learning_rate:g}, momentum {momentum:g} "
    f"and batches of {batch_size}; {epochs} epochs."
)

# %% [markdown]
# The source shows curves and names no measure of steadiness. Step noise is ours: how far the
# mini-batch loss jumps from step to step, after the first epoch, which is all descent. Jumps are
# larger where the loss is larger. So step noise is also compared at equal mini-batch loss: in each
# arm over the first stretch, as long as an epoch, whose mean is as low as the worse arm's in its
# last epoch.

# %%
trained = study.step_noise(runs) | study.measurements.where(at="end")
noise_ratios = trained.ratios("step_noise_matched", pair)
steps = len(seeds) * (epochs - 1)
falls = [
    f"{sum(int((run.history['test_accuracy'][1:].diff() < 0).sum()) for run in arm_runs)} of "
    f"{steps} with {arm}"
    for arm, arm_runs in runs.grouped().items()
]
display.show(
    tables.divergence(runs, label="tab-divergence"),
    display.Sentence(
        "On test examples BN is ahead by "
        f"{formatting.interval_text(trained.difference('test_accuracy', pair, factor=100))} "
        "percentage points. With BN over without: "
        f"{tables.ratio_words(trained, ['step_noise', 'step_noise_matched', 'loss_gap'], pair)}. "
        f"At equal loss the ratios of step noise go from {min(noise_ratios):.4g} to "
        f"{max(noise_ratios):.4g} in single seeds. Times that test accuracy falls from the end of "
        f"one epoch to the end of the next: {formatting.list_text(falls)}."
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
examples = task.first(curvature_examples)
equals = study.at_equal_loss(runs, examples, bn_block=batch_size)
splits = ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]
surroundings = ["loss", "lambda_max", "sam", "gradient_norm", "rounding"]
at_equal_loss = study.measure(equals, splits + surroundings, rho=rho)
tables.comparison(
    at_equal_loss,
    ["train_loss", "loss", "test_loss", "test_accuracy", "lambda_max", "sam"],
    pair,
    label="tab-equal",
    caption="At equal training loss: mean over seeds ± half-width of the 95% interval, and paired "
    f"ratio, in eval mode. Loss, λ_max and rise are those of the first {examples.count} examples.",
)

# %%
slopes, rises = ([at_equal_loss.values(q, a) for a in pair] for q in ("gradient_norm", "sam"))
slope_shares = [
    rho * intervals.mean_interval([g / r for g, r in zip(*arm, strict=True)]).estimate
    for arm in zip(slopes, rises, strict=True)
]
more_accurate = at_equal_loss.difference("test_accuracy", pair, factor=100)
display.Sentence(
    "Where both have trained equally far, to losses that differ within a seed by a factor of at "
    f"most {equal_loss.largest_ratio(at_equal_loss, 'train_loss', pair):.3g}, BN is ahead on test "
    f"examples by {formatting.interval_text(more_accurate)} percentage points. Of the SAM rise, ρ "
    f"times the norm of the gradient makes {slope_shares[0]:.2f} with BN and {slope_shares[1]:.2f} "
    "without."
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
# adaptive step, whose length is relative to each parameter (Kwon 2021). [The
# figure](#fig-sharpness) shows them seed by seed, [the table](#tab-measures) beside losses and
# accuracy.

# %%
ends = runs.solutions(examples, bn_block=batch_size)
sharpness = ["lambda_max", "sam", "lambda_max_relative", "sam_adaptive"]
others = ["lambda_min", "kappa", "gradient_norm", "loss", "rounding"]
radii = {"rho": rho, "rho_adaptive": rho_adaptive}
at_end = study.measure(ends, sharpness + others, **radii)
figures.pairs(
    at_end,
    sharpness,
    pair,
    label="fig-sharpness",
    caption="Four measures of sharpness, a point a seed, thin lines joining the arms of one seed; "
    "open markers are means with 95% intervals. The two on the left depend on how layers are "
    f"scaled; the two on the right do not. ρ = {rho}, adaptive {rho_adaptive}.",
    alt="Four panels comparing the arms with and without batch normalisation: largest Hessian "
    "eigenvalue, one-step sharpness, and the scale-invariant version of each.",
)

# %%
ended = ["test_accuracy", "test_loss", "train_loss", "loss_gap", "step_noise", "step_noise_matched"]
tables.comparison(
    trained | at_end,
    [*ended, "lambda_min", *sharpness],
    pair,
    label="tab-measures",
    caption="Mean over seeds ± half-width of the 95% interval, and the paired ratio with its "
    "interval. Losses and rises in nats, eigenvalues in nats per squared unit of the parameters "
    "(relative: per squared filter norm).",
)

# %% [markdown]
# ### Does the number of examples matter?
#
# The Hessian above is that of a subset of the training set. [The figure](#fig-examples) shows
# $\lambda_{\max}$ of the first seed's two networks on subsets of several sizes.

# %%
first_ends = ends.where(seed=seeds[0])
for size in check_examples:
    subset = first_ends.replace(examples=task.first(size)).labelled(subset=size)
    study.measure(subset, ["lambda_max"])
by_size = study.measurements.where(subset=check_examples)
figures.against(
    by_size,
    ["lambda_max"],
    "subset",
    x="training examples",
    label="fig-examples",
    caption="The top eigenvalue of the first seed's networks against the number of training "
    "examples that it is measured on, in eval mode.",
    alt="One curve for each arm: largest Hessian eigenvalue over the number of examples.",
)

# %%
size_ratios = by_size.ratios("lambda_max", pair)
on_sizes = [f"{r:.3g} on {size}" for r, size in zip(size_ratios, check_examples, strict=True)]
display.Sentence(
    f"λ_max with BN over that without, of this seed: {formatting.list_text(on_sizes)} examples. It "
    f"moves with them by a factor of {max(size_ratios) / min(size_ratios):.3g}, which no interval "
    "over seeds has."
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
hessians = (
    ends.renamed({"BN, eval": "BN"})
    | ends.replace(bn="batch").renamed({"BN, batch": "BN"})
    | ends.where(arm="no BN")
)
surveyed = hessians.where(seed=survey_seeds)
spectra = study.spectra(surveyed, outliers=outliers, probes=density_probes, steps=density_steps)
traces = study.measure(surveyed, ["trace", "mean_eigenvalue"])
figures.spectra(
    spectra.grouped("arm"),
    label="fig-density",
    caption="Density of the eigenvalues, symmetric logarithmic axis: mean over seeds, each as a "
    f"thin line. Ticks below: the {outliers} largest and {outliers} smallest eigenvalues, a row "
    "for each seed.",
    alt="Three densities below each other, with ticks for the eigenvalues at both ends: BN in eval "
    "mode, BN under batch statistics, no BN.",
)

# %%
whole = study.measurements.where(estimator="whole spectrum") | traces
tables.comparison(
    whole,
    ["lambda_max", "lambda_kth", "lambda_min", "trace", "kappa", "negative_mass"],
    hessians.arms,
    label="tab-spectrum",
    caption="The three Hessians: mean over seeds ± half-width of the 95% interval, and paired "
    f"ratios to the networks without BN; k = {outliers}. Eigenvalues and trace in nats per squared "
    "unit of the parameters; negative mass is the share of eigenvalues below −δ, with δ a "
    "thousandth of each Hessian's own largest eigenvalue.",
)

# %%
shares = [intervals.mean_interval(whole.values("negative_mass", h)).estimate for h in hessians.arms]
eval_over_batch = whole.ratio("lambda_max", hessians.arms[:2])
display.Sentence(
    f"The share below −δ is known to ±{whole.largest_error('negative_mass'):.2g} in one network, "
    "which intervals over seeds do not hold; the means of the three Hessians go from "
    f"{min(shares):.3g} to {max(shares):.3g}. At one and the same solution, λ_max in eval mode is "
    f"{formatting.interval_text(eval_over_batch)} times that under batch statistics."
)

# %% [markdown]
# SAM's step under batch statistics goes along the gradient that the statistics are part of, to the
# loss with the statistics of that point, as in training.

# %%
in_batches = study.measure(ends.replace(bn="batch"), ["sam", "gradient_norm", "loss"], rho=rho)
two_modes = at_end | in_batches.qualified("batch statistics")
eval_rises, batch_rises = (two_modes.values(q, "BN") for q in ("sam", "sam, batch statistics"))
rise_ratios = in_batches.ratios("sam", pair)
display.show(
    display.Sentence(
        "With BN over without, in eval mode: "
        f"{tables.ratio_words(at_end, sharpness, pair)}; at equal training loss: "
        f"{tables.ratio_words(at_equal_loss, sharpness[:2], pair)}; under batch statistics: "
        f"{tables.ratio_words(in_batches, ['sam'], pair)}, "
        f"{tables.ratio_words(whole, ['lambda_max'], hessians.arms[1:])}."
    ),
    display.Sentence(
        "At one and the same solution with BN, the rise in eval mode is "
        f"{formatting.ratio_text(eval_rises, batch_rises)} times that under batch statistics. The "
        f"latter is, in single seeds, between {min(rise_ratios):.3g} and {max(rise_ratios):.3g} "
        "times that without BN."
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
for factor in twin_factors:
    twin_ends = first_ends.rescaled("0", factor)
    study.measure(twin_ends, [*sharpness, "loss_change", "rounding"], **radii)
twins = study.measurements.where(factor=twin_factors)
figures.against(
    twins,
    sharpness,
    "factor",
    x="factor a",
    label="fig-twins",
    caption="The four measures on the first seed's networks, the first layer scaled by a. "
    "Upper row: the raw measures. Lower row: those that no rescaling changes.",
    alt="Four panels over the factor, each with and without batch normalisation: raw eigenvalue, "
    "raw sharpness, relative eigenvalue, adaptive sharpness.",
)

# %%
spreads = [
    max(max(values) / min(values) for values in (twins.values(q, a) for a in pair))
    for q in sharpness
]
with_bn, without = (twins.values("lambda_max", arm) for arm in pair)
overlap = min(with_bn) < max(without) and min(without) < max(with_bn)
loss_change = max(max(twins.values("loss_change", arm)) for arm in pair)
display.Sentence(
    f"Over these factors the loss changes by at most {loss_change:.1e} nats. At most, λ_max of an "
    f"arm changes by a factor of {spreads[0]:.3g}, its SAM rise of {spreads[1]:.3g}, its relative "
    f"λ_max of {spreads[2]:.4f} and its adaptive rise of {spreads[3]:.4f}. Choosing these scales "
    f"{'can' if overlap else 'cannot'} put either arm ahead in λ_max; at that of these factors "
    f"which makes it least, BN has {min(with_bn) / min(without):.3g} times that of the other."
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
lines = study.lines(hessians, points=line_points, count=line_directions)
figures.lines(
    lines,
    label="fig-lines",
    caption=f"Lines through the solutions along filter-normalised directions: mean over "
    f"{line_directions} directions for each seed (thin), then over seeds with 95% interval.",
    alt="Two panels over the position from minus one to one: training loss on a logarithmic axis "
    "and training accuracy, each with batch normalisation in both modes and without.",
)

# %%
line_rises = study.rises(lines, [0.1, 0.5, 1.0])
distances = dict.fromkeys(line_rises.frame["distance"])
rises_table, *further = (line_rises.where(distance=d).qualified(f"at {d:.2g}") for d in distances)
for at_distance in further:
    rises_table |= at_distance
tables.comparison(
    rises_table,
    rises_table.quantities,
    hessians.arms,
    label="tab-rises",
    caption="Rise of the training loss at both ends of a line, relative to filter norms, mean over "
    "directions: mean over seeds ± half-width of the 95% interval, and paired ratios to the "
    "networks without BN.",
)

# %%
figures.line_spread(
    {arm: cut for (arm, _), cut in lines.where(seed=seeds[0]).items()},
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
planes = study.random_planes(first_ends, points=plane_points)
named_planes = {arm: plane for (arm, _), plane in planes.items()}
prediction = "dashed: the prediction" if planes.models else "the record lacks the prediction"
figures.planes(
    named_planes,
    predictions={arm: model for (arm, _), model in planes.models.items()},
    levels=plots.levels(list(named_planes.values())),
    label="fig-planes",
    caption="Training loss on a filter-normalised plane through the first seed's solutions "
    "(cross), in eval mode, with running statistics that are wrong away from it, on shared levels; "
    f"{prediction}.",
    alt="Two contour plots side by side, with and without batch normalisation: training loss "
    "around the solution, and the quadratic prediction.",
)

# %%
top_planes = study.top_planes(first_ends, points=plane_points, reach=top_reach)
named_top_planes = {arm: plane for (arm, _), plane in top_planes.items()}
figures.planes(
    named_top_planes,
    predictions={arm: model for (arm, _), model in top_planes.models.items()},
    levels=plots.levels(list(named_top_planes.values())),
    xlabel="along the first eigenvector",
    ylabel="along the second",
    label="fig-top",
    caption="The same along the two eigenvectors with the largest eigenvalues, in units of the "
    "parameters.",
    alt="Two contour plots side by side, with and without batch normalisation: training loss "
    "along the two sharpest eigenvectors, and the quadratic prediction.",
)

# %%
figures.surface(
    named_planes,
    label="fig-surface",
    caption="The random planes as surfaces, in eval mode, α and β relative to filter norms.",
    alt="Two surfaces with one vertical scale, with and without batch normalisation: training "
    "loss around the solution.",
)

# %% [markdown]
# How far from its centre the quadratic prediction holds on each plane, up to the points of the
# grid before it parts:

# %%
random_radii = study.quadratic_radii(planes).qualified("random directions, in filter norms")
top_radii = study.quadratic_radii(top_planes).qualified("eigenvectors, in units")
tables.arms(
    random_radii | top_radii,
    [*random_radii.quantities, *top_radii.quantities],
    pair,
    label="tab-radii",
    caption="Radius within which the quadratic prediction is off by less than a tenth of the "
    "largest rise so far, first seed.",
)

# %% [markdown]
# ## The straight path between two solutions
#
# Weights between two solutions need statistics. *Frozen* interpolates the running statistics like
# the weights, which is what averaging two state dicts does. *Batch* normalises by the examples' own
# statistics. *Reestimate* recomputes the running statistics on training examples at each point;
# on training examples these are nearly those of the batch, so that the two are one check rather
# than two. Pairs are disjoint, so that they are independent samples. Networks without BN need no
# policy; their path is the control: [loss and accuracy](#fig-paths), [barriers](#tab-barriers).

# %%
joined = runs.solutions(task.first(path_examples))
bn_ends, control_ends = (joined.where(arm=arm) for arm in pair)
bn_paths = study.paths(bn_ends, points=path_points, splits=["train", "test"])
control_paths = study.paths(control_ends, points=path_points, policies=["frozen"])
paths = bn_paths.grouped("split", "bn") | {("train", "no BN"): list(control_paths.values())}
figures.paths(
    paths,
    label="fig-paths",
    caption=f"The straight path between two solutions with BN under three policies, and without BN "
    f"on training examples: mean over {len(seeds) // 2} disjoint pairs of seeds with 95% interval, "
    "each pair as a thin line.",
    alt="Four panels over the position on the path: loss and accuracy on training and test "
    "examples, curves for frozen, batch and re-estimated statistics, and for networks without BN.",
)

# %%
heights = {
    policy: [path.barrier for path in paths["train", policy]]
    for policy in ("frozen", "batch", "no BN")
}
display.show(
    tables.barriers(paths, label="tab-barriers"),
    display.Sentence(
        "On training examples the loss barrier with BN is "
        f"{formatting.ratio_text(heights['frozen'], heights['no BN'])} times that without, under "
        f"batch statistics {formatting.ratio_text(heights['batch'], heights['no BN'])} times (n = "
        f"{len(heights['batch'])})."
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
curve = connectivity.CurveConfig(
    epochs=curve_epochs, batch_size=batch_size, learning_rate=learning_rate, momentum=momentum
)
kinds = study.paths(
    bn_ends,
    points=path_points,
    kinds=["straight", "aligned", "repaired"],
    policies=["reestimate"],
    curve=curve,
).grouped("path")
figures.path_kinds(
    kinds,
    label="fig-routes",
    caption="Four kinds of paths between the same pairs of solutions with BN, on training "
    "examples: mean over disjoint pairs of seeds with 95% interval, each pair as a thin line.",
    alt="Two panels over the position on the path: loss and accuracy of the straight, aligned, "
    "repaired and curved path.",
)

# %%
kind_heights = {kind: [path.barrier for path in of_kind] for kind, of_kind in kinds.items()}
remaining = [
    f"the {kind} path keeps {formatting.ratio_text(of_kind, kind_heights['straight'])}"
    for kind, of_kind in kind_heights.items()
    if kind != "straight"
]
display.show(
    tables.path_kinds(kinds, label="tab-routes"),
    display.Sentence(
        f"Of the loss barrier of the straight path, {formatting.list_text(remaining)}. Whether two "
        "solutions lie in distinct basins, as the source concludes, is what these paths bear on."
    ),
)

# %% [markdown]
# ## What was shown

# %%
study.close("Batch normalisation")
tables.closing(study, evidence=study.evidence)

# %% [markdown]
# ## Limits
#
# One architecture, one data set, one optimizer with one step size and no decay of it: sharpness
# may follow the step size, and another one order the arms differently. Under batch statistics
# sharpness is compared at the end of training alone, where the arms have trained unequally far. The
# intervals are over seeds, for one set of examples and one test set. Quadrature cannot tell an
# eigenvalue of zero from a tiny one. SAM's step is taken on all examples at once; the gradient of
# one mini-batch gives another rise, which is not measured. The one-step rise is a lower bound, and
# for the most part the slope at the last step of a constant rate, which moves from step to step.
# Alignment finds a local optimum of one criterion, and a curve depends on how it is trained: a
# barrier that they leave may still be avoidable; a curve trains for epochs that its ends did not
# have, on the examples that it is shown on. The figures of one seed (examples, twins, spread,
# planes) illustrate and decide nothing. The intervals over few pairs assume roughly normal values
# and are wide. The source gives no architecture, step size or estimator, so its numbers are
# compared in direction, not in size.
