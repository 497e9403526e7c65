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
# batches: once with batch normalisation (BN) [@ioffe2015] after each convolution, once without.
# Which network ends at the sharper solution? Which generalises better? And what lies between two
# solutions?
#
# **Measured.** Test accuracy, the Hessian's spectrum, the rise of the loss after an ascent step,
# and the loss along lines, on planes and on paths between solutions. Every comparison pairs the two
# networks of one seed; ± and brackets give 95% intervals over seeds.

# %% Imports
from landscape import connectivity, models, training
from studies import Arm, Study, arms, display, figures, formatting, tables

# %% Parameters tags=["parameters"]
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
# Both networks share architecture, initial weights, batches and learning rate. Only the
# normalisation and its parameters differ. We measure losses in eval mode after each epoch.

# %% Train both networks
study = Study("01_bn_ablation", vars())
task = study.load(dataset, max_train=max_train)
network = models.CNN(channels=tuple(channels), hidden=hidden)
optimizer = training.SGD(learning_rate, momentum=momentum)
base = training.TrainConfig(network, optimizer, epochs=epochs, batch_size=batch_size)
pair = [Arm("BN", norm="batch"), Arm("no BN", norm="none")]
configs = arms.variants(base, {arm: arm.factors for arm in pair})
runs = study.train(configs, task, seeds=seeds, workers=workers)
trained = study.step_noise(runs) | study.measurements.where(at="end")
figure = figures.training(
    runs,
    label="fig-training",
    caption=f"BN {tables.effects(trained, ['train_loss', 'test_accuracy'], pair)}. Loss, error and "
    "gradient norm by epoch: mean over seeds with 95% interval, each seed as a thin line. Losses "
    "are those of eval mode; at epoch 0 BN has no statistics yet and changes nothing.",
)
divergence = tables.divergence(runs, label="tab-divergence")
display.show(figure, divergence.at("detail"), tables.setup(runs).at("appendix"))

# %% [markdown]
# ### Does BN steady the training?
#
# The source claims steadier training and names no measure. We use step noise: the standard
# deviation of the mini-batch loss from one step to the next, free of its slow trend, after the
# first epoch. This noise grows with the loss. So we compare it again at equal loss: in each network
# over the first epoch-long window whose mean loss is as low as the worse network's final epoch.

# %% Compare the noise from step to step
steadier = display.Sentence(
    f"At the end of training BN {tables.effects(trained, ['step_noise'], pair)}; at equal loss it "
    f"{tables.effects(trained, {'step_noise_matched': 'the step noise'}, pair)}."
)
single = tables.single_ratios(trained, "step_noise_matched", pair)
display.show(steadier, single.at("detail"), tables.falls(runs).at("detail"))

# %% [markdown]
# ### Does BN generalise better, or only train faster?
#
# The network that has trained further is more accurate on test examples too, and its curvature may
# change with the loss. So we compare each pair again at equal training loss: at the larger of the
# two final losses. We take the network that gets there earlier at the step where its interpolated
# loss reaches that value.

# %% Compare both networks at equal training loss
examples = task.first(curvature_examples)
equals = study.at_equal_loss(runs, examples, bn_block=batch_size)
splits = ["train_loss", "train_accuracy", "test_loss", "test_accuracy"]
surroundings = ["loss", "lambda_max", "sam", "gradient_norm", "rounding"]
at_equal_loss = study.measure(equals, splits + surroundings, rho=rho)
compared = ["test_accuracy", "lambda_max", "sam"]
table = tables.comparison(
    at_equal_loss,
    ["train_loss", "loss", "test_loss", *compared],
    label="tab-equal",
    caption="At equal training loss, in eval mode, BN "
    f"{tables.effects(at_equal_loss, compared, pair)}. Mean over seeds with 95% interval, and "
    "ratio of the paired values. Loss, λ_max and SAM rise are measured on the first "
    f"{examples.count:,} training examples.",
    emphasise="BN / no BN",
)
equality = tables.equality(at_equal_loss, "train_loss", pair)
slopes = tables.slope_shares(at_equal_loss, pair, rho=rho)
display.show(table, equality.at("detail"), slopes.at("detail"))

