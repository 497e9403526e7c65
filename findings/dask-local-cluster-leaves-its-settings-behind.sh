#!/usr/bin/env bash
# distributed 2026.8.0: a LocalCluster sets the threads and the hash seed of your own process's children, for good.
#
# Guess:  OMP_NUM_THREADS=1 and MALLOC_TRIM_THRESHOLD_=65536 are presets of workers: they stand in the
#         environment of the worker processes, and a closed cluster leaves nothing.
# Seen:   they are written into the environment of the process that starts the cluster, with
#         PYTHONHASHSEED, and stay there after it is closed.
# Matters: whatever that process starts later computes on one thread and gives freed memory back: a
#         notebook's kernel, a pool of processes, a data loader. Nothing is slower in the process itself,
#         so nobody looks there.
# Output: a child before the cluster: [None, None, None]
#         a child after it is closed: ['1', '65536', '6640']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" "distributed==2026.8.0" 2>/dev/null
cat > "$folder/leave.py" <<'PYTHON'
import os
import subprocess
import sys

import distributed

NAMES = ("OMP_NUM_THREADS", "MALLOC_TRIM_THRESHOLD_", "PYTHONHASHSEED")


def seen_by_a_child():
    code = f"import os; print([os.environ.get(name) for name in {NAMES}])"
    return subprocess.check_output([sys.executable, "-c", code], text=True).strip()


if __name__ == "__main__":
    print("distributed", distributed.__version__)
    before = seen_by_a_child()
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None):
        pass
    after = seen_by_a_child()
    print(f"  a child before the cluster: {before}\n  a child after it is closed: {after}")
    if "['1', '65536'," not in after or before != "[None, None, None]":
        raise SystemExit("Dask behaves otherwise than recorded here")
PYTHON
env -u OMP_NUM_THREADS -u MALLOC_TRIM_THRESHOLD_ -u PYTHONHASHSEED PYTHONPATH="$folder" \
    python3 "$folder/leave.py" 2>/dev/null
