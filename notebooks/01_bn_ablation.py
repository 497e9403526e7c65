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
from landscape import connectivity, models, training
from studies import Arm, Study, arms, display, figures, tables

# %% tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
remeasure = ""  # stale: measure again what older code measured
dataset = "digits"
max_train = 60000  # training examples to use at most
seeds = [0, 1, 2, 3]  # both arms are trained with each; neighbours form the pairs of the path
workers = 1  # processes that train side by side
channels, hidden = [16, 32], 64
epochs = 30
batch_size = 128
learning_rate, momentum = 0.01, 0.9
rho = 0.05  # radius of SAM's step
rho_adaptive = 0.5  # radius of the adaptive step, relative to |theta|
curvature_examples = 1024  # first training examples: curvature, sharpness, lines, planes
check_examples = [256, 512, 1437]  # does that number matter?
survey_seeds = [0, 1, 2, 3]  # those of the seeds whose whole spectrum is measured
outliers = 10  # eigenvalues computed at each end, as many as classes
density_probes, density_steps = 2, 40
path_examples = 1437  # of the training and of the test set
line_directions, line_points = 5, 21
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
# epoch, and once before the first: [the curves](#fig-training) show means over seeds with 95%
# intervals as bands, and each seed as a thin line. Before training, BN in eval mode does nothing,
# having no statistics yet: both arms begin at one loss.

# %%
study = Study("01_bn_ablation", vars())
task = study.load(dataset, max_train=max_train)
network = models.CNN(channels=tuple(channels), hidden=hidden)
optimizer = training.SGD(learning_rate, momentum=momentum)
base = training.TrainConfig(network, optimizer, epochs=epochs, batch_size=batch_size)
pair = [Arm("BN", norm="batch"), Arm("no BN", norm="none")]
configs = arms.variants(base, {arm: arm.factors for arm in pair})
runs = study.train(configs, task, seeds=seeds, workers=workers)
figure = figures.training(
    runs,
    label="fig-training",
    caption="Training with and without BN; losses in eval mode, epoch 0 is the initialisation.",
)
display.show(figure, tables.setup(runs), tables.divergence(runs, label="tab-divergence"))

# %% [markdown]
# Which of the two is ahead, and which trains more steadily? The source shows curves and names no
# measure of steadiness. Step noise is ours: how far the mini-batch loss jumps from step to step,
# after the first epoch, which is all descent. Jumps are larger where the loss is larger. So step
# noise is also compared at equal mini-batch loss: in each arm over the first stretch, as long as an
# epoch, whose mean is as low as the worse arm's in its last epoch.

# %%
trained = study.step_noise(runs) | study.measurements.where(at="end")
display.show(
    tables.ahead(trained, pair, when="At the end of training"),
    tables.over(trained, ["step_noise", "step_noise_matched", "loss_gap"], pair),
    tables.single_ratios(trained, "step_noise_matched", pair),
    tables.falls(runs),
)

# %% [markdown]
# ### Does it generalise better, or train faster?
#
# Of two networks the one that has trained further is ahead on test examples too, and curvature of
# the cross-entropy may fall with the loss. So both are compared once more where their training
# losses are nearly the same: for each seed at the larger of the two final ones; of the other arm
# the network of the step at which the line between its measurements first gets there
# ([table](#tab-equal), in eval mode).

