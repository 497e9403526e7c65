"""How often 95% intervals cover the truth, on known operators: ``python -m bench.coverage``."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from landscape import rng, spectrum
from landscape.operators import SymmetricOperator, from_matrix

from bench.tables import markdown, publish


def draws(name: str, count: int) -> np.ndarray:
    """Return standard normal numbers (count,)."""
    generator = rng.stream(0, "bench", "coverage", name)
    return torch.randn(count, dtype=torch.float64, generator=generator).numpy()


SPECTRA = {
    "six outliers, small bulk": np.r_[100.0, 60, 40, 20, 10, 5, 0.1 * draws("bulk", 200) ** 2],
    "flat, both signs": draws("flat", 200) + 0.5,
    "negative trace": -(draws("negative", 150) ** 2) - 0.1,
    "geometric": 0.9 ** np.arange(100.0),
    "thirty rows": draws("small", 30) + 1,
    "rank 8 of 108": np.r_[np.abs(draws("rank", 8)), np.zeros(100)],
}
SETTINGS = ({"probes": 2}, {"probes": 4}, {"probes": 10}, {"probes": 30}, {"rtol": 0.05})


def operator(values: np.ndarray, *, dense: bool) -> SymmetricOperator:
    """Return the operator with these eigenvalues, dense in random axes or diagonal."""
    if not dense:
        diagonal = torch.from_numpy(values)
        return SymmetricOperator(len(values), lambda v: diagonal * v)
    n = len(values)
    generator = rng.stream(0, "bench", "axes", n)
    q = torch.linalg.qr(torch.randn(n, n, dtype=torch.float64, generator=generator))[0]
    return from_matrix((q * torch.from_numpy(values)) @ q.T)


def row(name: str, kind: str, setting: dict, trials: int) -> list[str]:
    """Return one line: how often the truth is covered, error and stated error, products."""
    op = operator(SPECTRA[name], dense=False)
    function: Callable = getattr(spectrum, kind)
    true = SPECTRA[name].sum() if kind == "trace" else np.linalg.norm(SPECTRA[name])
    found = [
        function(op, generator=rng.stream(seed, "bench", "coverage"), **setting)
        for seed in range(trials)
    ]
    slack = 1e-12 * abs(true)  # Exact results differ from the sum by rounding.
    covered = np.mean([e.low - slack <= true <= e.high + slack for e in found])
    errors = np.array([e.value for e in found]) - true
    stated = np.sqrt(np.mean([e.stderr**2 for e in found]))
    words = " ".join(f"{key}={value}" for key, value in setting.items())
    scale = 100 / abs(true)
    return [
        kind,
        name,
        words,
        f"{covered:.1%}",
        f"{scale * np.sqrt((errors**2).mean()):.2g}%",
        f"{scale * stated:.2g}%",
        f"{np.mean([e.products for e in found]):.0f}",
    ]


def diagonal_row(name: str, probes: int, trials: int) -> list[str]:
    """Return the line of the entries of a dense operator's diagonal, all trials together."""
    op = operator(SPECTRA[name], dense=True)
    true = op.to_dense().diagonal()
    covered, errors, stated = [], [], []
    for seed in range(trials):
        found = spectrum.diagonal(op, probes=probes, generator=rng.stream(seed, "bench", "signs"))
        covered.append(((found.low <= true) & (true <= found.high)).double().mean())
        errors.append((found.values - true).square().mean())
        stated.append(found.stderr.square().mean())
    scale = 100 / float(true.square().mean().sqrt())
    return [
        "diagonal",
        name,
        f"probes={probes}",
        f"{float(torch.stack(covered).mean()):.1%}",
        f"{scale * float(torch.stack(errors).mean().sqrt()):.2g}%",
        f"{scale * float(torch.stack(stated).mean().sqrt()):.2g}%",
        str(probes),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, and write them into a README if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--publish", type=Path, help="README whose tables are renewed")
    options = parser.parse_args(arguments)
    lines = [
        row(name, kind, setting, options.trials)
        for kind in ("trace", "frobenius")
        for name in SPECTRA
        for setting in SETTINGS
    ]
    lines += [
        diagonal_row(name, probes, options.trials) for name in SPECTRA for probes in (4, 10, 30)
    ]
    head = ["quantity", "operator", "asked for", "covered", "error", "stated error", "products"]
    text = markdown(head, lines)
    print(text)
    if options.publish:
        publish(options.publish, text.strip(), "coverage")


if __name__ == "__main__":
    main()
