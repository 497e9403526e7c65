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
# # The landscape around your own network
#
# **Question.** How sharp is the minimum that a network of your own ended in, how far does its
# quadratic model hold, and, beside a second set of weights, does a barrier separate the two?
#
# **Measured.** Loss and gradient, eigenvalues at both ends of the Hessian's spectrum and its
# density, the trace layer by layer, sharpness, lines and a plane through the network, gradient
# noise; between two networks the barrier of the straight path, of the path after alignment, and of
# a trained curve. What does not fit into the budget of time is left out, and named.

# %% Imports
import functools

from landscape.connectivity import CurveConfig
from studies import Arm, Study, display, figures, formatting, own, tables
from studies.budget import Budget, fitting_count
from studies.measurements import joined

# %% Parameters tags=["parameters"]
profile = "quick"
data_dir = "data"
build_dir = "build"
remeasure = ""
model = "studies.example:network"  # module:name or file.py:name, a network or what builds it
data = "studies.example:digits"  # (inputs, targets), a Dataset or a DataLoader, or what gives one
checkpoint = ""  # file of the network's weights; empty keeps those that it was built with
compare = ""  # file of other weights, or module:name of another network of the same layers
folder = ""  # where modules and files are looked for
loss = "cross_entropy"  # mse, or module:name of a function that gives one loss an example
unit = "nats"  # of the loss
bn = "frozen"  # policy of batch normalisation: frozen, batch or reestimate
output, target = "", ""  # which of several outputs is the logits; key of the targets in a dict
weight_decay, label_smoothing, ignore_index = 0.0, 0.0, -100  # as the network was trained
class_weights = ""  # such as 1,2.5,1, or module:name of a tensor
class_axis = 0  # axis of the outputs that counts the classes, 1 or -1; 0 where it is clear
microbatch = 0  # examples computed at once; 0 takes the fastest
dtype = ""  # float32 or float64; empty keeps the network's own
examples = 512  # first examples: everything is measured on them
budget = "5m"  # such as 90s or 2h; empty sets no limit
seed = 0  # of random directions and probes
rho, rho_adaptive = 0.05, 0.5  # radii of SAM's step, and of the adaptive one
outliers = 5  # eigenvalues at each end
density_probes, density_steps = 2, 60
layer_probes = 30  # where the trace of a layer is not exact
line_points, line_count, plane_points, reach = 25, 2, 21, 1.0
path_points, curve_epochs, curve_rate = 25, 10, 0.01

# %% [markdown]
# ## The network and its numbers

# %% Read network and examples, and time one product with the Hessian
study = Study("00_own_network", vars())
study.loss_unit = unit
networks = {Arm("your network"): own.network(model, checkpoint=checkpoint, folder=folder)}
if compare:
    networks[Arm("the other")] = own.another(compare, model, folder=folder)
given = own.examples(data, examples, target=target, folder=folder)
options = own.options(
    loss,
    bn,
    output=output,
    class_weights=class_weights,
    class_axis=class_axis,
    microbatch=microbatch,
    dtype=dtype,
    folder=folder,
    weight_decay=weight_decay,
    label_smoothing=label_smoothing,
    ignore_index=ignore_index,
)
fitting = fitting_count(budget, own.objectives(networks, given, **options), given.train_size)
used = own.shortened(given, fitting)
solutions = own.solutions(study, networks, used.train, seed=seed, **options)
objective = solutions["your network", seed].objective
time = Budget(budget, objective)

# %% Measure loss, gradient, steps uphill and the ends of the spectrum
slopes = ["loss", "gradient_norm", "sam", "sam_adaptive", "rounding"]
slopes += ["train_accuracy"] if own.has_accuracy(objective) else []
radii, count = {"rho": rho, "rho_adaptive": rho_adaptive}, len(networks)
slope = study.measure(solutions, slopes, **radii)
extremes = ["lambda_max", "lambda_min", "kappa"]
vectors = own.most_vectors(objective)  # held at once
held = {"max_basis": vectors}
ends = time.measure(
    "the ends of the spectrum",
    lambda: study.measure(solutions, extremes, **held),
    products=100 * count,
) or time.measure(
    "λ_max to 1%",
    lambda: study.measure(solutions, ["lambda_max"], tol=1e-2, **held),
    products=15 * count,
)
relative = time.measure(
    "λ_max in filter norms",
    lambda: study.measure(solutions, ["lambda_max_relative"], **held),
    products=60 * count,
)
noise = None
if bn != "batch":
    noise = time.measure(
        "gradient noise",
        lambda: study.measure(solutions, ["noise_trace", "noise_scale"]),
        passes=5 * count,
    )
numbers = joined(slope, ends, relative, noise)
tables.single_numbers(
    numbers,
    [*slopes, *extremes, "lambda_max_relative", "noise_trace", "noise_scale"],
    label="tab-numbers",
    caption=f"{formatting.count_text(objective.n)} parameters, "
    f"{formatting.count_text(used.train_size)} examples, BN {formatting.policy_text(bn)}, "
    f"seed {seed}.",
)

