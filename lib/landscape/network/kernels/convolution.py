"""Convolutions whose second derivatives are ordinary convolutions."""

import torch

Sizes = tuple[int, int]
Options = tuple[Sizes, Sizes, Sizes, int]  # Stride, padding, dilation, groups.


def output_shape(inputs, weight, options: Options) -> tuple[int, ...]:
    """Return the shape of the convolution of inputs (N, C, H, W) with a weight."""
    sides = [
        (size + 2 * pad - step * (kernel - 1) - 1) // stride + 1
        for size, kernel, stride, pad, step in zip(
            inputs.shape[2:], weight.shape[2:], *options[:3], strict=True
        )
    ]
    return (inputs.shape[0], weight.shape[0], *sides)


class Convolution(torch.autograd.Function):
    """(inputs, weight, bias or None, options, held) -> their 2-d convolution.

    With ``held`` given, what it makes of the operands and options stands for the values.
    """

    @staticmethod
    def forward(ctx, inputs, weight, bias, options, held=None):
        """Compute it."""
        ctx.options, ctx.has_bias = options, bias is not None
        ctx.save_for_backward(inputs, weight)
        if held is not None:
            return held((inputs, weight, bias), options)
        stride, padding, dilation, groups = options
        return torch.conv2d(inputs, weight, bias, stride, padding, dilation, groups)

    @staticmethod
    def backward(ctx, grad):
        """Return gradients that can be differentiated once more."""
        inputs, weight = ctx.saved_tensors
        needs = [*ctx.needs_input_grad[:2], ctx.has_bias and ctx.needs_input_grad[2]]
        return *_Backward.apply(grad, inputs, weight, needs, ctx.options), None, None


class _Backward(torch.autograd.Function):
    """(gradient of the output, inputs, weight) -> gradients of inputs, weight and bias."""

    @staticmethod
    def forward(ctx, grad, inputs, weight, needs, options):
        ctx.options = options
        ctx.save_for_backward(grad, inputs, weight)
        ctx.set_materialize_grads(False)
        return _gradients(grad, inputs, weight, needs, options)

    @staticmethod
    def backward(ctx, to_inputs, to_weight, to_bias):
        # The backward pass is linear in each of its three tensors: these are its adjoints.
        refuse_third_derivatives("a convolution")
        grad, inputs, weight = ctx.saved_tensors
        through = _forward(inputs, weight, to_inputs, to_weight, to_bias, ctx.options)
        needs = [
            to_weight is not None and needs_gradient(ctx, 1),
            to_inputs is not None and needs_gradient(ctx, 2),
            False,
        ]
        if not any(needs):
            return through, None, None, None, None
        back, down, _ = _gradients(
            grad,
            inputs if to_inputs is None else to_inputs,
            weight if to_weight is None else to_weight,
            needs,
            ctx.options,
        )
        return through, back, down, None, None


def replaceable() -> bool:
    """Whether a context may compute what is called by functions with derivatives of their own.

    vmap takes no such functions, and a checkpoint recomputes outside the context.
    """
    hooks = torch._C._autograd._top_saved_tensors_default_hooks(True)
    checkpoint = hooks is not None and hooks[0].__module__ == "torch.utils.checkpoint"
    return not checkpoint and not torch._C._are_functorch_transforms_active()


def refuse_third_derivatives(what: str) -> None:
    """Raise RuntimeError where the second backward pass is to be differentiated again."""
    if torch.is_grad_enabled():  # `once_differentiable` overlooks the saved tensors.
        raise RuntimeError(
            f"{what} was differentiated twice with create_graph=True, but there are no third "
            "derivatives under FastConvolutions. Leave create_graph out, or leave the context."
        )


def needs_gradient(ctx, index: int) -> bool:
    """Whether a derivative by an operand of a backward pass is asked for."""
    # J v asks for the derivative by the output's gradient alone; half of the work is not needed.
    node = ctx.next_functions[index][0]
    if node is None or node.name() == "torch::autograd::AccumulateGrad":
        return node is not None  # Of a leaf itself the engine does not tell.
    return torch._C._will_engine_execute_node(node)


def _forward(inputs, weight, to_inputs, to_weight, to_bias, options: Options):
    stride, padding, dilation, groups = options
    total = None
    for x, w in ((to_inputs, weight), (inputs, to_weight)):
        if x is not None and w is not None:
            # The bias goes with the first, which spares a pass over the result.
            shift = to_bias if total is None else None
            part = torch.conv2d(x, w, shift, stride, padding, dilation, groups)
            total = part if total is None else total.add_(part)
    if total is None and to_bias is not None:
        return to_bias[:, None, None].expand(output_shape(inputs, weight, options))
    return total


def _gradients(grad, inputs, weight, needs, options: Options):
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
    """max(x, 0), without the zeros that PyTorch adds to its second derivatives."""

    @staticmethod
    def forward(ctx, inputs):
        """Compute it."""
        result = torch.relu(inputs)
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx, grad):
        """Return the gradient, which can be differentiated again."""
        return _ReLUBackward.apply(grad, *ctx.saved_tensors)


class _ReLUBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, grad, result):
        ctx.save_for_backward(result)
        return torch.ops.aten.threshold_backward(grad, result, 0)

    @staticmethod
    def backward(ctx, grad):
        (result,) = ctx.saved_tensors
        return torch.ops.aten.threshold_backward(grad, result, 0), None
