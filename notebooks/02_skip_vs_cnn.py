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
# # Is a residual network flatter than a plain convolutional one?
#
# **Question.** A residual network with batch normalisation (BN) and a plain convolutional network
# of about its size are trained in the same way. Which is more accurate, which one ends flatter, and
# is it so by every measure? Are two residual networks connected by a straight path?
#
# **Measured.** Over seeds: accuracy, SAM's rise and extreme eigenvalues of the Hessian, in eval
# mode, under batch statistics, and where no scaling of weights changes them; what the source's own
# Lanczos gives on our networks; error on the straight path between two networks, under three
# policies for the statistics of BN.
#
# **What will be shown.** How the two kinds of networks compare over seeds, by converged measures
# and by those of a source that compared one network of each kind. What becomes of the source's
# claims (S2.1, S2.2, S2.3, S2.5) stands in the study of verdicts.

# %%
from landscape import models, training
from studies import Arm, Study, arms, display, figures, formatting, tables

# %% tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
remeasure = ""  # stale: measure again what older code measured
dataset = "digits"
max_train = 512
seeds = [0, 1, 2, 3]  # neighbours form the pairs of the path
workers = 1  # processes that train side by side
depth = 8
width = 1.0
cnn_channels = [8, 16]
cnn_hidden = 32
epochs = 4
batch_size = 128
learning_rate = 0.05
momentum = 0.9
weight_decay = 1e-4
precision = "float32"
measured = 10000  # training examples on which the curves are measured
measure_every = 4  # epochs from one measurement of their history to the next
rho = 0.05  # radius of SAM's step
rho_adaptive = 0.5  # radius of the adaptive step, relative to |theta|
curvature_examples = 128  # first training examples: curvature and sharpness
lanczos_steps = 15  # the source's estimator
lanczos_step_sizes = [1e-3, 1e-1]  # of its finite differences; it gives none
path_examples = 256
path_points = 11

# %% [markdown]
# ## The pair
#
# Three convolutions and two linear layers, and six residual blocks with BN, trained with one
# optimizer and one schedule. [What departs from the source](#tab-departures) follows from the
# parameters.

# %%
study = Study("02_skip_vs_cnn", vars())
task = study.load(dataset, max_train=max_train)
base = training.TrainConfig(
    models.ResNet(depth=depth, width=width),
    training.SGD(learning_rate, momentum=momentum, weight_decay=weight_decay),
    epochs=epochs,
    batch_size=batch_size,
    schedule=training.Cosine(),
    precision=precision,
    measured=measured,
    measure_every=measure_every,
)
plain_cnn = models.CNN(channels=tuple(cnn_channels), hidden=cnn_hidden, norm="none")
resnet, cnn = Arm("ResNet", model="ResNet"), Arm("CNN", model="CNN")
configs = arms.variants(base, {resnet: {}, cnn: {"model": plain_cnn}})
runs = study.train(configs, task, seeds=seeds, workers=workers)
sizes = [f"{arm} {size:,}" for arm, size in runs.sizes.items()]
display.show(
    tables.divergence(runs, label="tab-divergence"),
    display.Sentence(
        f"Parameters: {', '.join(sizes)}. The source has 2.1 and 1.8 million, and names neither "
        "optimizer nor hidden units."
    ),
)

# %%
source = {"dataset": "cifar10", "max_train": 50000, "epochs": 15, "precision": "float32"}
cost_reasons = {"epochs": "the ResNet is dear", "max_train": "likewise", "precision": "costs less"}
reasons = cost_reasons if study.evidence else dict.fromkeys(source, "a small run, no evidence")
tables.departures(source, study.parameters, reasons, label="tab-departures")

# %% [markdown]
# How far the two got: accuracy and loss where training ended.

# %%
ends = study.measurements.where(quantity=["test_accuracy", "train_loss", "test_loss"])
more_accurate = ends.difference("test_accuracy", [resnet, cnn], factor=100)
display.Sentence(
    f"Test accuracy, ResNet − CNN: {formatting.interval_text(more_accurate)} points. CNN over "
    f"ResNet: {tables.ratio_words(ends, ['train_loss', 'test_loss'], [cnn, resnet])}."
)

# %% [markdown]
# ## Sharpness and extreme eigenvalues
#
# At the solutions, on fixed training examples, in eval mode: extreme eigenvalues of the Hessian
# until the residual is below $10^{-4}$ of the spectral range, SAM's one-step rise, and their
# scale-invariant versions; the first two under batch statistics, as in training, too, where float32
# rounds more, below $10^{-3}$. The CNN has no statistics, so that both are one for it. Beside them
# stands what 15 steps of Lanczos on finite differences, without reorthogonalisation, give on the
# same networks: [all numbers](#tab-pair), [the measures of sharpness seed by
# seed](#fig-sharpness).

