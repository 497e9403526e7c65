"""Kernels forked from the warm process are what started ones are, live and end as these do."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from report import warm, warm_server
from tests.tiny_project import STUDY, add_study, make_project

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux alone"),
]

LIB = Path(__file__).resolve().parents[2] / "lib"
WORK = 'word = str.upper("reproduced")'  # the line of STUDY that tests replace

# Everything that a notebook can see of its process, and numbers that it computes.
SEEING = """
import signal, random, matplotlib, numpy, torch
from landscape import models, training
torch.manual_seed(0)
layers = torch.nn.Sequential(torch.nn.Linear(20, 30), torch.nn.Tanh(), torch.nn.Linear(30, 3))
optimizer = training.SGD(0.1, momentum=0.9)
steps = torch.optim.SGD(layers.parameters(), lr=0.1, momentum=0.9)
for _ in range(5):
    steps.zero_grad()
    layers(torch.ones(64, 20).cumsum(0) / 64).square().sum().backward()
    steps.step()
same = {
    "weights": [w.detach().numpy().tobytes().hex() for w in layers.parameters()],
    "environment": {k: os.environ[k] for k in {*os.environ} - {"JPY_PARENT_PID", "IPYTHONDIR"}},
    "argv": sys.argv[:1] + [a.replace(os.path.dirname(sys.argv[2]), "") for a in sys.argv[1:]],
    "path": sys.path, "cwd": os.getcwd(), "hash": hash("text"), "flags": list(sys.flags),
    "threads": torch.get_num_threads(), "backend": matplotlib.get_backend(), "main": __name__,
    "leads": os.getsid(0) == os.getpid() == os.getpgid(0), "parent": str(os.getppid()) ==
    os.environ["JPY_PARENT_PID"], "signals": [str(signal.getsignal(n)) for n in (2, 13, 15, 17)],
    "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])), "umask": os.umask(0o022),
    "stdin": os.read(0, 1).hex(), "cpus": len(os.sched_getaffinity(0)), "nice": os.nice(0),
}
with open("/proc/%d/cmdline" % os.getppid()) as file:
    forked = "warm_server" in file.read()
each = {"forked": forked, "random": random.random(), "numpy": numpy.random.rand()}
Path(build_dir).mkdir(exist_ok=True)
(Path(build_dir) / "seeing.json").write_text(json.dumps([same, each]))
print(sorted(same["environment"])[:3])
"""


LIGHT = """
with open("/proc/%d/cmdline" % os.getppid()) as file:
    forked = "warm_server" in file.read()
Path(build_dir).mkdir(exist_ok=True)
seeing = [{"environment": dict(os.environ)}, {"forked": forked}]
(Path(build_dir) / "seeing.json").write_text(json.dumps(seeing))
"""
SLEEPING = """
import subprocess, time
child = subprocess.Popen(["sleep", "100"])
Path(build_dir).mkdir(exist_ok=True)
(Path(build_dir) / "pid.new").write_text(f"{os.getpid()} {child.pid} {os.getppid()}")
os.replace(Path(build_dir) / "pid.new", Path(build_dir) / "pid")
time.sleep(100)
"""


def working(line):
    """The study with another line of work."""
    return STUDY.replace(WORK, line.strip())


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A project that has the library of this repository."""
    root = make_project(tmp_path_factory.mktemp("real"))
    shutil.rmtree(root / "lib" / "landscape")
    time.sleep(2.1)  # Source must be older than the warm process.
    return root, environment_of(LIB)


@pytest.fixture(scope="module")
def light(tmp_path_factory):
    """A project whose warm process has next to nothing to import."""
    root = make_project(tmp_path_factory.mktemp("light"))
    for name in warm_server.MODULES[1:]:
        path = (root / "lib").joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for package in {path.parent for path in (root / "lib").rglob("*.py")} - {root / "lib"}:
        (package / "__init__.py").touch()
    (root / "lib" / "torch" / "_dynamo.py").write_text("import numpy\n")
    time.sleep(2.1)
    return root, environment_of(root / "lib")