# %% [markdown]
# ## The spectrum of the Hessian
#
# Eigenvalues are curvatures: along an eigenvector the loss is a parabola of this second derivative,
# as far as the quadratic model holds. The trace is their sum.

# %% Measure both ends and the density, and the trace layer by layer
traces = time.measure(
    "the traces of the layers",
    lambda: study.layer_traces(solutions, probes=layer_probes),
    products=layer_probes * count,
)
spectra = time.measure(
    "eigenvalues and density",
    lambda: study.spectra(
        solutions,
        outliers=outliers,
        probes=density_probes,
        steps=min(density_steps, vectors),
        max_products=vectors,
    ),
    products=(min(30 * outliers, vectors) + density_probes * density_steps) * count,
)
by_arm = spectra.grouped("arm") if spectra else {}
display.show(
    tables.single_eigenvalues(
        by_arm, label="tab-eigenvalues", caption="Each residual bounds the eigenvalue's error."
    ),
    figures.single_spectra(
        by_arm,
        unit=unit,
        label="fig-density",
        caption="The density shows which share of the eigenvalues lies at λ; ticks mark the "
        "outermost ones.",
    ),
    tables.single_layers(
        {str(arm): one for (arm, _), one in (traces or {}).items()},
        label="tab-layers",
        caption="The trace of each layer's block of the Hessian, and its share of the whole.",
    ),
)

# %% [markdown]
# ## Lines and a plane through the network
#
# Directions are random, filter by filter as long as the weights [@li2018], so that 1 doubles the
# norm of a filter. The quadratic prediction comes from the gradient and the Hessian at the centre.

# %% Measure lines and planes
lines = time.measure(
    "lines",
    lambda: study.lines(solutions, points=line_points, count=line_count, reach=reach),
    passes=line_points * line_count * count,
)
planes = time.measure(
    "planes",
    lambda: study.random_planes(solutions, points=plane_points, reach=reach),
    products=2 * count,
    passes=plane_points**2 * count,
)
shapes = joined()
if planes:
    radii = time.measure("where the model holds", lambda: study.quadratic_radii(planes))
    ranges = time.measure("range and roughness", lambda: study.shapes(planes))
    shapes = joined(ranges, radii)
display.show(
    figures.single_lines(
        lines,
        unit=unit,
        label="fig-lines",
        caption=f"Loss along {line_count} random directions: their median, and the middle 80%.",
    ),
    *figures.single_planes(
        planes, unit=unit, label="fig-plane", caption="The loss on a random plane."
    ),
    tables.single_numbers(
        shapes,
        ["loss_range", "roughness", "quadratic_radius"],
        label="tab-plane",
        caption="Up to its radius, in filter norms, the quadratic model predicts the plane's rise "
        "to 10%.",
    ),
)

# %% [markdown]
# ## Paths to the other network
#
# Without a second network this section is empty: give one by `compare`.

# %% Measure straight, aligned and curved paths
routes = {}
if compare:
    ends_of_paths, policies = own.pair(solutions), own.path_policies(networks["your network"], bn)
    curve = CurveConfig("bezier", epochs=curve_epochs, learning_rate=curve_rate, seed=seed)
    usual, last = {"policies": policies}, {"policies": policies[-1:]}
    straight, aligned, curved = (
        time.measure(
            name,
            functools.partial(study.paths, ends_of_paths, points=path_points, **settings),
            passes=(path_points + extra) * len(settings["policies"]),
        )
        for name, settings, extra in (
            ("the straight path", usual | {"kinds": ("straight",)}, 0),
            ("the aligned path", usual | {"kinds": ("aligned",)}, 10),
            ("the trained curve", last | {"kinds": (), "curve": curve}, 4 * curve_epochs),
        )
    )
    routes = own.named_paths(straight, aligned, curved)
    display.show(
        tables.single_paths(
            routes,
            label="tab-paths",
            caption="The barrier is the largest height of the loss above the line between the "
            "losses of the two ends.",
        ),
        figures.single_paths(
            routes, unit=unit, label="fig-paths", caption="Along the paths between the networks."
        ),
    )

# %% [markdown]
# ## What was found

# %% State the findings
statements = own.findings(numbers, shapes, routes, unit=unit, examples=used.train_size)
study.close("Your own network")
display.show(display.Findings(*statements), tables.closing(study, evidence=True))

# %% [markdown]
# ## Discussion

# %% Say what was left out, and what the numbers mean for training
display.show(time.sentences(), own.advice(numbers))

# %% [markdown]
# **What would change it.** All numbers are of these examples: $\lambda_{\max}$ of a few hundred
# examples can differ from $\lambda_{\max}$ of all, so measure twice as many and compare. With one
# network there is no interval over seeds; compare networks of several seeds before you call one
# flatter. Sharpness falls with the training loss, and depends on the mode of batch normalisation.
