"""Products of vectors with the Hessian and the Gauss-Newton matrix, microbatch by microbatch."""

from collections.abc import Callable

import torch

from landscape.network.kernels.chain_product import ChainProduct
from landscape.network.single_path import single_path

Product = Callable[[torch.Tensor], torch.Tensor | None]
Jvp = Callable[[torch.Tensor], torch.Tensor]


class SumOfProducts:
    """The function V -> Σ_b A_b V over microbatches b, for a block V (n, k).

    The graph of a microbatch, which each product differentiates, is built once and kept for as many
    microbatches as fit into ``memory``. The other graphs are rebuilt for each block, which costs
    about 1.4 times as much for one vector and little more for many.

    Args:
        build: Maps the index of a microbatch to its product v (n,) -> A_b v, which holds the graph,
            or to a ``ChainProduct``, which takes several vectors at once.
            The first microbatch must be the largest: its graph stands for all.
        n: Number of rows.
        batches: Number of microbatches.
        memory: Bytes that kept graphs may hold. The peak is one microbatch's graph more.
        like: A tensor of the dtype and device that the products compute in.
    """

    def __init__(
        self,
        build: Callable[[int], Product | ChainProduct],
        *,
        n: int,
        batches: int,
        memory: int,
        like: torch.Tensor,
    ) -> None:
        self._build, self._n, self._batches, self._memory = build, n, batches, memory
        self._like = like
        self._kept: dict[int, Product | ChainProduct] = {}
        self._capacity: int | None = None  # Number of graphs that fit into the memory, once known.

    @single_path()
    @torch.inference_mode(False)  # A caller in inference mode still gets derivatives.
    def __call__(self, block: torch.Tensor) -> torch.Tensor:
        """Return the product (n, k), in float64 on the block's device.

        Args:
            block: Vectors (n, k), of any dtype and device.
        """
        # Rows, not columns: each sum then adds to contiguous memory.
        rows = block.T.to(self._like).contiguous()
        if self._batches == 1:
            only = self._kept.get(0) or self._built(0)
            if isinstance(only, ChainProduct):
                return only(rows).double().T.to(block.device)
        total = torch.zeros(rows.shape, dtype=torch.float64, device=self._like.device)
        for index in range(self._batches):
            product = self._kept.get(index) or self._built(index)
            if isinstance(product, ChainProduct):
                total += product(rows)
            else:
                for row, vector in zip(total, rows, strict=True):
                    part = product(vector)
                    if part is not None:
                        row += part
            del product  # Free this graph before the next is built, or the peak holds two.
        return total.T.to(block.device)

    def _built(self, index: int) -> Product | ChainProduct:
        if self._capacity is None:
            # A single graph is in memory during each product anyway: keep it, whatever its size.
            single = self._batches == 1
            self._capacity = 1 if single else self._memory // max(1, self._graph_bytes(index))
        product = self._build(index)
        if len(self._kept) < self._capacity:
            self._kept[index] = product
        return product

    def _graph_bytes(self, index: int) -> int:
        """Return the bytes that the graph of a microbatch holds.

        The graph is built for this alone and thrown away: with the hooks that count its tensors
        each product would be slower, and PyTorch would not notice that a network changes a tensor
        in place that a derivative needs.
        """
        storages: dict[int, int] = {}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            # By address: several saved tensors may be views of one memory.
            storages[storage.data_ptr()] = storage.nbytes()
            return tensor

        try:
            with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
                product = self._build(index)
        except RuntimeError as error:
            if "saved tensor hooks" not in str(error):
                raise
            return self._memory + 1  # Under torch.func nobody can tell: graphs are rebuilt.
        return sum(storages.values()) + getattr(product, "nbytes", 0)