# %%
examples = task.first(curvature_examples)
equals = study.at_equal_loss(runs, examples, bn_block=batch_size)
splits = ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]
surroundings = ["loss", "lambda_max", "sam", "gradient_norm", "rounding"]
at_equal_loss = study.measure(equals, splits + surroundings, rho=rho)
table = tables.comparison(
    at_equal_loss,
    ["train_loss", "loss", "test_loss", "test_accuracy", "lambda_max", "sam"],
    label="tab-equal",
    caption="At equal training loss: mean ± half-width of the 95% interval over seeds, paired "
    f"ratio. Loss, λ_max and rise are those of the first {examples.count} examples.",
)
display.show(
    table,
    tables.equality(at_equal_loss, "train_loss", pair),
    tables.ahead(at_equal_loss, pair, when="At equal training loss"),
    tables.slope_shares(at_equal_loss, pair, rho=rho),
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
# gradient [@foret2021]: a lower bound of the worst rise within that radius.
#
# Beside each raw measure stands one that no rescaling of layers changes: the top eigenvalue of
# $DHD$, where $D$ holds the norm of each weight's filter (curvature for each *relative*
# displacement of a filter) and 0 for biases and norm layers, which the raw one counts, and the
# adaptive step, whose length is relative to each parameter [@kwon2021]. [The
# figure](#fig-sharpness) shows them seed by seed, the raw ones on the left, with means and 95%
# intervals as open markers, [the table](#tab-measures) beside losses and accuracy: losses and rises
# in nats, eigenvalues in nats per squared unit of the parameters (relative: per squared filter
# norm).

# %%
ends = runs.solutions(examples, bn_block=batch_size)
sharpness = ["lambda_max", "sam", "lambda_max_relative", "sam_adaptive"]
others = ["lambda_min", "kappa", "gradient_norm", "loss", "rounding"]
radii = {"rho": rho, "rho_adaptive": rho_adaptive}
at_end = study.measure(ends, sharpness + others, **radii)
figure = figures.pairs(
    at_end,
    sharpness,
    label="fig-sharpness",
    caption=f"Sharpness in eval mode, a line a seed; ρ = {rho}, adaptive {rho_adaptive}.",
    alt="Four panels, with and without BN: two measures of sharpness, each raw and relative.",
)
ended = ["test_accuracy", "test_loss", "train_loss", "loss_gap", "step_noise", "step_noise_matched"]
table = tables.comparison(
    trained | at_end,
    [*ended, "lambda_min", *sharpness],
    label="tab-measures",
    caption="Mean over seeds ± half-width of the 95% interval, and paired ratio.",
)
display.show(figure, table)

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
figure = figures.against(
    by_size,
    ["lambda_max"],
    "subset",
    x="training examples",
    label="fig-examples",
    caption="λ_max in eval mode by the number of training examples; first seed.",
)
display.show(figure, tables.ratios_along(by_size, "lambda_max", pair, "subset", unit="examples"))

# %% [markdown]
# ## The whole spectrum, in eval mode and under batch statistics
#
# With BN there are two Hessians at one solution. In eval mode the running statistics are constants;
# under batch statistics (of blocks as large as the mini-batches of training) they move with the
# weights, and their derivatives count [@ghorbani2019]. [The figure](#fig-density) shows the density
# of the eigenvalues of each, by stochastic Lanczos quadrature: mean over seeds, each as a thin
# line. The eigenvalues at both ends are computed one by one and drawn as ticks below, a row for
# each seed; those that converged are taken out of the density. Their residuals are then below
# $10^{-4}$ of the spectral range, under batch statistics, where float32 rounds more, below
# $10^{-3}$.

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
    caption=f"Density of the eigenvalues; ticks: the {outliers} largest and smallest of each.",
    alt="Three densities with ticks at both ends: BN in eval mode, under batch statistics, no BN.",
)

# %% [markdown]
# [The table](#tab-spectrum) has the trace, which is exact in eval mode (such a network is piecewise
# linear in each parameter, so $\operatorname{tr} H$ is that of the Gauss-Newton matrix) and
# estimated under batch statistics, and $\lambda_{\max}/|\lambda_{\min}|$: since
# $\lambda_{\min}<0$ it is no condition number, and says how much the Hessian curves up and down.
# Negative mass is the share of eigenvalues below $-\delta$, with $\delta$ a thousandth of each
# Hessian's own largest eigenvalue. SAM's step under batch statistics goes along the gradient that
# the statistics are part of, to the loss with the statistics of that point, as in training.
# Intervals over seeds do not hold the errors of single estimates, which the caption gives.

