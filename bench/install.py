"""The peers in a folder of their own: the virtual environment and its torch stay as they are."""

import argparse
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

PINS = Path(__file__).with_name("peers.txt")
_STAMP = "installed.txt"


def install(folder: Path, pins: Path = PINS) -> str | None:
    """Install what ``pins`` names into ``folder``, unless it is there already.

    Args:
        folder: Made anew when the pins or the Python have changed.
        pins: A file of ``name==version`` lines.

    Returns:
        None, or why the peers are not there, in the words of pip's last line.
    """
    version = "{}.{}".format(*sys.version_info[:2])
    stamp = hashlib.sha256(pins.read_bytes() + version.encode()).hexdigest()
    if (folder / _STAMP).is_file() and (folder / _STAMP).read_text(encoding="utf-8") == stamp:
        return None
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    # Only wheels: building a peer from source would run its set-up code with other packages.
    where = ["--no-deps", "--only-binary", ":all:", "--target", str(folder), "-r", str(pins)]
    done = subprocess.run([*pip, *where], capture_output=True, text=True)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return lines[-1] if lines else f"pip ended with {done.returncode}"
    (folder / _STAMP).write_text(stamp, encoding="utf-8")
    return None


def main() -> None:
    """Install into ``--target``; a failure is said and no error: the bench runs without peers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", type=Path, required=True)
    reason = install(parser.parse_args().target)
    print(f"peers are not installed: {reason}" if reason else "peers are installed", flush=True)


if __name__ == "__main__":
    main()