def environment_of(lib):
    """That of a report: the same for the warm process and for all that ask it."""
    outer = ("MAKE", "PYTEST", "LANDSCAPE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(outer)}
    blocks = {"MALLOC_TRIM_THRESHOLD_": "8589934592", "MALLOC_MMAP_THRESHOLD_": "8589934592"}
    return {**kept, **blocks, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(lib)}


class Warm:
    """A warm process that serves until it is closed."""

    def __init__(self, root, environment):
        waits = "import os, sys; print(os.environ['LANDSCAPE_WARM'], flush=True); sys.stdin.read()"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "report.warm", "", sys.executable, "-c", waits],
            cwd=root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.path = self.process.stdout.readline().strip()

    def servers(self):
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [pid for pid in map(int, children.split()) if "warm_server" in command_of(pid)]

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(timeout=60) == 0


def command_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


@pytest.fixture
def served(light):
    server = Warm(*light)
    yield server
    pids = server.servers()
    server.close()
    assert not any(map(command_of, pids)) and not os.path.exists(server.path)


def begin(root, environment, path, text=None, **changed):
    """Start an execution in a process of its own, as make does."""
    if text is not None:
        add_study(root, "01_number", text)
    return subprocess.Popen(
        [sys.executable, "-m", "report", "execute", "--profile", "quick"],
        cwd=root,
        env={**environment, "LANDSCAPE_WARM": path, **changed},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def execute(*arguments, **changed):
    process = begin(*arguments, **changed)
    out, said = process.communicate(timeout=120)
    return process.returncode, out, said


def seen(root, environment, path, text=LIGHT, **changed):
    """Execute a study that sees; return what is the same for all, what is not, its notebook."""
    shutil.rmtree(root / "build", ignore_errors=True)  # A record would be continued.
    status, _, said = execute(root, environment, path, working(text), **changed)
    assert status == 0, said
    same, each = json.loads((root / "build" / "seeing.json").read_text())
    notebook = json.loads((root / "build" / "quick" / "01_number.ipynb").read_text())
    for cell in notebook["cells"]:
        # In how many pieces a kernel sends what is printed depends on the time between.
        outputs = cell.get("outputs", [])
        printed = "".join(line for output in outputs for line in output.get("text", ()))
        cell["outputs"] = [printed, *(output for output in outputs if "text" not in output)]
    return same, each, notebook


def pid_of(root, process):
    """Wait for the kernel that writes its number, and return that."""
    file = root / "build" / "pid"
    deadline = time.monotonic() + 60
    while not (file.exists() and file.read_text()) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.05)
    pids = [int(word) for word in file.read_text().split()]
    file.unlink()
    return pids


