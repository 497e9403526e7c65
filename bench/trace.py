"""Methods for the trace, compared on spectra of networks: ``python -m bench.trace``.

All vectors here are rotationally invariant, so that errors depend on eigenvalues alone: each method
runs on the diagonal matrix of a network's eigenvalues, in no time.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from landscape import data, models, rng, spectrum, training
from landscape.objective import Objective
from landscape.operators import SymmetricOperator
from landscape.store.entries import Store

from bench.tables import markdown, publish

Method = Callable[[np.ndarray, int, np.random.Generator], float]

CONFIGS = {
    f"{title}, {epochs} epochs": training.TrainConfig(
        model=model, optimizer=training.SGD(0.05, momentum=0.9), epochs=epochs
    )
    for title, model in (
        ("CNN with BN", models.CNN(channels=(8, 16), hidden=32, norm="batch")),
        ("CNN without BN", models.CNN(channels=(8, 16), hidden=32, norm="none")),
        ("MLP", models.MLP(hidden=(32, 32))),
    )
    for epochs in (3, 20)
}


def sphere(n: int, count: int, numbers: np.random.Generator, q: np.ndarray | None = None):
    """Return vectors (n, count) of norm √d, uniform on the sphere orthogonal to q (n, n - d)."""
    z = numbers.standard_normal((n, count))
    if q is not None:
        z -= q @ (q.T @ z)
    d = n - (0 if q is None else q.shape[1])
    return z * d**0.5 / np.linalg.norm(z, axis=0)


def hutchinson(values: np.ndarray, products: int, numbers: np.random.Generator) -> float:
    """Hutchinson (1989): the mean of ⟨z, A z⟩."""
    z = sphere(len(values), products, numbers)
    return float((z * z * values[:, None]).sum(0).mean())


def hutch_plus_plus(values: np.ndarray, products: int, numbers: np.random.Generator) -> float:
    """Meyer, Musco, Musco and Woodruff (2021): a random sketch's range, a third of the products."""
    third = products // 3
    a = values[:, None]
    q = np.linalg.qr(a * numbers.standard_normal((len(values), third)))[0]
    z = sphere(len(values), products - 2 * third, numbers, q)
    return float((q * q * a).sum() + (z * z * a).sum(0).mean())


def xtrace(values: np.ndarray, products: int, numbers: np.random.Generator) -> float:
    """Epperly, Tropp and Webber (2024): each sketch vector is the probe of the others' range."""
    n, half, a = len(values), products // 2, values[:, None]
    omega = sphere(n, half, numbers)
    q, r = np.linalg.qr(a * omega)
    s = np.linalg.inv(r).T
    s /= np.linalg.norm(s, axis=0)
    z = a * q
    h, w, t = q.T @ z, q.T @ omega, z.T @ omega
    dot = {
        name: (left * right).sum(0)
        for name, left, right in (
            ("sw", s, w),
            ("shs", s, h @ s),
            ("tw", t, w),
            ("whw", w, h @ w),
            ("srhw", s, r - h @ w),
            ("tshw", t - h.T @ w, s),
        )
    }
    scale = (n - half + 1) / (n - (w**2).sum(0) + dot["sw"] ** 2)
    rest = dot["whw"] - dot["tw"] + dot["tshw"] * dot["sw"] + dot["sw"] ** 2 * dot["shs"]
    each = np.trace(h) - dot["shs"] + (rest + dot["sw"] * dot["srhw"]) * scale
    return float(each.mean())


def lanczos(share: float) -> Method:
    """Return the method of ``spectrum.trace`` with a fixed share of products for the basis."""

    def method(values: np.ndarray, products: int, numbers: np.random.Generator) -> float:
        n, steps, a = len(values), int(products * share), values[:, None]
        q = np.zeros((n, steps))
        v = numbers.standard_normal(n)
        for step in range(steps):
            q[:, step] = v / np.linalg.norm(v)
            v = values * q[:, step]
            for _ in range(2):
                v -= q[:, : step + 1] @ (q[:, : step + 1].T @ v)
        z = sphere(n, products - steps, numbers, q)
        return float((q * q * a).sum() + (z * z * a).sum(0).mean())

    return method


METHODS: dict[str, Method] = {
    "Hutchinson": hutchinson,
    "Hutch++": hutch_plus_plus,
    "XTrace": xtrace,
    **{f"Lanczos {share:.0%}": lanczos(share) for share in (0.1, 0.25, 0.5, 0.75)},
}


def spectra(configs: dict, store: Store, examples: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the eigenvalues of each trained network's Hessian, from the dense matrix in float64."""
    digits = data.load("digits")
    for name, run in training.sweep(configs, digits, store).items():
        objective = Objective(run.model(), digits.first(examples), dtype=torch.float64)
        hessian = objective.hessian(objective.theta)
        yield name[0], store.remember(eigenvalues, hessian).numpy()


def eigenvalues(op: SymmetricOperator) -> torch.Tensor:
    """Return all eigenvalues (n,) of an operator, from its dense matrix: a minute or two."""
    dense = op.to_dense()
    return torch.linalg.eigvalsh((dense + dense.T) / 2)


def rows(name: str, values: np.ndarray, products: Sequence[int], trials: int) -> list[list[str]]:
    """Return the root mean square relative error of every method, at equal products."""
    true, numbers = values.sum(), np.random.default_rng(0)
    lines = []
    for count in products:
        cells = []
        for method in METHODS.values():
            found = np.array([method(values, count, numbers) for _ in range(trials)])
            cells.append(f"{100 * np.sqrt(((found - true) ** 2).mean()) / abs(true):.2f}%")
        lines.append([f"{name} (n = {len(values)})", str(count), *cells])
    return lines


def adaptive(name: str, values: np.ndarray, rtol: float, trials: int) -> list[str]:
    """Return what ``spectrum.trace`` needs for a relative standard error."""
    diagonal = torch.from_numpy(values)
    op = SymmetricOperator(len(values), lambda v: diagonal * v)
    found = [
        spectrum.trace(op, rtol=rtol, generator=rng.stream(seed, "bench", "trace"))
        for seed in range(trials)
    ]
    errors = np.array([estimate.value for estimate in found]) / values.sum() - 1
    products = [estimate.products for estimate in found]
    cost = f"{np.mean(products):.0f} [{min(products)}, {max(products)}]"
    return [name, f"{rtol:.1%}", cost, f"{100 * np.sqrt((errors**2).mean()):.2f}%"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables, and write them into a README if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build-dir", type=Path, default=Path("build"))
    parser.add_argument("--examples", type=int, default=512)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--products", type=int, nargs="+", default=[60, 200])
    parser.add_argument("--publish", type=Path, help="README whose tables are renewed")
    options = parser.parse_args(arguments)
    fixed, free = [], []
    for name, values in spectra(CONFIGS, Store(options.build_dir / "store"), options.examples):
        fixed += rows(name, values, options.products, options.trials)
        free += [adaptive(name, values, rtol, options.trials) for rtol in (0.05, 0.01)]
    text = markdown(["network", "products", *METHODS], fixed) + "\n\n"
    text += markdown(["network", "asked for", "products [least, most]", "error"], free)
    print(text)
    if options.publish:
        publish(options.publish, text.strip(), "trace")


if __name__ == "__main__":
    main()
