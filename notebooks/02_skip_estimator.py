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
# # Can gradients a step apart measure the Hessian of a ReLU network?
#
# **Question.** A source takes Hessian products from differences of gradients. How large is their
# error for a network with ReLUs, does float64 help, and does the error explain the source's
# eigenvalues?
#
# **Measured.** The error of central differences against exact Hessian products [@pearlmutter1994],
# over steps ε and numbers of examples n, in float32 and float64, of networks with ReLUs and of
# their smooth twins; the source's estimator on a trained network, beside converged eigenvalues.

# %% Imports
import functools
import itertools
import operator

import torch
from landscape import models, training
from studies import Arm, Study, arms, display, error_laws, figures, formatting, intervals, tables
from studies.smooth_twin import SmoothTwin

# %% Parameters tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
remeasure = ""  # stale: measure again what older code measured
mlp_dataset, small_dataset, dataset = "digits", "digits", "digits"
seeds = [0, 1, 2]
mlp_hidden = [32, 32]
small_channels, small_hidden = [8, 16], 32  # of the first source's CNN
channels, hidden = [8, 16], 48  # of the second source's CNN
mlp_examples, small_examples, cnn_examples = [64, 256, 1024], [32, 128, 512], [16, 64, 256]
mlp_directions, small_directions, cnn_directions = 8, 2, 2  # of all networks
more_directions = [16, 4, 4]  # of the same networks with ReLUs, in float32
step_sizes = [1e-5, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1]  # ε, for the middle number of examples
reference_step = 1e-2  # ε, for all numbers of examples
least_switched = 10  # units that switch, on average, at the steps of the fits
exponent_margin = 0.1  # exponents this close to −1/2 are equivalent to it
ratio_margin = 1.25  # ratios from 1/1.25 to 1.25 count as no difference
trained_seeds = [0, 1, 2]
max_train, epochs, batch_size = 1024, 4, 128
learning_rate, momentum, weight_decay = 0.05, 0.9, 1e-4
measured = 1000  # training examples on which the curves are measured
curvature_examples = 128
lanczos_steps, lanczos_step_sizes = 15, [1e-3, 1e-2, 1e-1]  # the source gives no step

# %% [markdown]
# ## The law
#
# With ReLUs the gradient is smooth only as long as no unit switches: where the input of a unit
# passes 0 for one of the n examples, the mean gradient jumps by something of order $1/n$. About
# $\varepsilon n$ of these kinks lie between $\theta - \varepsilon v$ and $\theta + \varepsilon v$.
# Their signs vary, so the jumps add up to $\sqrt{\varepsilon n}/n$, and the difference of gradients
# divides this by $2\varepsilon$. So the root-mean-square error is of order
# $(\varepsilon n)^{-1/2}$, in every precision. Rounding would make an error of order
# $1/\varepsilon$, and a smooth network one of order $\varepsilon^2$. Gradients that jump at random
# have been described before as a glass [@duersch2024]; what follows for measured curvature is, to
# our knowledge, new.
#
# The largest of the pixels of a pooling has kinks too. So the smooth twins have SiLU for ReLU and
# means for maxima; a third network, with SiLU, keeps the maxima.

# %% Describe the networks
study = Study("02_skip_estimator", vars())
loaded = {
    "MLP": (mlp_dataset, models.MLP(hidden=tuple(mlp_hidden)), mlp_examples, mlp_directions),
    "S1's CNN": (
        small_dataset,
        models.CNN(channels=tuple(small_channels), hidden=small_hidden, norm="none"),
        small_examples,
        small_directions,
    ),
    "S2's CNN": (
        dataset,
        models.CNN(channels=tuple(channels), hidden=hidden, norm="none"),
        cnn_examples,
        cnn_directions,
    ),
}
kinds = {"ReLU": None, "SiLU": "mean", "SiLU, max-pooling": "max"}
pairs = [
    (m, k) for m, k in itertools.product(loaded, kinds) if m != "MLP" or k != "SiLU, max-pooling"
]
networks = {
    (m, k): loaded[m][1] if k == "ReLU" else SmoothTwin(loaded[m][1], pooling=kinds[k])
    for m, k in pairs
}

# %% [markdown]
# Jumps differ much in size, and a few directions miss the largest. After the first results we
# therefore measured the networks with ReLUs along more directions, in float32, at all numbers of
# examples. The borders stayed as they were. Exponents of both are shown.

