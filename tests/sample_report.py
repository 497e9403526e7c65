"""A small executed profile, written without running anything: what the report's tests read."""

import io
import json
from pathlib import Path

import matplotlib
import nbformat
import numpy as np
from matplotlib.figure import Figure
from nbformat import v4

INK = "#24292f"
STUDIES = ["01_bn_ablation", "07_theory", "09_verdicts"]

BN_TITLE = """# What does batch normalisation do to curvature?
**Question.** Does batch normalisation raise $\\lambda_{\\max}$ of the Hessian, and does the
sharper network generalise worse?

**Measured.** The extreme eigenvalues of $\\nabla^2 L(\\theta)$ over a fixed set of examples, five
seeds an arm, seeds paired. [](#fig-training) shows the training,
[the numbers](#tab-curvature) give the curvature, [the limits](#limits) what was not varied.
- one arm with normalisation
- one arm without, the same architecture otherwise"""
BN_METHOD = """## Curvature
The Hessian of the mean loss is
$$\\nabla^2 L(\\theta) = \\frac{1}{N}\\sum_{i=1}^{N} \\nabla^2_\\theta\\,
\\ell\\bigl(f_\\theta(x_i), y_i\\bigr), \\qquad
\\lambda_{\\max} = \\max_{\\lVert v\\rVert_2=1} v^\\top \\nabla^2 L\\, v .$$
The operator acts on a vector by `objective.hessian(theta) @ v`; a link in code,
`[text](#nowhere)`, is no reference. Mail to @reader is no citation, and 5 ~ 6 is no subscript.

> A sharper network is not a worse one: curvature in raw parameters can be rescaled at will.

### How it converges
Lanczos with full reorthogonalisation stops when
$\\lVert Hu - \\rho u\\rVert \\le 10^{-3}|\\rho|$."""


def svg(figure: Figure) -> str:
    """The figure as the plots module saves it: text as paths, one ink, nothing behind it."""
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": "sample"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return buffer.getvalue()


def curves() -> str:
    """Two training curves with a band and a legend."""
    style = {key: INK for key in ("text.color", "axes.edgecolor", "axes.labelcolor")}
    style |= {"xtick.color": INK, "ytick.color": INK, "legend.facecolor": "#ffffff"}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(8.6, 3.2), layout="constrained")
        for axis, what in zip(figure.subplots(1, 2), ("train loss", "test loss"), strict=True):
            epoch = np.arange(1, 7)
            for colour, rate, name in (("#0f6fa8", 0.55, "BN"), ("#c4551b", 0.35, "none")):
                loss = np.exp(-rate * epoch) + 0.1
                axis.plot(epoch, loss, color=colour, label=name)
                axis.fill_between(epoch, loss * 0.9, loss * 1.1, color=colour, alpha=0.2, lw=0)
            axis.set(xlabel="epoch", ylabel=f"{what} (nats)")
            axis.legend()
    return svg(figure)


def plane() -> str:
    """A filled contour plane with a colour bar."""
    style = {key: INK for key in ("text.color", "axes.edgecolor", "axes.labelcolor")}
    with matplotlib.rc_context(style | {"xtick.color": INK, "ytick.color": INK}):
        figure = Figure(figsize=(4.8, 3.6), layout="constrained")
        axis = figure.subplots()
        grid = np.linspace(-1, 1, 21)
        values = 4 * grid[:, None] ** 2 + 0.5 * grid[None, :] ** 2
        figure.colorbar(axis.contourf(grid, grid, values, levels=10), label="loss (nats)")
        axis.set(xlabel="α", ylabel="β", aspect="equal")
    return svg(figure)


def show(data: dict, **landscape) -> nbformat.NotebookNode:
    """A displayed output with the metadata that the report reads."""
    metadata = {"landscape": landscape} if landscape else {}
    return v4.new_output("display_data", {"text/plain": "<shown>"} | data, metadata=metadata)


def figure(source: str, label: str, caption: str, alt: str) -> nbformat.NotebookNode:
    """A figure's output."""
    data = {"image/svg+xml": source}
    return show(data, kind="figure", label=label, caption=caption, alt=alt)


def table(label: str, caption: str, columns: list, rows: list, align: list):
    """A table's output, with the representations that plain Jupyter shows."""
    lines = [columns, ["---"] * len(columns), *rows]
    data = {
        "text/html": "<table><tr><td>for Jupyter</td></tr></table>",
        "text/markdown": "\n".join("| " + " | ".join(line) + " |" for line in lines),
    }
    facts = {"columns": columns, "rows": rows, "align": align}
    return show(data, kind="table", label=label, caption=caption, **facts)


def verdict(row: dict) -> nbformat.NotebookNode:
    """The box of a judgement."""
    text = f"**{row['id']}: {row['verdict']}.** {row['sentence']}"
    facts = {"id": row["id"], "verdict": row["verdict"], "label": f"verdict-{row['id']}"}
    return show({"text/markdown": text}, kind="verdict", **facts)


