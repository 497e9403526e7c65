#!/usr/bin/env bash
# torch 2.13.0 on an AMD processor with AVX-512: a float32 matrix product takes twice the time that it could.
#
# Guess:  PyTorch's matrix products are as fast as its convolutions, which are the same arithmetic.
# Seen:   products go to MKL, which uses half the vector's width on AMD: 196 G operations a second. oneDNN,
#         which PyTorch carries for convolutions, does the same product at 412.
# Matters: a bench of linear layers measures MKL; what is called the machine's rate is half of it.
set -euo pipefail
"${PYTHON:-python3}" - <<'PYTHON'
import time

import torch

x, w = torch.randn(1024, 784), torch.randn(128, 784)
WAYS = {
    "functional.linear (MKL)": lambda: torch.nn.functional.linear(x, w),
    "mkldnn._linear_pointwise (oneDNN)": lambda: torch.ops.mkldnn._linear_pointwise(
        x, w, None, "none", [], ""
    ),
}
print("torch", torch.__version__)
times = {name: [] for name in WAYS}
with torch.inference_mode():
    for _ in range(60):
        for name, way in WAYS.items():
            begun = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - begun)
medians = [sorted(taken)[30] for taken in times.values()]
for name, seconds in zip(times, medians, strict=True):
    rate = 2 * x.numel() * len(w) / seconds / 1e9
    print(f"  {name}: {1e3 * seconds:.2f} ms, {rate:.0f} G operations a second")
vendor = open("/proc/cpuinfo").read()
if "AuthenticAMD" in vendor and "avx512f" in vendor and medians[0] < 1.4 * medians[1]:
    raise SystemExit("torch behaves otherwise than recorded here")
PYTHON