# %% [markdown]
# ## Curvature and sharpness
#
# $\lambda_{\max}$ is the largest eigenvalue of the Hessian $H = \nabla^2 L(\theta)$, where $L$ is
# the mean cross-entropy over fixed training examples, with BN in eval mode. The SAM rise is the
# rise of this loss after one ascent step of length $\rho$ along the gradient [@foret2021].
#
# Rescaling a layer changes both numbers while the network computes the same function [@dinh2017].
# So each has a partner that no rescaling changes. The relative $\lambda_{\max}$ measures
# displacements in units of each filter's norm; the adaptive rise takes a step relative to the size
# of each parameter [@kwon2021].

# %% Measure curvature and sharpness at the end of training
ends = runs.solutions(examples, bn_block=batch_size)
sharpness = ["lambda_max", "sam", "lambda_max_relative", "sam_adaptive"]
others = ["lambda_min", "kappa", "gradient_norm", "loss", "rounding"]
radii = {"rho": rho, "rho_adaptive": rho_adaptive}
at_end = study.measure(ends, sharpness + others, **radii)
figure = figures.pairs(
    at_end,
    sharpness,
    label="fig-sharpness",
    caption=f"In eval mode BN {tables.effects(at_end, sharpness, pair)}. Left: the raw measures; "
    "right: their partners that no rescaling changes. Each line is a seed; open markers are means "
    f"with 95% intervals. Steps have ρ = {rho}, the adaptive ones {rho_adaptive}.",
    alt="Four panels, with and without BN: two measures of sharpness, each raw and relative.",
)
ended = ["test_accuracy", "test_loss", "train_loss", "loss_gap", "step_noise", "step_noise_matched"]
table = tables.comparison(
    trained | at_end,
    [*ended, "lambda_min", *sharpness],
    label="tab-measures",
    caption=f"BN {tables.effects(trained, ['test_loss', 'loss_gap'], pair)}. All measures "
    "at the end of training: mean over seeds with 95% interval, and ratio of the paired values.",
)
methods = display.Sentence(
    "**Eigenvalues.** Lanczos iterations run until the residual $\\lVert Hu-\\lambda u\\rVert$ of "
    "both ends is below $10^{-4}$ of the spectral range; under batch statistics, where float32 "
    "rounds more, below $10^{-3}$. A true eigenvalue lies within the residual of each number. "
    "Batch statistics belong to blocks as large as the mini-batches of training. **Relative "
    "λ_max** is the largest eigenvalue of $DHD$, where the diagonal $D$ holds the norm of each "
    "weight's filter, and 0 for biases and norm layers. **The trace** is exact in eval mode, where "
    "it equals the trace of the Gauss-Newton matrix, and estimated under batch statistics. "
    "**Negative mass** is the share of eigenvalues below $-\\delta$, where $\\delta$ is 0.001 of "
    "each Hessian's largest eigenvalue. The ratio λ_max / |λ_min| compares upward with downward "
    "curvature and is no condition number. **Intervals** are Student's $t$ over seeds, at 95%; "
    "comparisons pair the values of each seed. They do not include the errors of single "
    "measurements, which captions of tables give."
)
display.show(figure, table.at("detail"), methods.at("appendix"))

# %% [markdown]
# ### Does the number of examples matter?
#
# The Hessian above averages over a subset of the training examples. We measure $\lambda_{\max}$ of
# the first seed's two networks again on subsets of other sizes.

# %% Vary the number of examples
first_ends = ends.where(seed=seeds[0])
for size in check_examples:
    subset = first_ends.replace(examples=task.first(size)).labelled(subset=size)
    study.measure(subset, ["lambda_max"])
