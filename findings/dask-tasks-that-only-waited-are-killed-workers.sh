#!/usr/bin/env bash
# distributed 2026.8.0: a task that never ran fails because "4 workers died while trying to run it".
#
# Guess:  allowed-failures counts the workers that died while they ran a task. A task that waits behind
#         another one is innocent of their deaths.
# Seen:   every task that was assigned to the worker counts the death, also one that had not begun. After
#         four deaths it fails with KilledWorker, and so do tasks that wait on it.
# Matters: one training run that needs too much memory takes down the short measurements behind it, and
#         the error names those as the cause. Preempted jobs do the same, without any fault.
# Output: the task that waited ran: False; error
#         KilledWorker: Attempted to run task 'innocent-...' on 4 different workers, but all those workers died whi...
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" "distributed==2026.8.0" 2>/dev/null
cat > "$folder/wait.py" <<'PYTHON'
import os
import signal
import time

import distributed


def endless(log):
    with open(log, "a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(1000)


def innocent(log):
    with open(log, "a") as file:
        file.write("ran\n")


if __name__ == "__main__":
    print("distributed", distributed.__version__)
    begun, ran = (os.path.join(os.environ["PLACE"], name) for name in ("begun", "ran"))
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        first = client.submit(endless, begun, priority=10)
        second = client.submit(innocent, ran)
        for death in range(1, 5):
            while not os.path.exists(begun) or len(open(begun).readlines()) < death:
                time.sleep(0.05)
            os.kill(int(open(begun).readlines()[-1]), signal.SIGKILL)
        end = time.monotonic() + 60
        while second.status == "pending" and time.monotonic() < end:
            time.sleep(0.1)
        error = second.exception() if second.status == "error" else None
        print(f"  the task that waited ran: {os.path.exists(ran)}; {second.status}")
        print(f"  {type(error).__name__}: {str(error)[:120]}...")
        if os.path.exists(ran) or type(error).__name__ != "KilledWorker":
            raise SystemExit("Dask behaves otherwise than recorded here")
PYTHON
PLACE="$folder" PYTHONPATH="$folder" python3 "$folder/wait.py" 2>/dev/null
