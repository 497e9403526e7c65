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
# # Does geometry predict generalisation?
#
# **Question.** All five sources ask whether a flat minimum generalises well. Over all networks that
# our studies trained, does any measure of geometry tell which of two networks has the lower test
# error, or the smaller gap between test and training error, and does it once their training loss
# is taken into account?
#
# **Measured.** Nothing anew: the table of networks comes from the records of the other studies. A
# pair of networks shares data, seed and all hyperparameters but one. The *sign agreement* ψ of a
# number with the outcome is the share of pairs that it orders as the outcome does, less the share
# that it orders the other way [@jiang2020]. A random number has ψ = 0.
#
# **Rule, fixed before ψ was computed.** We average ψ over environments, each of one data set, one
# model and one hyperparameter, and name the worst one [@dziugaite2020]. Intervals come from
# resampled arms, and p-values from permuted arms, corrected for all predictors.

# %% Imports
from studies import Study, display, figures, formatting, prediction, tables

# %% Parameters tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
remeasure = ""  # "stale" measures again what older code measured
published = "report/published/record"  # read where a study has no record in this profile
draws = 500  # resampled tables, and permutations, each
border = 0.05  # of p-values

# %% [markdown]
# ## The networks
#
# A run that several studies share is one network. Networks that did not learn stay in the table and
# out of the comparison, and so do networks without a recorded $\lambda_{\max}$. The CSV file
# `networks.csv` of this study's record holds a row for each network; weight norms are not recorded.

# %% Gather the networks
study = Study("08_prediction", vars())
rows = study.networks(published=published)
used = prediction.usable(rows)
outcomes, held = prediction.OUTCOMES, {"alone": "", "at equal training loss": "train_loss"}
display.Sentence(
    f"The records hold {len(rows)} networks, of which {len(used)} learned and have a recorded "
    f"λ_max, in {len({row['setting'] for row in used})} arms."
)

# %% [markdown]
# ## Which numbers order pairs of networks
#
# To take the training loss into account we regress the ranks of each predictor and of the outcome
# on those of the loss, within one model on one data set. A measure that only follows the loss then
# has ψ = 0.

# %% Compute the sign agreement
results = {
    words: {
        group: prediction.predictions(rows, outcome=name, given=given, draws=draws)
        for group, given in held.items()
    }
    for name, words in outcomes.items()
}
alone, equal = results["test error"].values()
gap_alone, gap_equal = results["generalisation gap"].values()

text, psi = formatting.interval_text, prediction.psi
numbers = {
    (outcome, group, name): psi(result, name)
    for outcome, groups in results.items()
    for group, result in groups.items()
    for name in prediction.PREDICTORS
}
error = {n: text(numbers["test error", "alone", n]) for n in prediction.PREDICTORS}
error_equal = {n: text(numbers["test error", "at equal training loss", n]) for n in error}
gap = {n: text(numbers["generalisation gap", "alone", n]) for n in error}

# %% Draw the sign agreement
listed_alone = ("lambda_max_batch", "sam_batch", "sam_adaptive", "depth", "learning_rate")
drawn = [name for name in prediction.PREDICTORS if name not in listed_alone]
telling, telling_equal = (prediction.telling(result, border) for result in (alone, equal))
listed = formatting.list_text(telling) if telling else "no measure of geometry"
listed_equal = formatting.list_text(telling_equal) if telling_equal else "none does"
figures.sign_agreements(
    results,
    drawn,
    label="fig-agreement",
    caption=f"λ_max has ψ = {error['lambda_max']} with the test error and {gap['lambda_max']} with "
    f"the gap; the training loss has {error['train_loss']} and {gap['train_loss']}. Mean ψ over "
    "environments with 95% intervals. Below basin width stand two negative controls and two "
    "positive ones.",
)

# %% Tabulate means, worst environments and p-values
among = "The corrected p-value is at most"
tables.agreements(
    {"test error": alone, "equal loss": equal},
    list(prediction.PREDICTORS),
    label="tab-agreement",
    caption=f"{among} {border:g} for {listed}; at equal training loss: {listed_equal}. Mean ψ with "
    "the test error, its lowest environment, and the p-value corrected for all predictors.",
).at("detail")