def judgement(id: str, verdict: str, statement: str, source: str, sentence: str, **more) -> dict:
    """A row of verdicts.json, with what the report reads of it and something that it does not."""
    claim = id.rstrip("abc")
    return {
        "id": id,
        "claim": claim,
        "source": claim.split(".")[0],
        "statement": statement,
        "setting": "the source's",
        "verdict": verdict,
        "sentence": sentence,
        "size": {"word": "no", "numbers": [1.52], "text": source},
        "checks": {"estimator": {"word": "holds"}, "BN mode": {"word": "not run"}},
        "depends_on": [],
        "rule": {"side": "above", "border": 1.0, "former": "", "commit": "4f2a9c1e5b7d"},
        "unknown": None,
        **more,
    }


JUDGEMENTS = [
    judgement(
        "S1.1",
        "undecided",
        "BN gives better test accuracy and steadier training",
        "figures only",
        "Test accuracy may be higher or lower with BN (difference 0.4 points, −0.2 to 1.0, n = 5)",
    ),
    judgement(
        "S1.2",
        "reproduced",
        "BN raises the top Hessian eigenvalue",
        "57.18 (BN) against 37.51",
        "λ_max is 1.52 times larger with BN (1.20 to 1.91, n = 5)",
        depends_on=["training loss"],
        checks={"estimator": {"word": "holds"}, "training loss": {"word": "gone"}},
        rule={"commit": "4f2a9c1e5b7d", "former": "inconclusive", "reason_of_change": "equality"},
    ),
    judgement(
        "S1.5a",
        "contradicted",
        "linear interpolation between two BN seeds meets a loss barrier",
        "figure only",
        "The barrier is 0.008 nats high (0.003 to 0.012, n = 10)",
    ),
    judgement(
        "S2.9",
        "not judged",
        "p(θ) ~ exp(-L/T)/sqrt(det H): it likes broad minima",
        "formula",
        "",
        reason="no stationary density was reached: the drift of the loss is above its noise",
        rule=None,
    ),
]


CLAIMS = [
    {
        "claim": id,
        "source": id.partition(".")[0],
        "statement": statement,
        "finding": finding,
        "verdict": verdict,
        "headline": verdict,
        "ids": [part],
        "studies": studies,
        "evidence": evidence,
    }
    for id, part, statement, finding, verdict, studies, evidence in (
        ("S1.1", "S1.1", "BN is better.", "It may be.", "undecided", ["01_bn_ablation"], []),
        (
            "S1.2",
            "S1.2",
            "BN raises λ_max.",
            "It does.",
            "reproduced",
            ["01_bn_ablation"],
            ["01_bn_ablation/fig-plane", "01_bn_ablation/tab-curvature", "05_dynamics/fig-a"],
        ),
        ("S1.5", "S1.5a", "A barrier.", "There is none.", "contradicted", ["07_theory"], []),
        ("S2.9", "S2.9", "It samples.", "Nothing was reached.", "not judged", [], []),
    )
]
HIGHLIGHTS = [
    {
        "title": f"Finding {number}",
        "text": f"It is **{number}** times as large, $p < 0.01$.",
        "claims": ["S1.2"],
        "figure": "01_bn_ablation/fig-training",
    }
    for number in range(1, 5)
]
OPENING = {
    "highlights": HIGHLIGHTS,
    "abstract": "Do claims survive controls? Of 4 claims, 1 does.",
    "example": "S1.2 is *reproduced*: the interval lies above 1.",
}


def bn_study(profile: str) -> nbformat.NotebookNode:
    """A study with every kind of output."""
    curvature = table(
        "tab-curvature",
        "Extreme eigenvalues, mean ± 95 % over seeds; *Ratio* holds the interval. "
        "Measured where [the curves](#fig-training) end.",
        ["Arm", "$\\lambda_{\\max}$", "$\\lambda_{\\min}$", "Ratio", "Examples", "Converged"],
        [
            ["BN", "57.2 ± 3.1", "−4.25", "1.52 [1.20, 1.91]", "10,000", "5 of 5"],
            ["no normalisation", "137.51 ± 12.25", "−0.9", "1", "512", "4 of 5, see $\\rho$"],
            [
                "twin of [BN](#verdict-S1.2)",
                "8 ± 0.4",
                "diverged",
                "0.2 [0.1, 10.1]",
                "60,000",
                "—",
            ],
        ],
        ["left", "decimal", "decimal", "decimal", "decimal", "left"],
    )
    wide = table(
        "tab-seeds",
        "Every seed, so that nobody has to trust the mean.",
        ["Seed", *[f"$\\lambda_{{{k}}}$ after {k} epochs" for k in range(1, 9)]],
        [[str(s), *[f"{10.5 * s + 3.75 * k:.2f}" for k in range(1, 9)]] for s in range(5)],
        ["left", *["decimal"] * 8],
    )
    log = v4.new_output("stream", name="stdout", text="seed 0: epoch 1, loss 0.42\nseed 0: done\n")
    code = "import landscape\n\nruns = landscape.sweep(configs, seeds=seeds)  # five an arm\nruns"
    loop = 'for name, run in runs.items():\n    print(f"{name}: {run.loss:.3f}", 0.05, None)'
    training = figure(
        curves(),
        "fig-training",
        "Loss over six epochs; bands are 95 % intervals over five seeds. See $\\eta = 0.05$.",
        'Two panels of falling curves; the "BN" curve lies below & stays there.',
    )
    level = figure(
        plane(),
        "fig-plane",
        "A filter-normalised plane through the solution.",
        "An elongated bowl.",
    )
    injected = v4.new_code_cell(
        f'profile = "{profile}"', metadata={"tags": ["injected-parameters"]}
    )
    parameters = v4.new_code_cell('profile = "quick"', metadata={"tags": ["parameters"]})
    prose = show({"text/markdown": "The ratio is **1.52** (prose that code wrote), $p < 0.01$."})
    cells = [
        v4.new_markdown_cell(BN_TITLE),
        parameters,
        injected,
        v4.new_markdown_cell("## Training\nBoth arms see the same batches."),
        v4.new_code_cell(code, execution_count=3, outputs=[log, training]),
        v4.new_markdown_cell(BN_METHOD),
        v4.new_code_cell(loop, execution_count=4, outputs=[curvature, prose, level, wide]),
        v4.new_markdown_cell("## Limits\nOne architecture, one data set. See [above](#curvature)."),
    ]
    return v4.new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})