def hessian_product(loss: torch.Tensor, leaf: torch.Tensor) -> Product:
    """Return the function v -> ∇²ℓ v, for v (n,).

    Args:
        loss: A scalar with a graph that reaches ``leaf`` and can be differentiated twice.
        leaf: Parameters (n,).

    Returns:
        A function that holds the graph; it returns None for a product that is zero.

    Reference: Pearlmutter (1994), Fast Exact Multiplication by the Hessian, Neural Computation
        6(1), 147-160.
    """
    if not loss.requires_grad:  # The network does not use these parameters.
        return lambda v: None
    (gradient,) = torch.autograd.grad(loss, leaf, create_graph=True, materialize_grads=True)
    if not gradient.requires_grad:  # The loss is linear in theta: its gradient is constant.
        return lambda v: None
    return lambda v: torch.autograd.grad(gradient, leaf, v, retain_graph=True, allow_unused=True)[0]


def jvp_by_reverse(outputs: torch.Tensor, leaf: torch.Tensor) -> Jvp:
    """Return the function v -> J v by reverse mode, J the Jacobian of the outputs by ``leaf``.

    It works where the backward pass of each operation is differentiable by the gradient that it
    gets; PyTorch has no forward mode for every operation.

    Args:
        outputs: Outputs (N, ...) with a graph.
        leaf: Parameters (n,).
    """
    # Jᵀu is linear in u, so that its derivative by u, along v, is J v, at any u: zeros do.
    u = torch.zeros_like(outputs, requires_grad=True)
    (vjp,) = torch.autograd.grad(outputs, leaf, u, create_graph=True)
    return lambda v: torch.autograd.grad(vjp, u, v, retain_graph=True)[0]


def jvp_by_forward(call: Callable[[torch.Tensor], torch.Tensor], leaf: torch.Tensor) -> Jvp:
    """Return the function v -> J v by forward mode, which needs first derivatives alone.

    Args:
        call: Maps parameters (n,) to outputs (N, ...).
        leaf: Parameters (n,).
    """

    def jvp(v: torch.Tensor) -> torch.Tensor:
        with torch.autograd.forward_ad.dual_level():
            dual = torch.autograd.forward_ad.make_dual(leaf.detach(), v)
            tangent = torch.autograd.forward_ad.unpack_dual(call(dual)).tangent
        return tangent.detach()

    return jvp


def ggn_product(
    outputs: torch.Tensor,
    loss: Callable[[torch.Tensor], torch.Tensor],
    leaf: torch.Tensor,
    jvp: Jvp | None = None,
) -> Product:
    """Return the function v -> Jᵀ (∇²ℓ) J v, for v (n,), J the Jacobian of the outputs by ``leaf``.

    Args:
        outputs: Outputs of the network (N, ...), with a graph that can be differentiated twice.
        loss: Maps outputs (N, ...) to a scalar ℓ; ∇²ℓ is its Hessian by the outputs.
        leaf: Parameters (n,).
        jvp: The function v -> J v; None takes ``jvp_by_reverse``.

    Returns:
        A function that holds the graphs; it returns None for a product that is zero.

    Reference: Schraudolph (2002), Fast Curvature Matrix-Vector Products for Second-Order Gradient
        Descent, Neural Computation 14(7), 1723-1738.
    """
    if not outputs.requires_grad:  # The network does not use these parameters.
        return lambda v: None
    jvp = jvp_by_reverse(outputs, leaf) if jvp is None else jvp
    # A leaf of its own: derivatives of the loss must not run through the network.
    detached = outputs.detach().requires_grad_()
    (loss_gradient,) = torch.autograd.grad(loss(detached), detached, create_graph=True)
    if not loss_gradient.requires_grad:  # The loss is linear in the outputs.
        return lambda v: None

    def product(v: torch.Tensor) -> torch.Tensor:
        (hessian_jvp,) = torch.autograd.grad(
            loss_gradient, detached, jvp(v), retain_graph=True, materialize_grads=True
        )
        return torch.autograd.grad(outputs, leaf, hessian_jvp, retain_graph=True)[0]

    return product
