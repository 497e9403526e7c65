#!/usr/bin/env bash
# glibc 2.36: MALLOC_TRIM_THRESHOLD_ and MALLOC_MMAP_THRESHOLD_ keep a large block in the first thread alone.
#
# Guess:  with both at 8 GB freed memory stays with the process, so the next activation of the same size
#         costs no page faults, whichever thread computes it.
# Seen:   in the main thread that holds. Another thread has an arena whose heaps are 64 MB at most: a
#         block of 100 MB is fetched from the system and given back each time, all its pages anew.
#         MALLOC_ARENA_MAX=1 puts threads into the main arena, and they keep it too.
# Matters: Dask, thread pools and web servers compute in threads. There the two variables that make
#         PyTorch on a CPU faster do nothing for the blocks that are worth it.
# Output: both thresholds: kept anew; with MALLOC_ARENA_MAX=1: kept kept
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/faults.py" <<'PYTHON'
import ctypes
import platform
import resource
import threading

SIZE = 100 * 2**20
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]


def faults():
    counts = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
        block = libc.malloc(SIZE)
        ctypes.memset(block, 1, SIZE)
        libc.free(block)
        counts.append(resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before)
    return counts[-1] > SIZE / resource.getpagesize() / 2


seen = []
thread = threading.Thread(target=lambda: seen.append(faults()))
thread.start()
thread.join()
seen.insert(0, faults())
print(" ".join("anew" if again else "kept" for again in seen))
PYTHON
run() { env MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_MMAP_THRESHOLD_=8589934592 "$@" python3 "$folder/faults.py"; }
echo "$(getconf GNU_LIBC_VERSION), a block of 100 MB a second time, in the main thread and in another"
both=$(run) one=$(run MALLOC_ARENA_MAX=1)
echo "  both thresholds: $both; with MALLOC_ARENA_MAX=1: $one"
[ "$both, $one" = "kept anew, kept kept" ] || { echo "glibc behaves otherwise than recorded here"; exit 1; }