# %% Tabulate means and p-values for the gap
gap_alone, gap_equal = results["generalisation gap"].values()
gap_telling = prediction.telling(gap_alone, border)
gap_listed = formatting.list_text(gap_telling) if gap_telling else "no measure of geometry"
tables.agreements(
    {"gap": gap_alone, "equal loss": gap_equal},
    list(prediction.PREDICTORS),
    label="tab-gap",
    caption=f"{among} {border:g} for {gap_listed}. Mean ψ with the gap between test and training "
    "error, its lowest environment, and the p-value corrected for all predictors.",
).at("detail")

# %% Tabulate the environments
worst = alone.worst("lambda_max")
ends = [worst[1], prediction.highest(alone, "lambda_max")]
ends = [formatting.number_text(round(end, 2)) for end in ends]
tables.environments(
    alone,
    ["lambda_max", "lambda_max_relative", "sam", "trace", "train_loss", "random"],
    label="tab-environments",
    caption=f"ψ of λ_max with the test error ranges from {ends[0]} to {ends[1]}. An "
    "environment is one data set, its number of training examples, one model, and the "
    "hyperparameter that differs.",
).at("detail")

# %% [markdown]
# ## What was found

# %% State the findings
against = formatting.depending(
    numbers["generalisation gap", "alone", "trace"],
    above="Flatter networks have the smaller gap by the trace of the Hessian",
    below="Flatter networks have the larger gap by the trace of the Hessian",
    undecided="Whether flatter networks have the smaller gap is open by the trace of the Hessian",
)
sharper = formatting.depending(
    numbers["test error", "alone", "lambda_max"],
    above="orders pairs as the test error does",
    below="orders pairs against the test error",
    undecided="does not tell which of two networks has the lower test error",
)
study.close("Geometry as a predictor")
display.show(
    tables.closing(study, evidence=study.evidence).at("appendix"),
    display.Findings(
        f"λ_max {sharper}: ψ = {error['lambda_max']}, and {error_equal['lambda_max']} at equal "
        f"training loss; the training loss itself has {error['train_loss']} ([](#fig-agreement)).",
        f"{against}: ψ = {gap['trace']}.",
    ),
)

# %% [markdown]
# ## Discussion

# %% Answer the questions of the sources
display.show(
    display.Sentence(
        f"**Do λ_max and conditioning predict test error (S2, S3, S4)?** λ_max has ψ = "
        f"{error['lambda_max']}, the condition number {error['kappa']}; the worst environment of "
        f"λ_max has {ends[0]}."
    ),
    display.Sentence(
        f"**Does a flat minimum generalise (S1, S4)?** With the gap, the trace has ψ = "
        f"{gap['trace']} and the SAM rise {gap['sam']}. The lower the training loss, the larger "
        f"the gap ({gap['train_loss']})."
        if numbers["generalisation gap", "alone", "train_loss"].high < 0
        else f"**Does a flat minimum generalise (S1, S4)?** With the gap, the trace has ψ = "
        f"{gap['trace']} and the SAM rise {gap['sam']}."
    ),
    display.Sentence(
        f"**Is sharpness more than the training loss?** At equal training loss the trace has ψ = "
        f"{error_equal['trace']}, the SAM rise {error_equal['sam']}, and relative λ_max "
        f"{error_equal['lambda_max_relative']}."
    ),
    display.Sentence(
        f"**Does a plane show it (S5)?** The basin width has ψ = {error['basin_width']} with the "
        f"test error, and {error_equal['basin_width']} at equal training loss. It was measured "
        f"over widths of networks alone; the number of parameters has {error['parameters']}."
    ),
)

# %% [markdown]
# **What would change it.** The networks were trained for other questions, so most pairs are small
# networks on MNIST. An environment of two arms says nothing of how other arms would do. The loss
# is held equal by a regression of ranks, which leaves what does not follow a line.