def wait_until_gone(pids):
    deadline = time.monotonic() + 20
    while any(map(command_of, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return [command_of(pid) for pid in pids if command_of(pid)]


def test_a_forked_kernel_is_as_a_started_one(real):
    server = Warm(*real)
    started, alone, notebook = seen(*real, "off", SEEING)
    forked, one, same_notebook = seen(*real, server.path, SEEING)
    _, another, _ = seen(*real, server.path, SEEING)
    (pid,) = server.servers()
    server.close()
    assert not command_of(pid)
    assert (alone["forked"], one["forked"], another["forked"]) == (False, True, True)
    for name in started:
        assert forked[name] == started[name]
    assert same_notebook == notebook
    assert (forked["threads"], forked["cwd"], forked["hash"]) == (1, str(real[0]), hash_of_text())
    assert forked["environment"]["MALLOC_MMAP_THRESHOLD_"] == "8589934592"
    assert "LANDSCAPE_WARM" not in forked["environment"]
    assert one["random"] != another["random"] and one["numpy"] != another["numpy"]


def hash_of_text():
    command = [sys.executable, "-c", "print(hash('text'))"]
    done = subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": "0"}, capture_output=True)
    return int(done.stdout)


def test_a_kernel_with_another_environment_is_started_and_has_it(light, served):
    assert seen(*light, served.path)[1]["forked"]
    changed = {"OMP_NUM_THREADS": "2", "MALLOC_TRIM_THRESHOLD_": "1"}
    same, each, _ = seen(*light, served.path, **changed)
    assert not each["forked"]
    assert changed.items() <= same["environment"].items()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("sys.exit(0)", "01_number stopped after cell 5"),
        ("os.kill(os.getpid(), 9)", "the kernel died"),
    ],
)
def test_a_failure_says_what_it_says_of_a_started_kernel(light, served, line, said):
    status, _, message = execute(*light, served.path, working(f"{LIGHT}{line}"))
    assert status == 1 and said in message
    assert json.loads((light[0] / "build" / "seeing.json").read_text())[1]["forked"]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_kernel_and_its_processes_end_with_who_asked_for_it(light, served, sent):
    process = begin(*light, served.path, working(SLEEPING))
    kernel, child, parent = pid_of(light[0], process)
    assert served.servers() == [parent]
    process.send_signal(sent)
    _, said = process.communicate(timeout=60)
    assert process.returncode == (130 if sent != signal.SIGKILL else -sent)
    assert ("interrupted" in said) == (sent != signal.SIGKILL)
    assert wait_until_gone([kernel, child]) == []