by_size = study.measurements.where(subset=check_examples)
larger = sum(ratio > 1 for ratio in by_size.ratios("lambda_max", pair))
ratios = tables.ratios_along(by_size, "lambda_max", pair, "subset", unit="examples")
figure = figures.against(
    by_size,
    ["lambda_max"],
    "subset",
    x="training examples",
    label="fig-examples",
    caption=f"On {larger} of {len(check_examples)} subsets of the training examples λ_max is "
    "larger with BN; eval mode, first seed.",
)
display.show(ratios, figure.at("detail"))

# %% [markdown]
# ## The two Hessians of batch normalisation
#
# One solution with BN has two Hessians. In eval mode the running statistics are constants. Under
# batch statistics, as in training, the statistics follow the weights, and their derivatives count
# [@ghorbani2019]. We compute the eigenvalues at both ends of the spectrum one by one.

# %% Measure both ends of the spectrum
hessians = (
    ends.renamed({"BN, eval": "BN"})
    | ends.replace(bn="batch").renamed({"BN, batch": "BN"})
    | ends.where(arm="no BN")
)
surveyed = hessians.where(seed=survey_seeds)
spectra = study.spectra(surveyed, outliers=outliers, probes=density_probes, steps=density_steps)
traces = study.measure(surveyed, ["trace", "mean_eigenvalue"])
extremes = study.measurements.where(estimator="whole spectrum")
figures.spectra(
    spectra.grouped("arm"),
    label="fig-density",
    caption=f"λ_max is {tables.means(extremes, 'lambda_max', hessians.arms)}. Density of the "
    f"eigenvalues: mean over seeds, each seed as a thin line; ticks mark the {outliers} largest "
    f"and the {outliers} smallest eigenvalues, a row for each seed.",
    alt="Three densities with ticks at both ends: BN in eval mode, under batch statistics, no BN.",
).at("detail")

# %% [markdown]
# BN is said to smooth the landscape that training meets [@santurkar2018]. How much of the sharpness
# in eval mode comes from the mode of the statistics alone? The SAM step under batch
# statistics follows the gradient through the statistics, as in training.

# %% Compare the two Hessians of BN
in_batches = study.measure(ends.replace(bn="batch"), ["sam", "gradient_norm", "loss"], rho=rho)
rises = at_end.where(quantity="sam").renamed({"BN, eval": "BN"})
rises |= in_batches.where(quantity="sam").renamed({"BN, batch": "BN", "no BN": "no BN"})
whole = extremes | traces | rises
modes, batch_pair = hessians.arms[:2], hessians.arms[1:]
both = ["lambda_max", "sam"]
table = tables.comparison(
    whole,
    ["lambda_max", "lambda_kth", "lambda_min", "trace", "kappa", "negative_mass", "sam"],
    hessians.arms,
    label="tab-spectrum",
    caption=f"Eval mode {tables.effects(whole, ['lambda_max', 'trace'], modes)}, against batch "
    "statistics at the same solutions. Mean over seeds with 95% interval, and ratio of the paired "
    f"values; k = {outliers}.",
)
figure = figures.measures(
    whole,
    ["lambda_max", "trace", "sam"],
    reference="no BN",
    label="fig-modes",
    caption=f"Under batch statistics BN {tables.effects(whole, both, batch_pair)}. At the same "
    f"solutions, eval mode {tables.effects(whole, both, modes)} against batch statistics. BN over "
    "no BN at the end of training.",
)
single = tables.single_ratios(whole, "sam", batch_pair)
display.show(figure, table.at("detail"), single.at("detail"))

# %% [markdown]
# ## What rescaling does to the raw measures
#
# We multiply weights and bias of the first convolution by $a$. With BN, the normalisation divides
# $a$ out. Without BN, the next layer takes $1/a$, which ReLU and pooling let through. The network
# computes the same function, but second derivatives in that layer are divided by $a^2$
# [@dinh2017].

