"""The exact spectrum of the Gauss-Newton matrix on its range, from the Jacobian's Gram matrix."""

import dataclasses
import math
from collections.abc import Iterator

import torch

from landscape import arguments
from landscape.measurement import Measurement, conditions
from landscape.network.batchnorm import Buffers, batchnorm_layers
from landscape.network.calling import call
from landscape.network.losses import scaled_output_factors
from landscape.network.single_path import single_path
from landscape.objective import Objective
from landscape.progress import Progress


@dataclasses.dataclass(frozen=True, kw_only=True)
class RangeSpectrum:
    """The eigenvalues of a positive semidefinite matrix A = B Bᵀ that can differ from 0.

    Attributes:
        values: Eigenvalues of the Gram matrix Bᵀ B, r of them, in decreasing order, float64.
            Those of tiny matrices may underflow to 0; rank and condition number do not.
        rank: Number of eigenvalues above ``cut``.
        cut: r · eps · λ_max, below which rounding hides an eigenvalue; eps is that of float64.
        condition: λ_max / λ_min over the eigenvalues above the cut: the condition number on the
            range. Where eigenvalues that are not 0 lie below the cut, it is a lower bound. NaN for
            the zero matrix.
        error: Rounding error of ``condition``: condition · cut / λ_min.
    """

    values: torch.Tensor
    rank: int
    cut: float
    condition: float
    error: float

    @property
    def unresolved(self) -> int:
        """Number of eigenvalues that cannot be told from 0."""
        return len(self.values) - self.rank

    @property
    def at_least(self) -> float:
        """What the condition number is at least if no eigenvalue is 0, whatever rounding hides."""
        hidden = len(self.values) * torch.finfo(torch.float64).eps
        return 1 / (2 * hidden) if self.unresolved else 1 / (1 / self.condition + hidden)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GGNSpectrum(RangeSpectrum, Measurement):
    """The spectrum of the Gauss-Newton matrix, and that of the Jacobian alone.

    Attributes:
        jacobian: Spectrum of (1/N) Σ Jᵀ J, the matrix without the loss's second derivatives.
        passes: Backward passes of a batch of examples.
    """

    jacobian: RangeSpectrum
    passes: int


def ggn_spectrum(
    objective: Objective,
    theta: torch.Tensor | None = None,
    *,
    buffers: Buffers | None = None,
    memory: int = 2**30,
) -> GGNSpectrum:
    """Compute all eigenvalues of the Gauss-Newton matrix that can differ from 0.

    With S Sᵀ = ∇²ℓ the Hessian of an example's loss in its outputs, the matrix is (1/N) Σ Jᵀ S Sᵀ J
    (``objective.ggn``). Its eigenvalues other than 0 are those of the Gram matrix Sᵀ K S / N, where
    K = J Jᵀ has a row for each output of each example. S has K − 1 columns an example for
    cross-entropy over K classes, whose Hessian has one exact zero, and K for squared errors.

    Under the policy ``batch`` an output depends on all examples of its block, and J says so. Under
    ``frozen`` and ``reestimate`` statistics are constants.

    Cost: a backward pass for each output of each example, of that example alone, or of its block
    under ``batch``. Parameters are taken in ranges, so that the rows of J never need more than
    ``memory``; each further range takes the passes again.

    Args:
        objective: The loss to measure, ``cross_entropy`` or ``mse``, in float64; its network has
            outputs (N, K).
        theta: The point (n,); None takes the objective's own theta.
        buffers: Running statistics to use instead of the model's own.
        memory: Bytes that rows of J may take at once, beside the Gram matrix.

    Returns:
        The eigenvalues, in loss per parameter², with rank and condition number.

    Raises:
        ValueError: If the network is not in float64, its outputs are not (N, K), or the loss is a
            function of the reader's own.
        RuntimeError: If outputs or derivatives are not finite.

    Reference: Schraudolph (2002), Fast Curvature Matrix-Vector Products, Neural Computation 14(7).

    Example:
        >>> import torch
        >>> from landscape import Objective, spectrum
        >>> points = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> L = Objective(model, (points, torch.zeros(2, 1)), loss="mse", dtype=torch.float64)
        >>> exact = spectrum.ggn_spectrum(L)
        >>> exact.rank, round(exact.condition, 6)
        (2, 4.0)
    """
    arguments.check(ggn_spectrum, locals())
    if objective.dtype != torch.float64:
        raise ValueError(
            "the spectrum on the range is measured in float64, and the network computes in "
            f"{str(objective.dtype).removeprefix('torch.')}: rounding would hide its small end. "
            "Use objective.replace(dtype=torch.float64)."
        )
    objective.check_single("the spectrum on the range")
    if objective.weight_decay:
        raise ValueError(
            "weight decay raises every eigenvalue, so no range is left out. Use "
            "objective.replace(weight_decay=0.0); a coefficient c of all parameters adds c to each."
        )
    # Also where the caller forbids derivatives.
    with single_path(), torch.inference_mode(False), torch.enable_grad():
        jacobian = _Jacobian(objective, theta, buffers)
        factors, scale = jacobian.factors(objective)
        gram = jacobian.gram(memory) / objective.num_examples
    count, examples, classes = factors.shape
    # Sᵀ K S, example by example from both sides: (C N, C N).
    half = torch.einsum("cnk,nkm->ncm", factors, gram.view(examples, classes, -1))
    half = half.reshape(count * examples, examples, classes)
    weighted = torch.einsum("cnk,mnk->mnc", factors, half).reshape(len(half), -1)
    return GGNSpectrum(
        **vars(_on_range(weighted, math.exp(2 * scale))),
        jacobian=_on_range(gram, 1.0),
        passes=jacobian.passes,
        **conditions(objective),
    )