def theory_study() -> nbformat.NotebookNode:
    """A second study, which refers to the first and repeats one of its labels."""
    opening = (
        "# Which formulas hold?\n"
        "**Question.** Does $p(\\theta) \\propto e^{-L/T}$ describe SGD?\n\n"
        "Compare [the curvature](#01_bn_ablation/tab-curvature), "
        "[S](#verdict-S1.2), [an absent study](#05_dynamics/fig-a) and "
        "[our own curves](#fig-training)."
    )
    own = figure(curves(), "fig-training", "The same curves again.", "Falling curves.")
    cells = [
        v4.new_markdown_cell(opening),
        v4.new_markdown_cell("## Stationarity"),
        v4.new_code_cell("plots.show()", outputs=[own]),
        v4.new_markdown_cell(
            "## Limits\nAll else.\n\n|"
            + " a long heading |" * 9
            + "\n|"
            + "---|" * 9
            + "\n|"
            + " 1 |" * 9
        ),
    ]
    return v4.new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})


def verdicts_study(rows: list = JUDGEMENTS) -> nbformat.NotebookNode:
    """The notebook that judges, with a box for each judgement."""
    cells = [
        v4.new_markdown_cell("# Which claims stood?\n**Question.** Which of them fell?"),
        v4.new_markdown_cell("## Normalisation"),
        v4.new_code_cell("show(judgements)", outputs=[verdict(row) for row in rows]),
    ]
    return v4.new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})


def write_sample(profile_dir: Path) -> Path:
    """Write two executed studies and their verdicts, with provenance, into a profile's folder."""
    notebooks = (bn_study(profile_dir.name), theory_study(), verdicts_study())
    for name, notebook in zip(STUDIES, notebooks, strict=True):
        write_study(profile_dir, name, notebook)
    write_verdicts(profile_dir)
    return profile_dir


def write_verdicts(profile_dir: Path, rows: list = JUDGEMENTS) -> None:
    """Write the file of verdicts, with what the report opens with."""
    path = profile_dir / "results" / "09_verdicts" / "verdicts.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    claims = [claim for claim in CLAIMS if {*claim["ids"]} <= {row["id"] for row in rows}]
    content = {"judgements": rows, "claims": claims, **OPENING}
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def write_study(profile_dir: Path, name: str, notebook: nbformat.NotebookNode) -> None:
    """Write one executed study."""
    provenance = {
        "study": name,
        "profile": profile_dir.name,
        "commit": "4f2a9c1e5b7d8036a1f4c2e9d0b6a7853c1e2f40",
        "dirty": True,
        "parameters": {"dataset": "fashion_mnist", "epochs": 6, "seeds": [0, 1, 2, 3, 4]},
        "seeds": [0, 1, 2, 3, 4],
        "versions": {"python": "3.11.9", "torch": "2.13.0", "numpy": "2.4.6"},
        "hardware": {"cpu": "x86-64", "cores": 2, "threads": 2, "memory_gb": 24},
        "compute_seconds": 7384.2,
        "data": {"fashion_mnist": {"sha256": "9f" * 32, "train": 60000, "test": 10000}},
    }
    path = profile_dir / "provenance" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(provenance, ensure_ascii=False), encoding="utf-8")
    nbformat.write(notebook, profile_dir / f"{name}.ipynb")


def readme_places() -> str:
    """Return a README's places for what verdicts say, empty."""
    names = ("answer", "figure", "verdicts")
    return "".join(f"<!-- {name}:begin -->\nold\n<!-- {name}:end -->\n" for name in names)
