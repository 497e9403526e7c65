"""Convolution and ReLU as autograd functions whose second derivatives are as cheap as the first."""

import torch

Sizes = tuple[int, int]
Options = tuple[Sizes, Sizes, Sizes, int]  # Stride, padding, dilation, groups.


def output_shape(inputs, weight, options: Options) -> tuple[int, ...]:
    """Return the shape (N, O, H', W') of a convolution's output.

    Args:
        inputs: Inputs (N, C, H, W).
        weight: Kernel (O, C / groups, h, w).
        options: Stride, padding, dilation and groups, the first three as pairs.

    Returns:
        The shape that ``torch.conv2d`` gives, found without computing the convolution.
    """
    sides = [
        (size + 2 * pad - step * (kernel - 1) - 1) // stride + 1
        for size, kernel, stride, pad, step in zip(
            inputs.shape[2:], weight.shape[2:], *options[:3], strict=True
        )
    ]
    return (inputs.shape[0], weight.shape[0], *sides)


class Convolution(torch.autograd.Function):
    """A 2-d convolution whose backward pass can be differentiated at the cost of convolutions.

    Call ``Convolution.apply(inputs, weight, bias, options, defer)``. The values and derivatives are
    those of ``torch.conv2d``. PyTorch differentiates the backward pass by formulas for every case,
    which transpose tensors, loop over groups and reach slow kernels. Here the backward pass is a
    function of its own (``_Backward``), linear in each of its tensors, so that its derivative is
    two convolutions and one ``convolution_backward``.

    Args:
        inputs: Inputs (N, C, H, W).
        weight: Kernel (O, C / groups, h, w).
        bias: Bias (O,), or None.
        options: Stride, padding, dilation and groups, the first three as pairs.
        defer: None to compute the values. Otherwise a function of ``(inputs, weight, bias)`` and
            ``options`` that returns a tensor to stand for the values until they are needed; this
            node of the graph then belongs to that tensor.
    """

    @staticmethod
    def forward(ctx, inputs, weight, bias, options, defer=None):
        """Return the values (N, O, H', W'), or the tensor that stands for them.

        As torch.autograd.Function: arguments as for ``apply``, see the class; saves inputs and
        weight.
        """
        ctx.options, ctx.has_bias = options, bias is not None
        ctx.save_for_backward(inputs, weight)
        if defer is not None:
            return defer((inputs, weight, bias), options)
        stride, padding, dilation, groups = options
        return torch.conv2d(inputs, weight, bias, stride, padding, dilation, groups)

    @staticmethod
    def backward(ctx, grad):
        """Return the gradients of inputs, weight and bias; they can be differentiated once more.

        As torch.autograd.Function: arguments are the context and the output's gradient; uses the
        saved inputs and weight; a gradient that nothing needs is None.
        """
        inputs, weight = ctx.saved_tensors
        # An unneeded gradient costs a whole convolution: the images need none, for example.
        needs = [*ctx.needs_input_grad[:2], ctx.has_bias and ctx.needs_input_grad[2]]
        return *_Backward.apply(grad, inputs, weight, needs, ctx.options), None, None


class _Backward(torch.autograd.Function):
    """(gradient of the output, inputs, weight) -> gradients of inputs, weight and bias."""

    @staticmethod
    def forward(ctx, grad, inputs, weight, needs, options):
        ctx.options = options
        ctx.save_for_backward(grad, inputs, weight)
        # Without this PyTorch passes zeros for gradients that nothing asked for, and the backward
        # pass would convolve them.
        ctx.set_materialize_grads(False)
        return _gradients(grad, inputs, weight, needs, options)

    @staticmethod
    def backward(ctx, to_inputs, to_weight, to_bias):
        # For output gradient g, inputs x and weight w, `forward` returns bilinear maps of (g, w),
        # (g, x) and a sum over g. Their derivative by g is a convolution, and their derivatives by
        # x and w are the two gradients of a convolution with one operand exchanged.
        refuse_third_derivatives("a convolution")
        grad, inputs, weight = ctx.saved_tensors
        to_grad = _forward(inputs, weight, to_inputs, to_weight, to_bias, ctx.options)
        # The derivative by x exists only through the weight's gradient, and vice versa.
        needs = [
            to_weight is not None and needs_gradient(ctx, 1),
            to_inputs is not None and needs_gradient(ctx, 2),
            False,
        ]
        if not any(needs):
            return to_grad, None, None, None, None
        second_inputs, second_weight, _ = _gradients(
            grad,
            inputs if to_inputs is None else to_inputs,
            weight if to_weight is None else to_weight,
            needs,
            ctx.options,
        )
        return to_grad, second_inputs, second_weight, None, None


