#!/usr/bin/env bash
# torch 2.13.0: a hook before an optimizer's step that changes gradients does nothing if the step has a closure.
#
# Guess:  Optimizer.register_step_pre_hook is the place to clip or project gradients before each step,
#         however the step is called.
# Seen:   with loss.backward() before optimizer.step() it is. With optimizer.step(closure) the hook runs
#         before the closure: it changes the gradients of the step before, which the closure then replaces,
#         and the step takes the raw gradient. No warning comes. A hook after the step sees both alike.
# Matters: training within a subspace by such a hook is training without it, under LBFGS, SAM and every loop
#         that passes a closure. landscape.training.WithinSpan projects the update after the step.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" "torch==2.13.0" "numpy==2.4.6" 2>/dev/null
PYTHONPATH="$folder" python3 - <<'PYTHON'
import torch


def step(with_closure):
    theta = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([theta], lr=0.1)

    def keep_first_axis(*_):
        if theta.grad is not None:
            theta.grad[1] = 0

    optimizer.register_step_pre_hook(keep_first_axis)

    def closure():
        optimizer.zero_grad()
        loss = (theta**2).sum()
        loss.backward()
        return loss

    if with_closure:
        optimizer.step(closure)
    else:
        closure()
        optimizer.step()
    return [round(value, 6) for value in theta.tolist()]


seen = {"backward, then step()": step(False), "step(closure)": step(True)}
print("torch", torch.__version__)
for call, theta in seen.items():
    print(f"  {call}: (1, 1) moves to {theta}")
if seen != {"backward, then step()": [0.8, 1.0], "step(closure)": [0.8, 0.8]}:
    raise SystemExit("torch behaves otherwise than recorded here")
PYTHON