# %%
solutions = runs.solutions(task.first(curvature_examples))
at_end = ["lambda_max", "sam", "gradient_norm", "loss", "rounding"]
eval_mode = study.measure(
    solutions,
    [*at_end, "lambda_min", "kappa", "lambda_max_relative", "sam_adaptive"],
    rho=rho,
    rho_adaptive=rho_adaptive,
)
batch = study.measure(solutions.replace(bn="batch"), at_end, rho=rho, tol=1e-3)
sharpness = eval_mode | batch.qualified("batch statistics")
ritz = ["ritz_max", "ritz_min", "ritz_negative"]
by_step = {
    size: study.measure(solutions, ritz, lanczos_steps=lanczos_steps, step_size=size)
    for size in lanczos_step_sizes
}
numbers = ends | sharpness
for size, values in by_step.items():
    numbers |= values.qualified(f"ε = {size:g}")

# %%
tables.comparison(
    numbers,
    numbers.quantities,
    [resnet, cnn],
    label="tab-pair",
    caption=f"ResNet and CNN, on {curvature_examples} examples: mean over seeds ± half-width of "
    "the 95% interval, and paired ratio. Ritz values are those of the source's Lanczos, with steps "
    "ε of its finite differences.",
)

# %%
figures.pairs(
    sharpness,
    ["lambda_max", "lambda_max, batch statistics", "sam", "sam_adaptive"],
    label="fig-sharpness",
    caption="Four measures of sharpness, a point a seed, thin lines joining the two networks of "
    "one seed; open markers are means with 95% intervals. No scaling of weights changes the last. "
    f"ρ = {rho}, adaptive {rho_adaptive}.",
    alt="Four panels comparing ResNet and CNN: largest Hessian eigenvalue in eval mode and under "
    "batch statistics, one-step sharpness, and its scale-invariant version.",
)

# %% [markdown]
# Which network is flatter depends on what is measured: the rise that SAM looks at, or eigenvalues,
# in eval mode or under batch statistics. The source reports 55.7 for the ratio of the rises.

# %%
rises = ["sam", "sam, batch statistics", "sam_adaptive"]
eigenvalues = ["lambda_max", "lambda_min", "lambda_max, batch statistics", "lambda_max_relative"]
display.show(
    display.Sentence(
        f"CNN over ResNet: {tables.ratio_words(sharpness, rises, [cnn, resnet])}. ResNet over CNN, "
        f"converged: {tables.ratio_words(sharpness, eigenvalues, [resnet, cnn])}."
    ),
    display.Sentence(
        f"By the source's Lanczos with steps of {lanczos_step_sizes[0]:g}, ResNet over CNN: "
        f"{tables.ratio_words(by_step[lanczos_step_sizes[0]], ritz[:2], [resnet, cnn])}."
    ),
)

# %% [markdown]
# ## The straight path between two residual networks
#
# From one network's weights to another's, with the running statistics interpolated as the weights
# are (frozen), with those of the batch, and re-estimated at each point: [loss and
# accuracy](#fig-paths), [barriers](#tab-barriers).

# %%
resnets = runs.where(model="ResNet").solutions(task.first(path_examples))
paths = study.paths(resnets, points=path_points).grouped("split", "bn")
figures.paths(
    paths,
    label="fig-paths",
    caption="The straight path between two ResNets under three policies for the statistics: mean "
    f"over {len(seeds) // 2} disjoint pairs of seeds with 95% interval.",
    alt="Two panels over the position on the path: training loss and accuracy, three curves each.",
)

# %%
display.show(
    tables.barriers(paths, label="tab-barriers"),
    tables.lowest(paths, chance=task.chance),
)

# %% [markdown]
# ## What was shown

# %%
study.close("Residual against plain convolutional networks")
tables.closing(study, evidence=study.evidence)

# %% [markdown]
# ## Limits
#
# One data set, one optimizer and one learning rate for both networks, which may suit one of them
# better, and sharpness follows it. Both are trained for fewer epochs than the source's, and are
# compared where that ends, at unequal training losses, with which curvature of the cross-entropy
# falls. The two differ in more than skip connections: in normalisation, in depth and in the size
# of their linear layers, so that nothing here says which of these is the cause. What bfloat16
# changes was not checked on these networks. The source leaves out its initialisation and the step
# of its finite differences: several steps are tried. A first run on 4,000 examples left both
# equally accurate, which says nothing of a source that has 50,000: it was replaced. Eigenvalues are
# those on few examples, and the barriers those of few disjoint pairs.
