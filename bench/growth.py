"""Growth of time and memory with parameters and examples: each case in a process of its own.

``python -m bench.growth '<case as JSON>'`` sets a case up and then times one product for each line
that it reads, so that the parent can take the times of several processes in turn.
"""

import contextlib
import dataclasses
import functools
import json
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from landscape import models

from bench import ours, peers, subjects
from bench.attempts import Record
from bench.rows import Choice
from bench.timing import clock
from bench.tools import Setting

_ROOT = Path(__file__).resolve().parent.parent
_STATUS = Path("/proc/self/status")
_GIB = 2**30


@dataclasses.dataclass(frozen=True)
class Case:
    """One product of one tool at one size.

    Attributes:
        tool: Its name.
        setting: Fields of its ``Setting``.
        family: Name of the network's config in ``landscape.models``.
        config: Its fields.
        shape: Of an input.
        examples: Their number.
        threads: Of torch.
        peers: Folder of the peers.
        memory: GiB that the process may take beyond what it has when the case begins.
    """

    tool: str
    setting: dict[str, Any]
    family: str
    config: dict[str, Any]
    shape: tuple[int, int, int]
    examples: int
    threads: int
    peers: str
    memory: float


def grow(
    row: str,
    subject: str,
    sizes: Mapping[str, Mapping[str, Any]],
    choices: Mapping[str, Choice],
    *,
    repeats: int,
    common: Mapping[str, Any],
) -> list[Record]:
    """Time one product at each size, this library and the fastest peer that can do it in turn.

    Args:
        row: Name of the row.
        subject: Short name of the network.
        sizes: The size in words -> fields of ``Case``: family, config, shape, examples.
        choices: Settings of this library and of the peers.
        repeats: Products timed, after one that is not counted.
        common: The other fields of ``Case``.
    """
    peers_ = sorted(choices.keys() - {ours.NAME}, key=lambda name: choices[name].seconds)
    records = []
    for words, size in sizes.items():
        for rival in peers_ or [None]:
            names = [ours.NAME] + ([rival] if rival else [])
            pair = {}
            for name in names:
                setting = _fitted(choices[name], size["examples"])
                case = Case(name, dataclasses.asdict(setting), **size, **common)
                blank = Record(row, subject, name, f"{words}; {setting}", products=1)
                pair[name] = (blank, _Worker(case))
            found = _in_turn(pair, repeats)
            if rival is None or found[rival].seconds or rival == peers_[-1]:
                records += found.values()
                break
            records.append(found[rival])  # Why it failed; the next one is tried.
    return records


def _fitted(choice: Choice, examples: int) -> Setting:
    # "All at once" stays that when the number of examples changes.
    batch = choice.best.batch
    batch = examples if batch == choice.examples else min(batch, examples)
    return dataclasses.replace(choice.best, batch=batch)


def _in_turn(pair: Mapping[str, tuple[Record, "_Worker"]], repeats: int) -> dict[str, Record]:
    found = {name: record for name, (record, _) in pair.items()}
    for round_ in range(repeats + 1):
        for name, (_, worker) in pair.items():
            if found[name].note:
                continue
            reply = worker.product()
            if "failed" in reply:
                found[name] = dataclasses.replace(found[name], seconds=(), note=reply["failed"])
            elif round_:
                seconds = (*found[name].seconds, reply["seconds"])
                found[name] = dataclasses.replace(
                    found[name], seconds=seconds, memory=reply["memory"]
                )
    for _, worker in pair.values():
        worker.end()
    return found


class _Worker:
    """The process of one case, seen from the parent."""

    def __init__(self, case: Case) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.growth", json.dumps(dataclasses.asdict(case))],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def product(self) -> dict[str, Any]:
        """Have it compute one product; return seconds and memory in GiB, or why it failed."""
        try:
            self._process.stdin.write("product\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            return {"failed": f"the process ended with {self._process.wait()}"}
        return json.loads(line)

    def end(self) -> None:
        """Let it go."""
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def work(case: Case) -> None:
    """Answer each line of standard input with the time of one product."""
    torch.set_num_threads(case.threads)
    known = {tool.name: tool for tool in [ours.Ours(), *peers.load(Path(case.peers))[0]]}
    config = getattr(models, case.family)(**case.config)
    subject = subjects.untrained(config, tuple(case.shape), case.examples)
    v = subject.vector()
    direction = v.double() if case.tool == ours.NAME else v
    before = resident("VmRSS")
    forget_peak()
    _limit(case.memory)
    # The first product also sets the operator up, within the limit on memory.
    product = functools.cache(lambda: known[case.tool].product(subject, Setting(**case.setting)))
    for _ in sys.stdin:
        try:
            seconds = clock(lambda: product()(direction))[1]
        except (RuntimeError, MemoryError) as problem:
            enough = "can't allocate" in str(problem) or isinstance(problem, MemoryError)
            said = f"needs more than {case.memory:.1f} GiB" if enough else str(problem)[:160]
            print(json.dumps({"failed": said}), flush=True)
            return
        memory = (resident("VmHWM") - before) / _GIB
        print(json.dumps({"seconds": seconds, "memory": memory}), flush=True)


def resident(field: str) -> int:
    """Return bytes of this process: ``VmRSS`` now, ``VmHWM`` at the peak; 0 where unknown."""
    # Not getrusage: its peak includes that of the process before exec, which was the parent.
    for line in _STATUS.read_text().splitlines() if _STATUS.exists() else ():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return 0


def forget_peak() -> None:
    """Let the peak begin anew."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _limit(memory: float) -> None:
    # A tool that asks for too much fails with a message; without this it would end the machine.
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return
    bound = pages * resource.getpagesize() + int(memory * _GIB)
    resource.setrlimit(resource.RLIMIT_AS, (bound, bound))


if __name__ == "__main__":
    work(Case(**json.loads(sys.argv[1])))