def test_a_kernel_ends_with_the_warm_process_and_the_next_is_started(light, served):
    process = begin(*light, served.path, working(SLEEPING))
    kernel, child, parent = pid_of(light[0], process)
    os.kill(parent, signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1 and "the kernel died" in said
    assert wait_until_gone([kernel]) == []
    os.kill(child, signal.SIGKILL)
    assert not seen(*light, served.path)[1]["forked"]


def test_make_report_forks_its_kernels(light):
    root, environment = light
    for name in ("01_number", "02_other"):
        text = working(LIGHT).replace("seeing.json", f"{name}.json").replace("01_number", name)
        add_study(root, name, text)
    plain = {name: value for name, value in environment.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        ["make", "report", "VENV=", f"PYTHON={sys.executable}", "JOBS=2"],
        cwd=root,
        env=plain,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for name in ("01_number", "02_other"):
        assert json.loads((root / "build" / f"{name}.json").read_text())[1]["forked"]


# The command that runs beside the warm process


PRINTS = [sys.executable, "-c", "import os; print(os.environ.get('LANDSCAPE_WARM'))"]


@pytest.mark.parametrize(
    ("threads", "own", "serves"),
    [
        ("1", {}, True),
        ("", {"OMP_NUM_THREADS": "1"}, True),
        ("", {}, False),
        ("2", {}, False),
        ("1", {"OMP_NUM_THREADS": "2"}, False),
        ("1", {"LANDSCAPE_WARM": "off"}, False),
    ],
)
def test_kernels_are_forked_for_one_thread_and_where_nobody_switched_it_off(
    light, threads, own, serves
):
    root, environment = light
    plain = {name: value for name, value in environment.items() if name != "OMP_NUM_THREADS"}
    command = [sys.executable, "-m", "report.warm", threads, *PRINTS]
    done = subprocess.run(command, cwd=root, env=plain | own, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr
    assert (done.stdout.strip() not in ("None", "off")) == serves
    assert not os.path.exists(done.stdout.strip())


def test_no_kernel_is_forked_beside_a_gpu(monkeypatch, tmp_path):
    monkeypatch.delenv("LANDSCAPE_WARM", raising=False)
    assert warm.may_serve("1")
    monkeypatch.setattr(warm, "_GPUS", (str(tmp_path),))
    assert not warm.may_serve("1")
    monkeypatch.undo()
    monkeypatch.delenv("LANDSCAPE_WARM", raising=False)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not warm.may_serve("1")


@pytest.mark.parametrize(("ends", "status"), [("sys.exit(3)", 3), ("os.kill(os.getpid(), 9)", 137)])
def test_the_status_is_that_of_the_command(light, ends, status):
    root, environment = light
    command = [sys.executable, "-m", "report.warm", "1", sys.executable, "-c"]
    done = subprocess.run([*command, f"import os, sys; {ends}"], cwd=root, env=environment)
    assert done.returncode == status


@pytest.mark.parametrize(("sent", "group"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_the_command_is_interrupted_and_has_the_last_word(light, sent, group):
    root, environment = light
    waits = "import signal, sys, time\nsignal.signal(15, lambda *_: sys.exit(5))\n"
    waits += "try:\n print('begun', flush=True); time.sleep(60)\n"
    waits += "except KeyboardInterrupt:\n time.sleep(0.3); sys.exit(4)"
    process = subprocess.Popen(
        [sys.executable, "-m", "report.warm", "1", sys.executable, "-c", waits],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    process.stdout.readline()
    (os.killpg if group else os.kill)(process.pid, sent)
    process.communicate(timeout=30)
    assert process.returncode == (4 if group else 5)


# What the warm process doubts


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setattr(warm_server, "_changed", lambda: "")
    monkeypatch.setattr(os, "listdir", lambda path: ["1"])
    for name in [name for name in sys.modules if name.startswith("matplotlib.pyplot")]:
        monkeypatch.delitem(sys.modules, name)
    server = warm_server.Server.__new__(warm_server.Server)
    server._environment = {"A": "1", "MAKELEVEL": "1"}
    return server


def asked(**changed):
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "file"]
    request = {"command": command, "environment": {"A": "1"}, "folder": str(Path.cwd())}
    return request | changed


def test_a_request_like_its_own_is_not_doubted(server):
    assert server._doubt(asked()) == ""
    assert server._doubt(asked(environment={"A": "1", "MAKELEVEL": "2", "IPYTHONDIR": "x"})) == ""


@pytest.mark.parametrize(
    ("changed", "doubt"),
    [
        ({"environment": {"A": "2"}}, "another environment: A"),
        ({"environment": {}}, "another environment: A"),
        ({"environment": {"A": "1", "LD_PRELOAD": "x"}}, "another environment: LD_PRELOAD"),
        ({"command": [sys.executable, "-X", "dev", "-m", "ipykernel_launcher"]}, "another command"),
        ({"command": ["python", "-m", "ipykernel_launcher"]}, "another command"),
        ({"folder": "/"}, "another folder"),
    ],
)
def test_another_request_is_doubted(server, changed, doubt):
    assert server._doubt(asked(**changed)) == doubt


def test_threads_pyplot_and_changed_source_are_doubted(server, monkeypatch):
    monkeypatch.setattr(warm_server, "_changed", lambda: "x.py changed")
    assert server._doubt(asked()) == "x.py changed"
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", os)
    assert "pyplot" in server._doubt(asked())
    monkeypatch.undo()
    ending = threading.Event()
    thread = threading.Thread(target=ending.wait)
    thread.start()
    server._environment = {"A": "1"}
    assert "threads" in server._doubt(asked())
    ending.set()
    thread.join()


def test_source_that_is_newer_than_the_process_or_gone_is_seen(monkeypatch, tmp_path):
    import landscape
    import studies

    file = tmp_path / "new.py"
    file.touch()
    began = file.stat().st_ctime_ns
    monkeypatch.setattr(warm_server, "_BEGUN", began + 10**12)
    monkeypatch.setattr(sys, "modules", {"landscape": landscape, "studies": studies})
    assert warm_server._changed() == ""
    sys.modules["own"] = type(sys)("own")
    sys.modules["own"].__file__ = str(file)
    assert warm_server._changed() == ""
    monkeypatch.setattr(landscape, "__path__", [str(tmp_path)])
    monkeypatch.setattr(warm_server, "_BEGUN", began + 10**9)
    assert "changed" in warm_server._changed()
    monkeypatch.setattr(warm_server, "_BEGUN", began + 10**12)
    file.unlink()
    assert warm_server._changed() == f"{file} changed"
