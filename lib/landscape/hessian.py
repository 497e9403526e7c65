"""Hessian-vector products by differentiating twice, microbatch by microbatch."""

from collections.abc import Callable

import torch

BatchLoss = Callable[[torch.Tensor, int], torch.Tensor]


class HessianProduct:
    """The function v -> ∇²L(θ) v for a loss that is a sum over microbatches.

    The graphs of as many microbatches' gradients as fit into ``memory`` are kept between products,
    since building them costs as much as a third of a product; the others are built for each
    product.

    Args:
        batch_loss: (leaf, index) -> the differentiable part of microbatch ``index`` in the loss.
        theta: The point (n,), in the network's dtype.
        batches: Number of microbatches.
        memory: Bytes that kept graphs may hold.

    Reference: Pearlmutter (1994), Fast Exact Multiplication by the Hessian, Neural Computation
        6(1).
    """

    def __init__(
        self, batch_loss: BatchLoss, theta: torch.Tensor, batches: int, *, memory: int
    ) -> None:
        self._batch_loss, self._batches, self._memory = batch_loss, batches, memory
        self._leaf = theta.clone().requires_grad_()
        self._kept: dict[int, torch.Tensor] | None = None

    def __call__(self, v: torch.Tensor) -> torch.Tensor:
        """Return the product (n,) in float64 with v (n,)."""
        if self._kept is None:
            self._keep()
        direction = v.to(self._leaf)
        total = torch.zeros(len(v), dtype=torch.float64, device=self._leaf.device)
        for index in range(self._batches):
            kept = self._kept.get(index)
            gradient = self._gradient(index) if kept is None else kept
            if not gradient.requires_grad:  # A loss linear in theta: its gradient is constant.
                continue
            (part,) = torch.autograd.grad(
                gradient, self._leaf, direction, retain_graph=kept is not None, allow_unused=True
            )
            if part is not None:
                total += part.double()
        return total.to(v.device)

    def _gradient(self, index: int) -> torch.Tensor:
        loss = self._batch_loss(self._leaf, index)
        return torch.autograd.grad(loss, self._leaf, create_graph=True)[0]

    def _keep(self) -> None:
        self._kept = {}
        spent = 0
        for index in range(self._batches):
            storages: dict[int, int] = {}

            def pack(tensor: torch.Tensor, seen: dict[int, int] = storages) -> torch.Tensor:
                storage = tensor.untyped_storage()
                seen[storage.data_ptr()] = storage.nbytes()
                return tensor

            with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
                gradient = self._gradient(index)
            spent += sum(storages.values())
            if spent > self._memory:
                break
            self._kept[index] = gradient