def custom_functions_allowed() -> bool:
    """Return whether a call may be replaced by an ``autograd.Function`` of this library here.

    It may not under transforms of ``torch.func``, which take no autograd function without a rule
    for them, nor inside ``torch.utils.checkpoint``, which recomputes the call outside the context
    and would then save other tensors than the first time.
    """
    # A checkpoint shows itself only by the hooks that it installs for saved tensors.
    hooks = torch._C._autograd._top_saved_tensors_default_hooks(True)
    checkpoint = hooks is not None and hooks[0].__module__ == "torch.utils.checkpoint"
    return not checkpoint and not torch._C._are_functorch_transforms_active()


def refuse_third_derivatives(what: str) -> None:
    """Refuse to differentiate a second backward pass; call this inside that pass.

    Args:
        what: The operation, as the error text names it, such as ``"a convolution"``.

    Raises:
        RuntimeError: If the pass runs with ``create_graph=True``.
    """
    # The engine enables gradients in a backward pass only for create_graph=True. PyTorch's
    # `once_differentiable` looks at the incoming gradients alone: it would let a pass through that
    # depends on the parameters by its saved tensors, and return a wrong third derivative.
    if torch.is_grad_enabled():
        raise RuntimeError(
            f"{what} was differentiated twice with create_graph=True, but there are no third "
            "derivatives under FastConvolutions. Pass create_graph=True to the first "
            "differentiation only, or compute the outputs outside the context."
        )


def needs_gradient(ctx, index: int) -> bool:
    """Return whether the running backward pass needs the gradient of one operand.

    ``ctx.needs_input_grad`` tells what requires a gradient, not what this pass asks for. J v, the
    derivative of Jᵀu by u, asks for the gradient of the output's gradient alone, and half of the
    work can be left out.

    Args:
        ctx: Context of an autograd function, inside its ``backward``.
        index: Position of the operand among the arguments of ``apply``.
    """
    node = ctx.next_functions[index][0]
    # Inside `torch.autograd.grad` the engine refuses this query for a leaf: compute its gradient.
    if node is None or node.name() == "torch::autograd::AccumulateGrad":
        return node is not None
    return torch._C._will_engine_execute_node(node)


def _forward(inputs, weight, to_inputs, to_weight, to_bias, options: Options):
    """Return the derivative of a convolution's output along displacements of its operands."""
    stride, padding, dilation, groups = options
    total = None
    for x, w in ((to_inputs, weight), (inputs, to_weight)):
        if x is not None and w is not None:
            # The first convolution adds the bias, which spares a pass over the result. The order
            # of these sums fixes the rounding of every stored product: keep it.
            bias = to_bias if total is None else None
            product = torch.conv2d(x, w, bias, stride, padding, dilation, groups)
            total = product if total is None else total.add_(product)
    if total is None and to_bias is not None:
        return to_bias[:, None, None].expand(output_shape(inputs, weight, options))
    return total


def _gradients(grad, inputs, weight, needs, options: Options):
    """Return a convolution's gradients; None for those that are not needed."""
    stride, padding, dilation, groups = options
    return torch.ops.aten.convolution_backward(
        grad,
        inputs,
        weight,
        [weight.shape[0]],
        stride,
        padding,
        dilation,
        False,
        [0, 0],
        groups,
        needs,
    )


class ReLU(torch.autograd.Function):
    """max(x, 0), without the zeros that PyTorch adds to its second derivatives.

    Call ``ReLU.apply(inputs)``; inputs may have any shape. PyTorch's own second backward pass
    returns, for the result that it saved, a tensor of zeros. They are propagated through the whole
    network in front. Here that gradient is None, and nothing is propagated.
    """

    @staticmethod
    def forward(ctx, inputs):
        """Return max(inputs, 0).

        As torch.autograd.Function: arguments are the context and the inputs; saves the result.
        """
        result = torch.relu(inputs)
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx, grad):
        """Return the gradient of the inputs, which can be differentiated again.

        As torch.autograd.Function: arguments are the context and the result's gradient; uses the
        saved result.
        """
        return _ReLUBackward.apply(grad, *ctx.saved_tensors)


class _ReLUBackward(torch.autograd.Function):
    """(gradient of the result, result) -> gradient of the inputs."""

    @staticmethod
    def forward(ctx, grad, result):
        ctx.save_for_backward(result)
        return torch.ops.aten.threshold_backward(grad, result, 0)

    @staticmethod
    def backward(ctx, grad):
        (result,) = ctx.saved_tensors
        # The mask does not change with the result, except at 0: None, not zeros.
        return torch.ops.aten.threshold_backward(grad, result, 0), None
