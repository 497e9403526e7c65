"""The diagonal of a symmetric operator, estimated entry by entry."""

import dataclasses

import torch

from landscape import arguments, rng
from landscape.operators import SymmetricOperator
from landscape.progress import Progress
from landscape.spectrum.deflation import Deflation
from landscape.spectrum.estimate import quantile
from landscape.spectrum.results import Eigenpairs


@dataclasses.dataclass(frozen=True)
class Diagonal:
    """Estimates of the entries Aᵢᵢ of a symmetric operator.

    Attributes:
        values: Estimates (n,).
        stderr: Standard errors of the estimates (n,).
        probes: Random vectors averaged.
        products: Products with the operator used.
        dtype: Floating-point type of the sums.
        interrupted: Whether Ctrl-C ended the computation before the last probe.
    """

    values: torch.Tensor
    stderr: torch.Tensor
    probes: int
    products: int
    dtype: str = "float64"
    interrupted: bool = False

    @property
    def low(self) -> torch.Tensor:
        """Lower ends (n,) of 95% intervals (Student's t) for each entry by itself, not jointly."""
        return self.values - quantile(self.probes - 1) * self.stderr

    @property
    def high(self) -> torch.Tensor:
        """Upper ends (n,) of 95% intervals (Student's t) for each entry by itself, not jointly."""
        return self.values + quantile(self.probes - 1) * self.stderr


def diagonal(
    op: SymmetricOperator,
    *,
    probes: int = 100,
    known: Eigenpairs | None = None,
    generator: torch.Generator | None = None,
) -> Diagonal:
    """Estimate the diagonal of a symmetric operator without bias.

    The estimate is the mean of z ⊙ A z over vectors z of random signs: E zᵢ (A z)ᵢ = Aᵢᵢ, with
    variance Σ Aᵢⱼ² over j ≠ i for one probe. Known pairs V Λ Vᵀ are subtracted from A, and their
    exact diagonal is added, which removes their part of the variance.

    Memory: about six vectors (n,) besides the vectors of ``known``.

    Args:
        op: Symmetric operator of shape (n, n).
        probes: Number of random vectors, at least 2; each costs one product.
        known: Converged eigenpairs of op with vectors; None if none are known.
        generator: CPU generator of the probes; None takes a fixed stream.

    Returns:
        The entries with standard errors; for a Hessian, in loss per parameter². Ctrl-C after two
        probes returns their mean, with ``interrupted`` true.

    Raises:
        ValueError: If ``probes < 2``, or ``known`` belongs to another operator, lacks vectors or
            did not converge.
        RuntimeError: If a product is not finite.

    Reference: Bekas, Kokiopoulou and Saad (2007), An Estimator for the Diagonal of a Matrix, Appl.
        Numer. Math. 57(11-12), 1214-1229.

    Example:
        >>> import torch
        >>> from landscape import operators, spectrum
        >>> A = operators.from_matrix(torch.diag(torch.tensor([9.0, 4.0, 1.0, -2.0])))
        >>> spectrum.diagonal(A, probes=4).values
        tensor([ 9.,  4.,  1., -2.], dtype=torch.float64)
    """
    arguments.check(diagonal, locals())
    if probes < 2:
        raise ValueError(
            f"probes={probes} leaves no spread to report. Pass probes >= 2; the standard error "
            "falls as 1/√probes."
        )
    complement, before = Deflation(op, known), op.products
    generator = generator or rng.stream(0, "diagonal")
    mean = torch.zeros(op.n, dtype=torch.float64, device=op.device)
    state = (0, mean, torch.zeros_like(mean))
    interrupted = False
    try:
        with Progress("diagonal", probes) as bar:
            while state[0] < probes:
                state = _updated(state, _sample(op, complement, generator))
                bar.step()
    except KeyboardInterrupt:
        if state[0] < 2:
            raise
        interrupted = True
    count, mean, squares = state
    return Diagonal(
        values=(mean + complement.diagonal()).cpu(),
        stderr=(squares / (count * (count - 1))).sqrt().cpu(),
        probes=count,
        products=op.products - before,
        interrupted=interrupted,
    )


def _sample(
    op: SymmetricOperator, complement: Deflation, generator: torch.Generator
) -> torch.Tensor:
    signs = torch.randint(2, (op.n,), generator=generator).double().mul_(2).sub_(1).to(op.device)
    sample = signs * (op @ signs - complement.subtract(signs))
    if not bool(torch.isfinite(sample).all()):
        raise RuntimeError(
            "a product with the operator is not finite. The parameters or the loss hold NaN or "
            "infinity: check them before asking for curvature."
        )
    return sample


def _updated(
    state: tuple[int, torch.Tensor, torch.Tensor], sample: torch.Tensor
) -> tuple[int, torch.Tensor, torch.Tensor]:
    """Return count, mean and sum of squared deviations with one more sample (Welford 1962)."""
    count, mean, squares = state
    change = sample - mean
    mean = mean + change / (count + 1)
    return count + 1, mean, squares + change * (sample - mean)
