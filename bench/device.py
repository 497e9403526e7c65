"""Check and time one device, such as a GPU: ``python -m bench.device``. Ends within 8 minutes.

A ResNet-20 on random images of the size of CIFAR-10, so that no data are needed: loss, gradient and
Hessian products against the CPU in float64; the time of a product beside that of a gradient; points
a second of a plane of 51 x 51, beside loss-landscapes where that is installed; epochs of training a
minute. Without a GPU it says so and measures nothing, unless ``--device cpu`` asks for a rehearsal.
"""

from __future__ import annotations

import argparse
import copy
import functools
import importlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from landscape import data, models, rng, slices, training
from landscape.objective import Objective
from landscape.slices.line import random_direction
from landscape.store.entries import Store
from landscape.training.placed import checked_device

from bench import grids

ASKED = 2.2  # Most times that of a gradient which a product may take.
POINTS = 51


class Sizes:
    """How much is measured.

    Args:
        quick: Whether as little as a CPU does in seconds.
    """

    def __init__(self, quick: bool) -> None:
        self.model = models.ResNet(depth=8, width=0.25) if quick else models.ResNet()
        self.side = 8 if quick else 32
        self.examples = 64 if quick else 1024
        self.train = 256 if quick else 50_000
        self.repeats = 3 if quick else 15
        self.seconds = 1.0 if quick else 40.0  # For a plane.