def _on_range(gram: torch.Tensor, unit: float) -> RangeSpectrum:
    """Return the spectrum of ``unit`` times a Gram matrix (r, r)."""
    if not gram.isfinite().all():
        raise RuntimeError(
            "derivatives of the network are not finite in float64: they overflow. Check "
            "L.gradient(theta), and scale inputs or weights down."
        )
    values = torch.linalg.eigvalsh((gram + gram.T) / 2).flip(0).cpu()
    top = max(float(values[0]), 0.0)
    cut = len(values) * torch.finfo(torch.float64).eps * top
    rank = int((values > cut).sum())
    least = float(values[rank - 1]) if rank else math.nan
    condition = top / least
    return RangeSpectrum(
        values=values.clamp_min(0.0) * unit,
        rank=rank,
        cut=cut * unit,
        condition=condition,
        error=condition * cut / least,
    )


class _Jacobian:
    """The rows ∂f/∂θ, one for each output of each example, of a network at one point."""

    def __init__(
        self, objective: Objective, theta: torch.Tensor | None, buffers: Buffers | None
    ) -> None:
        parts = objective.parts(theta, buffers=buffers)
        self._module, self._buffers = parts.module, parts.buffers
        self._named = {name: tensor.detach() for name, tensor in parts.named.items()}
        self._layout = objective.layout
        self._blocks = [inputs for inputs, _ in parts.batches]
        self._targets = torch.cat([targets for _, targets in parts.batches])
        if objective.bn != "batch" or not batchnorm_layers(parts.module):
            # Examples do not act on each other: a pass of one example is enough for its rows.
            self._blocks = [one for inputs in self._blocks for one in inputs.split(1)]
        with torch.no_grad():
            self._outputs = torch.cat([self._forward(inputs) for inputs in self._blocks])
        self.passes = 0

    def _forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs = call(self._module, self._named, self._buffers, inputs)
        if outputs.dim() != 2 or len(outputs) != len(inputs):
            raise ValueError(
                f"the network maps inputs {tuple(inputs.shape)} to outputs {tuple(outputs.shape)}. "
                "The spectrum on the range needs outputs (N, K), a row for each example. Use "
                "spectrum.eigenpairs(L.ggn(theta))."
            )
        if not outputs.isfinite().all():
            raise RuntimeError(
                "outputs of the network are not finite: parameters or examples hold NaN or "
                "infinity, or are too large. Check L.loss(theta) before asking for curvature."
            )
        return outputs

    def factors(self, objective: Objective) -> tuple[torch.Tensor, float]:
        """Return the factors (C, N, K) of the loss's second derivatives, and their scale's log."""
        # A method of the objective would change the identity of all that is stored of objectives.
        names = ("loss", "label_smoothing", "class_weights", "ignore_index")
        loss, *options = (objective._options[name] for name in names)
        factors, scale = scaled_output_factors(loss, self._outputs, self._targets, *options)
        return factors, scale + math.log(objective._scale) / 2

    def gram(self, memory: int) -> torch.Tensor:
        """Return K = J Jᵀ (N K, N K), summed over ranges of parameters."""
        size = self._outputs.numel()
        width = min(self._layout.n, max(1, memory // (8 * size)))
        starts = range(0, self._layout.n, width)
        total = self._outputs.new_zeros(size, size)
        rows = self._outputs.new_empty(size, width)
        with Progress("Gauss-Newton spectrum", size * len(starts)) as bar:
            for start in starts:
                part = rows[:, : min(width, self._layout.n - start)]
                for index, row in enumerate(self._rows(start, start + part.shape[1])):
                    part[index] = row
                    bar.step()
                total.addmm_(part, part.T)
        return total

    def _rows(self, start: int, stop: int) -> Iterator[torch.Tensor]:
        """Yield the entries from ``start`` to ``stop`` of each row, example by example."""
        blocks = [b for b in self._layout.blocks if b.start < stop and b.start + b.size > start]
        named = dict(self._named)
        for block in blocks:
            named[block.name] = named[block.name].clone().requires_grad_()
        leaves = [named[block.name] for block in blocks]
        entries = slice(start - blocks[0].start, stop - blocks[0].start)
        for inputs in self._blocks:
            outputs = call(self._module, named, self._buffers, inputs)
            for seed in torch.eye(outputs.numel(), dtype=outputs.dtype).view(-1, *outputs.shape):
                gradients = torch.autograd.grad(
                    outputs, leaves, seed.to(outputs), retain_graph=True, materialize_grads=True
                )
                self.passes += 1
                yield torch.cat([gradient.flatten() for gradient in gradients])[entries]
