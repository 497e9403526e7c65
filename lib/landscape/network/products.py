"""Products with the Hessian and the Gauss-Newton matrix, microbatch by microbatch."""

from collections.abc import Callable

import torch

from landscape.network.precision import full_precision

Product = Callable[[torch.Tensor], torch.Tensor | None]


class SumOfProducts:
    """The function V -> Σ_b A_b V over microbatches b, for a block V (n, k).

    What is differentiated for each microbatch, its graph, is built once and kept between products
    for as many microbatches as fit into ``memory``; the others are built for each block, which
    costs about 1.4 times as much for one vector and little more for many. The first microbatch must
    be the largest.

    Args:
        build: index -> the product v (n,) -> A_b v of one microbatch, holding its graph.
        n: Number of rows.
        batches: Number of microbatches.
        memory: Bytes that kept graphs may hold; the peak is one microbatch's graph above it.
        like: A tensor whose dtype and device the products take.
    """

    def __init__(
        self,
        build: Callable[[int], Product],
        *,
        n: int,
        batches: int,
        memory: int,
        like: torch.Tensor,
    ) -> None:
        self._build, self._n, self._batches, self._memory = build, n, batches, memory
        self._like = like
        self._kept: dict[int, Product] = {}
        self._room: int | None = None  # Graphs that fit into the memory.

    @full_precision()
    @torch.inference_mode(False)  # Differentiates, also where the caller does not.
    def __call__(self, block: torch.Tensor) -> torch.Tensor:
        """Return the product (n, k) in float64 with a block (n, k)."""
        columns = block.to(self._like).unbind(1)
        total = torch.zeros((len(columns), self._n), dtype=torch.float64, device=self._like.device)
        for index in range(self._batches):
            product = self._kept.get(index) or self._built(index)
            for row, column in zip(total, columns, strict=True):
                part = product(column)
                if part is not None:
                    row += part
            del product  # One graph at a time: it must be gone before the next is built.
        return total.T.to(block.device)

    def _built(self, index: int) -> Product:
        if self._room is None:  # The only graph is held during a product anyhow.
            alone = self._batches == 1
            self._room = 1 if alone else self._memory // max(1, self._measured(index))
        product = self._build(index)
        if len(self._kept) < self._room:
            self._kept[index] = product
        return product

    def _measured(self, index: int) -> int:
        """Return the bytes that a graph holds, from one that is thrown away.

        The hooks that see them would slow down each product, and hide from PyTorch that a network
        changes in place what a derivative needs.
        """
        storages: dict[int, int] = {}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            self._build(index)
        return sum(storages.values())


def hessian_product(loss: torch.Tensor, leaf: torch.Tensor) -> Product:
    """Return v -> ∇²ℓ v for a differentiable scalar loss of ``leaf`` (n,).

    Reference: Pearlmutter (1994), Fast Exact Multiplication by the Hessian, Neural Computation
        6(1).
    """
    if not loss.requires_grad:  # Parameters that the network does not use.
        return lambda v: None
    (gradient,) = torch.autograd.grad(loss, leaf, create_graph=True, materialize_grads=True)
    if not gradient.requires_grad:  # A loss linear in theta: its gradient is constant.
        return lambda v: None
    return lambda v: torch.autograd.grad(gradient, leaf, v, retain_graph=True, allow_unused=True)[0]


def ggn_product(
    outputs: torch.Tensor, loss: Callable[[torch.Tensor], torch.Tensor], leaf: torch.Tensor
) -> Product:
    """Return v -> Jᵀ (∇²ℓ) J v with J the Jacobian of the outputs by ``leaf`` (n,).

    J v is the derivative of Jᵀu, which is linear in u, by u.

    Reference: Schraudolph (2002), Fast Curvature Matrix-Vector Products, Neural Computation 14(7).
    """
    if not outputs.requires_grad:  # Parameters that the network does not use.
        return lambda v: None
    u = torch.zeros_like(outputs, requires_grad=True)
    (pulled,) = torch.autograd.grad(outputs, leaf, u, create_graph=True)
    at = outputs.detach().requires_grad_()
    (slope,) = torch.autograd.grad(loss(at), at, create_graph=True)
    if not slope.requires_grad:  # A loss linear in the outputs.
        return lambda v: None

    def product(v: torch.Tensor) -> torch.Tensor:
        (pushed,) = torch.autograd.grad(pulled, u, v, retain_graph=True)
        (curved,) = torch.autograd.grad(
            slope, at, pushed, retain_graph=True, materialize_grads=True
        )
        return torch.autograd.grad(outputs, leaf, curved, retain_graph=True)[0]

    return product