# %% Measure the errors before training
quantities = ["product_error", "product_norm", "switched_units", "moved_maxima"]
numbers, along_more = [], []
for (name, (data, _, counts, directions)), more in zip(
    loaded.items(), more_directions, strict=True
):
    task = study.load(data)
    for count, dtype in itertools.product(counts, (torch.float64, torch.float32)):
        single, at_base = dtype == torch.float32, count == counts[len(counts) // 2]
        chosen = {
            Arm(f"{m}, {k}", model=m, activation=k): config
            for (m, k), config in networks.items()
            if m == name and not (single and k == "SiLU, max-pooling")
        }
        beginnings = study.untrained(chosen, task.first(count), seeds=seeds, dtype=dtype)
        sizes = {"step_sizes": step_sizes if at_base else [reference_step]}
        if at_base or not single:
            numbers.append(study.measure(beginnings, quantities, directions=directions, **sizes))
        if single:
            rectified = beginnings.where(activation="ReLU")
            along_more.append(study.measure(rectified, quantities, directions=more, **sizes))
few, many = (functools.reduce(operator.or_, parts) for parts in (numbers, along_more))

# %% Read the laws from the errors
fitted = {"least_switched": least_switched, "margin": exponent_margin}
shared = {"step_sizes": step_sizes, "reference_step": reference_step, **fitted}
compared = error_laws.ErrorLaws(few, **shared)
other = few.where(dtype="float64") | few.where(dtype="float32", activation="SiLU")
laws = error_laws.ErrorLaws(many | other, **shared)
outcomes, along_few = (laws.outcomes("ReLU", dtype) for dtype in ("float32", "float64"))
pooled = laws.outcomes("SiLU, max-pooling", "float64")
counted, counted_few, counted_pooled = (
    error_laws.outcome_words(one.values(), exponent_margin) for one in (outcomes, along_few, pooled)
)
law = "$(\\varepsilon n)^{-1/2}$"
holds = f"follows {law} in some networks and not in others"
if "excluded" not in outcomes.values():
    holds = f"agrees with {law}"
if set(outcomes.values()) == {"equivalent"}:
    holds = f"follows {law}"
same = {key: one.inside(1 / ratio_margin, ratio_margin) for key, one in compared.alike().items()}
share = f"{sum(same.values())} of {len(same)} steps that cross kinks"
helps = "float64 does not reduce it" if all(same.values()) else "float64 changes it at some steps"
norms = {m: laws.mean("product_norm", laws.cases[0]._replace(model=m), 1e-3) for m in loaded}
doubles = [case for case in laws.cases if case.dtype == "float64"]

# %% Draw the errors against the step and the number of examples
of_model = {m: [case for case in laws.cases if case.model == m] for m in loaded}
groups = {
    f"{m}, {laws.base[m]} examples": figures.FamilyPanel(
        "step ε",
        {f"{one.activation}, {one.dtype}": laws.over_steps(one) for one in of_model[m]},
        norms[m],
        (step_sizes[0], 1e-3, step_sizes[-1]),
    )
    for m in loaded
} | {
    f"{m}, ε = {reference_step:g}": figures.FamilyPanel(
        "examples n",
        {
            f"{one.activation}, {one.dtype}": laws.over_examples(one)
            for one in of_model[m]
            if len(laws.over_examples(one)) > 1
        },
        norms[m],
    )
    for m in loaded
}
figures.groups_against_size(
    laws.numbers,
    "product_error",
    groups,
    label="fig-kinks",
    caption=f"With ReLUs the error of a finite-difference Hessian product {holds}, where ε is the "
    f"step and n the number of examples, and {helps}. Root-mean-square error of central "
    "differences, in nats per parameter², of networks before training: mean over seeds with 95% "
    "interval. Above the horizontal line, the norm of the exact product with ReLUs, the error is "
    "larger than what is measured. Where the step crosses less than one kink, most seeds have no "
    "error and a few a large one.",
)

# %% [markdown]
# ## Exponents
#
# We fit the exponents at the steps at which enough units of the network with ReLUs switch. An
# exponent is equivalent to −1/2 if its 90% interval lies within the margin around −1/2.

# %% Tabulate exponents and kinks
text = formatting.interval_text
rows = {}
for case in laws.cases:
    arm = laws.arm(case, min(laws.crossing[case.model]))
    double = case.dtype == "float64"
    rows[str(case)] = {
        f"exponent in {v}": text(laws.exponents(v)[case]) if case in laws.exponents(v) else "–"
        for v in ("ε", "n")
    } | {
        "units that switch": ("switched_units", arm) if double else "–",
        "maxima that move": ("moved_maxima", arm) if double else "–",
    }
exponents = tables.grid(
    laws.numbers,
    rows,
    corner="network",
    label="tab-exponents",
    caption=f"With ReLUs {counted} (float32, along many directions); along few, in float64, "
    f"{counted_few}. Exponents of the error over seeds with 95% intervals: in ε at the steps that "
    "cross kinks, in n at one step; mean number of kinks within the first of these steps.",
)

# %% Tabulate float32 against float64, and the error against the product
singles = [case for case in laws.cases if case.dtype == "float32"]
precision, relative = (
    tables.grid(
        laws.numbers,
        {
            f"{case.model}, {case.activation}": {
                f"ε = {step:g}": text(ratio(case, step)) for step in step_sizes
            }
            for case in chosen
        },
        corner="network",
        label=label,
        caption=f"{caption}: geometric mean over seeds with 95% interval.",
    ).at("detail")
    for chosen, ratio, label, caption in (
        (
            singles,
            compared.precision,
            "tab-precision",
            f"With ReLUs float32 errs as much as float64 at {share}. Error in float32 over the "
            "error in float64",
        ),
        (
            doubles,
            laws.relative,
            "tab-relative",
            "With ReLUs the error can be many times the product. Error in float64 over the norm "
            "of the exact product",
        ),
    )
)
display.show(exponents.at("detail"), precision, relative)

# %% [markdown]
# ## The source's eigenvalues
#
# The source takes its eigenvalues from 15 steps of Lanczos with forward differences, of a CNN with
# ReLUs, and names no ε. We train such a network and its smooth twin, and run the source's method
# on both, beside converged eigenvalues.

# %% Train the CNN and its smooth twin
task = study.load(dataset, max_train=max_train)
pair = [Arm(f"CNN, {k}", model="CNN", activation=k) for k in ("ReLU", "SiLU")]
config = training.TrainConfig(
    networks["S2's CNN", "ReLU"],
    training.SGD(learning_rate, momentum=momentum, weight_decay=weight_decay),
    epochs=epochs,
    batch_size=batch_size,
    schedule=training.Cosine(),
    measured=measured,
    measure_every=epochs,
    curve_examples=training.CurveExamples(measured, measured),
)
twins = {arm: {"model": networks["S2's CNN", arm.factors["activation"]]} for arm in pair}
runs = study.train(arms.variants(config, twins), task, seeds=trained_seeds)
source = {"dataset": "cifar10", "max_train": 50000, "epochs": 15}
reasons = dict.fromkeys(source, "the training takes less computing time")
if not study.evidence:
    reasons = dict.fromkeys(source, "this is a small trial run")
departures = tables.departures(source, study.parameters, reasons, label="tab-departures")
display.show(
    *(one.at("appendix") for one in (departures, tables.divergence(runs, label="tab-divergence")))
)

# %% Run the source's estimator, and find the extreme eigenvalues
solutions = runs.solutions(task.first(curvature_examples))
exact = study.measure(solutions, ["lambda_max", "lambda_min"])
doubled = solutions.replace(dtype=torch.float64)
trained = study.measure(
    doubled, quantities, step_sizes=lanczos_step_sizes, directions=cnn_directions
)
ritz = ["ritz_max", "ritz_min", "ritz_negative"]
by_method = {
    (dtype, step): study.measure(
        solutions if dtype == "float32" else doubled,
        ritz,
        lanczos_steps=lanczos_steps,
        step_size=step,
    )
    for dtype, step in [
        *(("float32", step) for step in lanczos_step_sizes),
        ("float64", lanczos_step_sizes[0]),
    ]
}

# %% Tabulate the source's estimates beside converged eigenvalues
estimated = exact
for (dtype, step), values in by_method.items():
    estimated |= values.qualified(f"{dtype}, ε = {step:g}")
heads = {"λ_max": ("lambda_max", "ritz_max"), "λ_min": ("lambda_min", "ritz_min")}
heads["negative"] = ("", "ritz_negative")
rows = {}
for arm in pair:
    rows[f"{arm}, converged"] = {
        head: (one, arm) if one else "" for head, (one, _) in heads.items()
    }
    for dtype, step in by_method:
        rows[f"{arm}, ε = {step:g}, {dtype}"] = {
            head: (f"{one}, {dtype}, ε = {step:g}", arm) for head, (_, one) in heads.items()
        }
rows["the source's CNN"] = {"λ_max": "107.84", "λ_min": "−95.48", "negative": "9"}

# %% Compare the source's estimates with converged eigenvalues
first = lanczos_step_sizes[0]
over, over_double, over_smooth = (
    intervals.paired_ratio(
        *(
            [-x for x in group.values(q, arm)]
            for group, q in ((one, "ritz_min"), (exact, "lambda_min"))
        )
    )
    for one, arm in (
        (by_method["float32", first], pair[0]),
        (by_method["float64", first], pair[0]),
        (by_method["float32", first], pair[1]),
    )
)
tables.grid(
    estimated,
    rows,
    corner="network and method",
    runs=runs,
    label="tab-ritz",
    caption=f"With ReLUs and ε = {first:g} the source's |λ_min| is {text(over)} times the "
    f"converged one in float32 and {text(over_double)} times in float64; with SiLU it is "
    f"{text(over_smooth)} times. Mean over seeds ± half-width of the 95% interval, in nats per "
    f"parameter²; negative ones of {lanczos_steps} values.",
    emphasise=(f"{pair[0]}, ε = {first:g}, float32", "λ_min"),
)

# %% [markdown]
# ## What was found

# %% State the findings
mean = {
    (q, dtype): text(
        intervals.mean_interval(
            (exact if dtype == "converged" else by_method[dtype, first]).values(q, pair[0])
        )
    )
    for q, dtype in [("lambda_min", "converged"), ("lambda_max", "converged")]
    + [(q, dtype) for q in ritz for dtype in ("float32", "float64")]
}
found_exponents = [
    one.estimate
    for variable in ("ε", "n")
    for case, one in laws.exponents(variable).items()
    if (variable, case) in outcomes
]
least, most = (formatting.number_text(end(found_exponents)) for end in (min, max))
agreed = compared.alike().values()
smooth = [
    f"{fit.estimate:.2f}"
    for case, fit in laws.exponents("ε").items()
    if case in doubles and case.activation == "SiLU"
]
found = display.Findings(
    f"With ReLUs the error of a finite-difference Hessian product {holds}, where ε is the step "
    f"and n the number of examples: {counted} (they lie between {least} and {most}).",
    f"With ReLUs float32 and float64 err alike within a factor of {ratio_margin} at {share} (90% "
    f"intervals from {min(one.low for one in agreed):.2f} to {max(one.high for one in agreed):.2f})"
    f": {helps}. Without kinks the error in float64 grows with ε to the power "
    f"{formatting.list_text(list(dict.fromkeys(smooth)))}.",
    f"On a CNN with λ_min {mean['lambda_min', 'converged']} and λ_max "
    f"{mean['lambda_max', 'converged']} the source's estimator with ε = {first:g} gives "
    f"{mean['ritz_min', 'float32']} and {mean['ritz_max', 'float32']} in float32, with "
    f"{mean['ritz_negative', 'float32']} of {lanczos_steps} values negative, and "
    f"{mean['ritz_min', 'float64']} and {mean['ritz_max', 'float64']} in float64; the source "
    "printed −95.48, 107.84 and 9. On the smooth twin its |λ_min| is "
    f"{text(over_smooth)} times the converged one (n = {over.n} seeds).",
)
study.close("Finite differences and kinks")
display.show(found, tables.closing(study, evidence=study.evidence))

# %% [markdown]
# ## Discussion

# %% Say what it means
trained_laws = error_laws.ErrorLaws(
    trained, step_sizes=lanczos_step_sizes, reference_step=reference_step, **fitted
)
after = text(trained_laws.exponents("ε")[error_laws.Case("CNN", "ReLU", "float64")])
spoiled = [f"{laws.relative(case, 1e-3).estimate:.0f}" for case in doubles if case.kinked]
steeper = [one for case, one in laws.exponents("ε").items() if ("ε", case) in outcomes]
display.Sentence(
    "**What it means.** At ε = 10⁻³ a finite difference of gradients with ReLUs errs by "
    f"{formatting.list_text(spoiled)} times the product (MLP and both CNNs). "
    + (
        "A smaller step makes it worse; a larger one and more examples help, precision does not. "
        if all(one.high < 0 for one in steeper)
        else "Whether a smaller step makes it worse stays open. "
    )
    + "A smooth activation is not enough where maxima are pooled: with SiLU and max-pooling "
    f"{counted_pooled}. On the trained CNN with ReLUs the exponent in ε is {after}. Products by "
    "automatic differentiation have no such error; they leave out the kinks altogether."
)

# %% [markdown]
# **What would change it.** The directions are random; along a direction that switches many units
# at once the error is larger. The exact product holds the curvature between kinks alone. Averaged
# over many examples kinks have a curvature of their own, which differences contain and automatic
# differentiation leaves out; at large ε n the two would differ by it. The source's estimator is
# shown on one architecture.