# %% Rescale the first layer
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
    caption="The raw measures (upper row) move with the factor a, their partners (lower row) do "
    "not. Networks of the first seed, with the first layer multiplied by a.",
)
display.show(tables.rescaled(twins, sharpness, pair), figure.at("detail"))

# %% [markdown]
# ## The path of training on the loss surface
#
# Where did training go, and what did the loss look like on the way? We keep snapshots of the first
# seed's networks, evenly spaced over training, and span a plane through the last one along the
# first two principal directions of the path [@li2018]. All losses are under batch statistics. The
# running statistics of one network fit no other; under batch statistics the loss depends on the
# weights alone, and training descends this loss.

# %% Follow training on the loss surface
descents = study.training_path(
    runs.where(seed=seeds[0]),
    examples,
    points=plane_points,
    surrounding_points=2 * (plane_points // 4) + 1,
    bn="batch",
    bn_block=batch_size,
)
path = figures.training_path(
    descents,
    label="fig-path",
    caption=f"{tables.plane_share(descents)}. {tables.plane_gap(descents)}. Training loss under "
    "batch statistics on the plane of the first two principal directions, first seed; training "
    "leads from the circle to the cross.",
    alt="Two planes, with and without batch normalisation, each with the path of training.",
)
around = figures.surroundings(
    descents,
    label="fig-surroundings",
    caption=f"{tables.curvature_course(descents)}. Training loss under batch statistics around the "
    "network at moments of training, along two random directions. Both directions stay the same "
    "throughout; positions are relative to the filter norms at the end.",
    alt="A row of small planes for each network: the loss around it from the start to the end.",
)
display.show(path, around.at("detail"))

# %% [markdown]
# ## Lines and planes
#
# We follow the loss away from each solution along random Gaussian directions, scaled to the norm of
# each filter [@li2018]. A position of 1 is a displacement as long as the filters themselves, so
# both networks share one scale. In eval mode the running statistics no longer fit the displaced
# weights; under batch statistics they do.

# %% Follow the loss along random lines
lines = study.lines(hessians, points=line_points, count=line_directions)
line_rises = study.rises(lines, [0.1, 0.5, 1.0]).qualified("at {distance:.2g}")
against_none = [[bn_arm, hessians.arms[2]] for bn_arm in modes]
near, far = (
    [formatting.interval_text(tables.effect(line_rises, name, arms)) for arms in against_none]
    for name in ("line_rise, at 0.1", "line_rise, at 1")
)
table = tables.comparison(
    line_rises,
    line_rises.quantities,
    label="tab-rises",
    caption=f"At 0.1 filter norms the loss rises {near[0]} times as much with BN in eval mode as "
    f"without BN, under batch statistics {near[1]} times. Rise of the training loss at both ends "
    "of a line, by distance in filter norms: mean over seeds with 95% interval, and ratio of the "
    "paired values.",
)
figure = figures.lines(
    lines,
    label="fig-lines",
    caption=f"At a distance of 1 filter norm the loss rises {far[0]} times as much with BN in eval "
    f"mode as without BN, under batch statistics {far[1]} times. Training loss and accuracy along "
    f"random lines: mean over {line_directions} directions, then over seeds with 95% interval; "
    "each seed as a thin line.",
)
spread = figures.line_spread(
    lines.where(seed=seeds[0]).titled,
    label="fig-spread",
    caption=f"The {line_directions} directions differ within one solution, here of the first seed: "
    "each as a thin line, their median, and the middle 80% as a band.",
)
display.show(figure.at("detail"), table.at("detail"), spread.at("detail"))

# %% [markdown]
# A plane shows one solution in two directions: two random ones, or the two eigenvectors with the
# largest eigenvalues. Dashed contours show the loss that gradient and Hessian at the centre
# predict; inside the circle the prediction is off by less than a tenth of the largest rise so far.
# Planes are measured in eval mode.

# %% Draw planes through the solutions of the first seed
planes = study.random_planes(first_ends, points=plane_points)
top_planes = study.top_planes(first_ends, points=plane_points, reach=top_reach)
rising, rising_top = (
    formatting.list_text(
        [f"{plane.loss.max():.3g} nats ({title})" for title, plane in cuts.titled.items()]
        or ["an unknown height"]
    )
    for cuts in (planes, top_planes)
)
random_figure = figures.predicted_planes(
    planes,
    unit="filter norms",
    label="fig-planes",
    caption="Contours show the planes of the surfaces from above: along two random directions the "
    f"loss rises to {rising}. Training loss in eval mode, first seed.",
)
top_figure = figures.predicted_planes(
    top_planes,
    unit="units of the parameters",
    xlabel="along the first eigenvector",
    ylabel="along the second",
    label="fig-top",
    caption="Along the two eigenvectors with the largest eigenvalues the loss rises to "
    f"{rising_top}. Contours: training loss in eval mode, first seed.",
)
surface = figures.surface(
    planes.titled,
    label="fig-surface",
    caption=f"Along two random directions the loss rises to {rising}. Surfaces: training loss in "
    "eval mode over α and β, in filter norms; first seed.",
    alt="Two surfaces, with and without batch normalisation: training loss around the solution.",
)
display.show(surface, random_figure.at("detail"), top_figure.at("detail"))

# %% Find the radius of the quadratic model
predicted = study.quadratic_radii(planes).qualified("random directions, in filter norms")
predicted |= study.quadratic_radii(top_planes).qualified("eigenvectors, in units")
random_radius = predicted.quantities[0]
tables.arms(
    predicted,
    predicted.quantities,
    label="tab-radii",
    caption="Along random directions the quadratic model holds within "
    f"{tables.means(predicted, random_radius, pair)} filter norms; first seed.",
).at("detail")

# %% [markdown]
# ## The straight path between two solutions
#
# The loss on the line between two solutions tells whether a barrier parts them [@frankle2020].
# Weights between two solutions with BN need running statistics. *Frozen* interpolates them like
# the weights, as averaging two state dicts does. *Batch* normalises by the statistics of the
# examples themselves. *Reestimate* recomputes the running statistics on training examples at each
# point. Networks without BN need no policy and serve as a control. No solution belongs to two
# pairs, so the pairs are independent.

# %% Follow the straight path
joined = runs.solutions(task.first(path_examples))
bn_ends, control_ends = (joined.where(arm=arm) for arm in pair)
bn_paths = study.paths(bn_ends, points=path_points, splits=["train", "test"])
control_paths = study.paths(control_ends, points=path_points, policies=["frozen"])
paths = bn_paths.grouped("split", "bn") | {("train", "no BN"): list(control_paths.values())}
by_policy = {policy: paths["train", policy] for policy in ("frozen", "batch", "no BN")}
crossing = {policy: tables.crossing(along) for policy, along in by_policy.items()}
figure = figures.paths(
    paths,
    label="fig-paths",
    caption=f"Under batch statistics the straight path between solutions with BN "
    f"{crossing['batch']}; without BN it {crossing['no BN']}. Loss and accuracy along the path: "
    "mean over pairs with 95% interval, each pair as a thin line. "
    f"{tables.coincidence(paths)}",
)
barriers = tables.barriers(paths, label="tab-barriers")
display.show(figure, tables.barrier_ratios(by_policy, "no BN"), barriers.at("detail"))

# %% [markdown]
# ### Other paths: aligned, repaired, curved
#
# The barrier may belong to the line rather than to the solutions. *Aligned* permutes the units of
# the second network, which keeps its function, to match the first [@ainsworth2023]. *Repaired*
# also restores the statistics of each unit along that path [@jordan2023]. *Bezier* is a curve with
# one bend, trained between the unaligned solutions [@garipov2018]. All paths join the same pairs,
# on training examples, with running statistics estimated anew at each point.

# %% Follow other paths
curve = connectivity.CurveConfig(
    epochs=curve_epochs, batch_size=batch_size, learning_rate=learning_rate, momentum=momentum
)
through = {"kinds": ["straight", "aligned", "repaired"], "policies": ["reestimate"]}
kinds = study.paths(bn_ends, points=path_points, curve=curve, **through).grouped("path")
ways = {"aligned": "after alignment", "repaired": "after repair", "bezier": "on a trained curve"}
left = tables.barriers_left(kinds, ways)
figure = figures.path_kinds(
    kinds,
    label="fig-routes",
    caption=f"The remaining share of the straight path's barrier is {left}. Loss and accuracy "
    "along four kinds of paths between solutions with BN: mean over pairs with 95% interval, each "
    "pair as a thin line.",
)
display.show(figure, tables.path_kinds(kinds, label="tab-routes").at("detail"))

# %% [markdown]
# ## What was found

# %% Say what was found
study.close("Batch normalisation")
display.show(
    tables.closing(study, evidence=study.evidence).at("appendix"),
    display.Findings(
        f"In eval mode BN {tables.effects(at_end, both, pair)}; under batch statistics, as in "
        f"training, it {tables.effects(whole, both, batch_pair)} ([](#fig-modes)).",
        f"At the end of training BN {tables.effects(trained, ['test_accuracy'], pair)}; at equal "
        f"training loss it {tables.effects(at_equal_loss, ['test_accuracy'], pair)} "
        "([](#tab-equal)).",
        f"The straight path between solutions with BN {crossing['batch']} under batch statistics. "
        f"The remaining share of this barrier is {left} ([](#fig-routes)).",
    ),
)

# %% [markdown]
# ## Discussion

# %% Say what the findings mean
depending = formatting.depending
by_statistics = depending(
    tables.effect(whole, "lambda_max", modes),
    above="Eval mode overstates the curvature that training with BN meets: the running statistics "
    "do not follow the weights.",
    below="Eval mode understates the curvature that training with BN meets: the running statistics "
    "do not follow the weights.",
    undecided="Eval mode and batch statistics give networks with BN the same curvature, as far as "
    "we can measure.",
)
by_scale = depending(
    tables.effect(at_end, "lambda_max_relative", pair),
    above="In eval mode the relative λ_max is larger with BN too, so the scale of the layers does "
    "not explain the difference.",
    below="The relative λ_max is smaller with BN, so the order of the raw values is a matter of "
    "the layers' scale.",
    undecided="The relative λ_max does not measurably differ, so the scale of the layers may "
    "explain the order of the raw values.",
)
by_training = depending(
    tables.effect(at_equal_loss, "test_accuracy", pair),
    above="BN generalises better even at equal training loss.",
    below="At equal training loss BN generalises worse: a lead at the end comes from faster "
    "training.",
    undecided="At equal training loss no difference in accuracy is left that we can measure: a "
    "lead at the end comes with faster training.",
)
by_path = depending(
    tables.barrier_ratio(kinds, "bezier"),
    below="A trained curve lowers the barrier, so a barrier on the straight line does not show "
    "that two solutions lie in distinct basins.",
    above="A trained curve meets a higher barrier than the straight line, so we found no better "
    "path between the solutions.",
    undecided="No curve that we trained lowers the barrier measurably, so two solutions may lie in "
    "distinct basins.",
)
display.Sentence(f"**What it means.** {by_statistics} {by_scale} {by_training} {by_path}")

# %% [markdown]
# **What would change it.** We studied one architecture, data set and constant learning rate;
# another rate may order the networks differently. Under batch statistics we compared sharpness at
# the end alone, where training has gone unequally far. The SAM rise is a lower bound on the worst
# rise within its radius. Seeds share one set of examples, and few pairs give wide intervals. The
# source names neither architecture nor rate, so we compare directions, not sizes.