# %%
in_batches = study.measure(ends.replace(bn="batch"), ["sam", "gradient_norm", "loss"], rho=rho)
rises = at_end.where(quantity="sam").renamed({"BN, eval": "BN"})
rises |= in_batches.where(quantity="sam").renamed({"BN, batch": "BN", "no BN": "no BN"})
whole = study.measurements.where(estimator="whole spectrum") | traces | rises
table = tables.comparison(
    whole,
    ["lambda_max", "lambda_kth", "lambda_min", "trace", "kappa", "negative_mass", "sam"],
    hessians.arms,
    label="tab-spectrum",
    caption=f"Mean over seeds ± half-width of the 95% interval, and paired ratio; k = {outliers}.",
)
display.show(
    table,
    tables.over(whole, ["lambda_max", "sam"], hessians.arms[:2]),
    tables.single_ratios(whole, "sam", hessians.arms[1:]),
)

# %% [markdown]
# ## What rescaling does to the raw measures
#
# Multiply weights and bias of the first convolution by $a$. With BN behind it, the normalisation
# divides $a$ out; without, the next layer takes $1/a$, which ReLU and pooling let through. Either
# way the network computes the same function [@dinh2017], and $\lambda_{\max}$ of $H$ moves, because
# second derivatives in that layer are divided by $a^2$, and without BN those in the next multiplied
# by it. [The figure](#fig-twins) shows by how much: the raw measures in its upper row move, those
# in its lower row do not.

# %%
for factor in twin_factors:
    twin_ends = first_ends.rescaled("0", factor)
    study.measure(twin_ends, [*sharpness, "loss_change", "rounding"], **radii)
twins = study.measurements.where(factor=twin_factors)
figure = figures.against(
    twins,
    sharpness,
    "factor",
    x="factor a",
    label="fig-twins",
    caption="The four measures on the first seed's networks, the first layer scaled by a.",
)
display.show(figure, tables.rescaled(twins, sharpness, pair))

# %% [markdown]
# ## Lines and planes
#
# Each network is cut along random Gaussian directions, filter by filter scaled to the network's own
# norms [@li2018; biases and norm layers stay]. A position of 1 is a displacement as long as the
# filters themselves, so the arms share one scale in [the figure of lines](#fig-lines). Running
# statistics are wrong where the weights are others, so that with BN in eval mode a line shows that
# too; under batch statistics it does not: [the rise](#tab-rises) at both ends of a line, mean over
# directions, by the distance in filter norms, tells the two apart.

# %%
lines = study.lines(hessians, points=line_points, count=line_directions)
figure = figures.lines(
    lines,
    label="fig-lines",
    caption=f"Mean over {line_directions} directions, thin; then over seeds with 95% interval.",
)
line_rises = study.rises(lines, [0.1, 0.5, 1.0]).qualified("at {distance:.2g}")
table = tables.comparison(
    line_rises,
    line_rises.quantities,
    label="tab-rises",
    caption="Rise of the training loss: mean ± half-width of the 95% interval, and paired ratio.",
)
display.show(figure, table)

# %% [markdown]
# The intervals are those of means over directions. [The spread](#fig-spread) over single directions
# is that of one solution: their median, and as a band the middle 80% of them.

# %%
figures.line_spread(
    lines.where(seed=seeds[0]).titled,
    label="fig-spread",
    caption=f"The {line_directions} directions of the first seed one by one (thin).",
)

# %% [markdown]
# A plane shows more, of one solution each: [along two random directions](#fig-planes), and
# [along the two sharpest eigenvectors](#fig-top), where a unit is one unit of the parameters.
# Dashed contours are what gradient and Hessian at the centre predict, $L + g\cdot p + p^\top Hp/2$;
# beyond the circle that prediction is off by more than a tenth of the largest rise so far: [the
# radii](#tab-radii). Planes are in eval mode, with running statistics that are wrong away from the
# solution (cross). [The surfaces](#fig-surface) are the first of these pictures again.