def synchronize(device: torch.device) -> None:
    """Wait until a device has done what it was given."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def seconds(function: Callable[[], Any], device: torch.device) -> float:
    """Return the seconds of one call, with all that it gave the device to do."""
    synchronize(device)
    begun = time.perf_counter()
    function()
    synchronize(device)
    return time.perf_counter() - begun


def random_images(sizes: Sizes) -> data.Dataset:
    """Return images of noise with labels of noise, of the size of CIFAR-10."""
    generator = rng.stream(0, "bench", "device")
    shape = (3, sizes.side, sizes.side)

    def split(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        inputs = torch.randn((count, *shape), generator=generator)
        return inputs, torch.randint(10, (count,), generator=generator)

    (x, y), (x_test, y_test) = split(sizes.train), split(max(64, sizes.train // 5))
    return data.Dataset("noise", x, y, x_test, y_test, classes=10, sha256="noise")


class Rows:
    """Measures one device, row by row.

    Args:
        device: The device.
        sizes: How much is measured.
        peers: Folder of other tools.
    """

    def __init__(self, device: torch.device, sizes: Sizes, peers: Path) -> None:
        self.device, self.sizes, self.peers = device, sizes, peers
        shape = (3, sizes.side, sizes.side)
        self.images = random_images(sizes)
        self.examples = self.images.first(sizes.examples)
        self.model = sizes.model.build(shape, 10, seed=0).eval()

    def objective(self, device: torch.device, dtype: torch.dtype) -> Objective:
        """Return the objective on a device."""
        return Objective(copy.deepcopy(self.model).to(device), self.examples, dtype=dtype)

    def correctness(self) -> Iterator[str]:
        """Compare with the CPU in float64."""
        exact = self.objective(torch.device("cpu"), torch.float64)
        v = torch.randn(exact.n, generator=rng.stream(0, "v"), dtype=torch.float64)
        few = {"examples": self.images.first(min(128, self.sizes.examples))}
        exact = exact.replace(**few)
        want = exact.loss(), exact.gradient(), exact.hessian() @ v
        types = [torch.float32] if self.device.type == "mps" else [torch.float32, torch.float64]
        for dtype in types:
            L = self.objective(self.device, dtype).replace(**few)
            product = (L.hessian() @ v.to(self.device)).cpu()
            gradient, loss = L.gradient().cpu(), L.loss()
            errors = (
                abs(loss - want[0]) / want[0],
                float((gradient - want[1]).norm() / want[1].norm()),
                float((product - want[2]).norm() / want[2].norm()),
            )
            yield (
                f"{str(dtype).removeprefix('torch.')} against CPU float64: relative error of the "
                f"loss {errors[0]:.1e}, gradient {errors[1]:.1e}, Hessian product {errors[2]:.1e}"
            )
            limit = 1e-9 if dtype == torch.float64 else 1e-2
            if not all(error <= limit for error in errors):  # Also where one is NaN.
                yield f"WRONG: an error above {limit:g}"

    def products(self) -> Iterator[str]:
        """Time a Hessian product beside a gradient, in turns."""
        L = self.objective(self.device, torch.float32)
        H = L.hessian()
        v = torch.randn(L.n, dtype=torch.float64, generator=rng.stream(0, "v")).to(self.device)
        times: dict[str, list[float]] = {"gradient": [], "product": []}
        for repeat in range(self.sizes.repeats + 2):
            for name, call in (("gradient", L.gradient), ("product", lambda: H @ v)):
                spent = seconds(call, self.device)
                if repeat >= 2:  # The first choose algorithms and build the graphs.
                    times[name].append(spent)
        gradient, product = (statistics.median(times[name]) for name in ("gradient", "product"))
        ratio = product / gradient
        yield (
            f"Hessian product {1e3 * product:.1f} ms, gradient {1e3 * gradient:.1f} ms on "
            f"{self.sizes.examples} examples: ratio {ratio:.2f}, asked at most {ASKED} "
            f"({'holds' if ratio <= ASKED else 'MISSED'})"
        )

    def plane(self) -> Iterator[str]:
        """Time rows of a plane of 51 x 51, and those of loss-landscapes."""
        L = self.objective(self.device, torch.float32)
        d1, d2 = (random_direction(L, L.theta, 0, "plane", axis) for axis in (1, 2))
        betas = torch.linspace(-1, 1, POINTS, dtype=torch.float64)
        slices.plane(L, None, d1, d2, alphas=betas[:1], betas=betas[:3])  # Not timed.
        spent, rows = 0.0, 0
        while rows < POINTS and spent < self.sizes.seconds:
            row = {"alphas": betas[rows : rows + 1], "betas": betas}
            spent += seconds(lambda row=row: slices.plane(L, None, d1, d2, **row), self.device)  # type: ignore[misc]  # bound by default
            rows += 1
        ours = rows * POINTS / spent
        yield (
            f"plane of {POINTS} x {POINTS}, {self.sizes.examples} examples: {ours:.1f} points a "
            f"second ({rows} rows timed)"
        )
        if reason := grids.load_peer(self.peers):
            yield f"loss-landscapes {reason}: install it with bench/peers.txt to compare"
            return
        peers = self.peer_points()
        yield f"loss-landscapes: {peers:.1f} points a second; ours: {ours / peers:.1f} times that"

    def peer_points(self) -> float:
        """Return the points a second of loss-landscapes on a small grid of the same plane."""
        peer = importlib.import_module("loss_landscapes")
        metrics = importlib.import_module("loss_landscapes.metrics")
        inputs, targets = (part.to(self.device) for part in self.examples)
        metric = metrics.Loss(torch.nn.CrossEntropyLoss(), inputs, targets)
        model = copy.deepcopy(self.model).to(self.device)

        def grid(steps: int) -> None:
            with torch.no_grad():
                peer.random_plane(model, metric, distance=1, steps=steps, normalization="filter")

        grid(2)
        steps, spent = 5, 0.0
        while spent < self.sizes.seconds / 10 and steps < POINTS:
            spent = seconds(functools.partial(grid, steps), self.device)
            points, steps = steps**2, 2 * steps
        return points / spent

    def training(self) -> Iterator[str]:
        """Time an epoch, without measuring the network, in float32 and by autocast in bfloat16."""
        for precision in ("float32", "bfloat16"):
            config = training.TrainConfig(
                self.sizes.model,
                training.SGD(0.1, momentum=0.9),
                epochs=1,
                batch_size=128,
                precision=precision,
            )
            with tempfile.TemporaryDirectory() as folder:
                place = (self.device, config, self.images, Store(folder))
                spent = seconds(lambda: training.train_on(*place, deterministic=False), self.device)  # noqa: B023  # called at once
            yield (
                f"training in {precision}: {60 / spent:.2f} epochs of {self.sizes.train:,} images "
                "a minute, with the losses of all examples before and after"
            )


def main(arguments: list[str] | None = None) -> int:
    """Measure a device; return 1 if a result is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.device", description=__doc__)
    parser.add_argument("--device", default="", help="default: the accelerator that is there")
    parser.add_argument("--quick", action="store_true", help="a rehearsal in seconds")
    parser.add_argument("--peers", type=Path, default=Path("build/bench/peers"))
    parser.add_argument("--minutes", type=float, default=8.0)
    given = parser.parse_args(arguments)
    here = torch.accelerator.current_accelerator(check_available=True)
    if not given.device and here is None:
        print(f"no GPU: PyTorch {torch.__version__} finds none here. Nothing was measured.")
        return 0
    device = checked_device(given.device or str(here))
    torch.backends.cudnn.allow_tf32 = False  # Ten bits of a product are too few for curvature.
    os.environ.setdefault("LANDSCAPE_PROGRESS", "off")  # A bar would be timed as well.
    begun, wrong = time.monotonic(), False
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    print(f"{name}, PyTorch {torch.__version__}, TF32 off", flush=True)
    rows = Rows(device, Sizes(given.quick), given.peers)
    for measure in (rows.correctness, rows.products, rows.plane, rows.training):
        if time.monotonic() - begun > 60 * given.minutes * 0.7:
            print(f"{measure.__name__}: left out, {given.minutes:g} minutes are nearly over")
            continue
        for line in measure():
            wrong |= line.startswith("WRONG")
            print(f"{time.monotonic() - begun:5.0f} s  {line}", flush=True)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
