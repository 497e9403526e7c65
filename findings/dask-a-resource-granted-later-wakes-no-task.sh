#!/usr/bin/env bash
# distributed 2026.8.0: a task that waits for a resource does not start when a worker gets it.
#
# Guess:  Worker.set_resources tells the scheduler, and what waited for such a worker starts there.
# Seen:   the scheduler notes the resource and looks at no task. The one that waited stays in the state
#         no-worker, for ever if no other worker joins; the same task, submitted again, starts at once.
# Matters: a worker that is checked when it starts, and gets its right by set_resources if it passes,
#         serves new tasks and starves the old ones. After a restart of all workers the program hangs.
# Output: submitted after the grant: finished; ten seconds later, before it: pending
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --target "$folder" "distributed==2026.8.0" 2>/dev/null
cat > "$folder/grant.py" <<'PYTHON'
import distributed


async def grant(dask_worker):
    await dask_worker.set_resources(checked=1)


if __name__ == "__main__":
    print("distributed", distributed.__version__)
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        early = client.submit(abs, -1, resources={"checked": 1}, pure=False)
        distributed.wait([client.submit(abs, -2)])
        client.run(grant)
        late = client.submit(abs, -1, resources={"checked": 1}, pure=False)
        distributed.wait([late], timeout=30)
        try:
            distributed.wait([early], timeout=10)
        except TimeoutError:
            pass
        print(f"  submitted after the grant: {late.status}; ten seconds later, before it: {early.status}")
        if (late.status, early.status) != ("finished", "pending"):
            raise SystemExit("Dask behaves otherwise than recorded here")
PYTHON
PYTHONPATH="$folder" python3 "$folder/grant.py" 2>/dev/null