# %%
planes = study.random_planes(first_ends, points=plane_points)
top_planes = study.top_planes(first_ends, points=plane_points, reach=top_reach)
random_figure = figures.predicted_planes(
    planes,
    unit="filter norms",
    label="fig-planes",
    caption="Training loss on a filter-normalised plane, first seed.",
)
top_figure = figures.predicted_planes(
    top_planes,
    unit="units of the parameters",
    xlabel="along the first eigenvector",
    ylabel="along the second",
    label="fig-top",
    caption="Training loss along the two eigenvectors with the largest eigenvalues.",
)
surface = figures.surface(
    planes.titled,
    label="fig-surface",
    caption="The random planes as surfaces, in eval mode, α and β relative to filter norms.",
    alt="Two surfaces, with and without batch normalisation: training loss around the solution.",
)
display.show(random_figure, top_figure, surface)

# %%
predicted = study.quadratic_radii(planes).qualified("random directions, in filter norms")
predicted |= study.quadratic_radii(top_planes).qualified("eigenvectors, in units")
tables.arms(
    predicted,
    predicted.quantities,
    label="tab-radii",
    caption="Radius, up to the points of the grid, within which the prediction holds; first seed.",
)

# %% [markdown]
# ## The straight path between two solutions
#
# Weights between two solutions need statistics. *Frozen* interpolates the running statistics like
# the weights, which is what averaging two state dicts does. *Batch* normalises by the examples' own
# statistics. *Reestimate* recomputes the running statistics on training examples at each point;
# on training examples these are nearly those of the batch, so that the two are one check rather
# than two. Pairs are disjoint, so that they are independent samples. Networks without BN need no
# policy; their path is the control, on training examples: [loss and accuracy](#fig-paths), with
# means over pairs, 95% intervals and each pair as a thin line, and [barriers](#tab-barriers).

# %%
joined = runs.solutions(task.first(path_examples))
bn_ends, control_ends = (joined.where(arm=arm) for arm in pair)
bn_paths = study.paths(bn_ends, points=path_points, splits=["train", "test"])
control_paths = study.paths(control_ends, points=path_points, policies=["frozen"])
paths = bn_paths.grouped("split", "bn") | {("train", "no BN"): list(control_paths.values())}
figure = figures.paths(
    paths,
    label="fig-paths",
    caption="The straight path between solutions with BN under three policies, and without BN.",
)
by_policy = {policy: paths["train", policy] for policy in ("frozen", "batch", "no BN")}
barriers = tables.barriers(paths, label="tab-barriers")
display.show(figure, barriers, tables.barrier_ratios(by_policy, "no BN"))

# %% [markdown]
# ### Other paths: aligned, repaired, curved
#
# A barrier on the straight line may lie in the line, not between the solutions. Permuting the units
# of a network leaves its function: *aligned* takes the order of the second network's units that is
# closest to the first by weight matching [@ainsworth2023]. *Repaired* restores on that path the
# statistics of each unit to those of the ends [@jordan2023]. *Bezier* is a curve with one bend,
# trained on the training set between the solutions as they are [@garipov2018]. All have running
# statistics estimated anew at each point, and are seen on training examples, between the same
# pairs: [loss and accuracy](#fig-routes), [barriers](#tab-routes). Whether two solutions lie in
# distinct basins, as the source concludes, is what these paths bear on.

# %%
curve = connectivity.CurveConfig(
    epochs=curve_epochs, batch_size=batch_size, learning_rate=learning_rate, momentum=momentum
)
through = {"kinds": ["straight", "aligned", "repaired"], "policies": ["reestimate"]}
kinds = study.paths(bn_ends, points=path_points, curve=curve, **through).grouped("path")
figure = figures.path_kinds(
    kinds,
    label="fig-routes",
    caption="Four kinds of paths with BN: mean over pairs with 95% interval, each pair thin.",
)
barriers = tables.path_kinds(kinds, label="tab-routes")
display.show(figure, barriers, tables.barrier_ratios(kinds, "straight"))

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
