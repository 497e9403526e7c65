"""The README says what is so: its code runs, and what it names is there."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_the_readme_code_for_ones_own_network_runs(capsys, tmp_path, monkeypatch):
    assert len(BLOCKS) == 3
    monkeypatch.chdir(tmp_path)
    exec(compile("\n".join(BLOCKS), "README.md", "exec"), {})
    for name in ("density.png", "plane.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert "torch.Size([9, 9]) frozen" in printed
    assert printed.count("True") == 6  # Three eigenvalues at each end converged.
    *_, path, edge, scale = printed.splitlines()
    curvature, threshold = map(float, edge.split())
    assert 0 < curvature and threshold == pytest.approx(3800) and float(scale) > 0
    barrier, position, policy = path.split()
    assert float(barrier) >= 0 and 0 <= float(position) <= 1 and policy == "frozen"


def test_the_readme_code_is_short():
    for code, most in zip(BLOCKS, (16, 5, 6), strict=True):
        lines = [line for line in code.splitlines() if line]
        assert len([x for x in lines if not x.startswith(("import", "from"))]) <= most


@pytest.mark.parametrize("verb", sorted(set(re.findall(r"(?m)(?:^|`)make ([a-z-]+)", TEXT))))
def test_every_verb_in_the_readme_is_a_target(verb):
    assert re.search(rf"^{verb}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_every_link_of_the_readme_into_the_repository_leads_somewhere():
    links = {link for link in re.findall(r"\]\(([^)#]+)\)", TEXT) if "://" not in link}
    if not (ROOT / "report" / "published").is_dir():
        pytest.skip("nothing is published yet, and the links lead there")
    missing = [link for link in sorted(links) if not (ROOT / link).exists()]
    assert links and missing == []


def test_the_readme_names_the_two_commands_on_the_first_screen():
    first = TEXT.split("## ")[0]
    assert "make report" in first and "make test" in first
    screen = TEXT.splitlines()[:40]
    assert {"make test"} <= set(screen) and any(line.startswith("make report ") for line in screen)
    assert any(line.startswith("Of the ") and "claims judged so far" in line for line in screen)


def test_no_path_of_one_machine_is_committed():
    found = subprocess.run(
        ["git", "grep", "-nIE", r"(^|[^.\w]|\.\./\.\.)/(home|root|work|Users)/\w"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if found.returncode not in (0, 1):
        pytest.skip("no git here")
    lines = [line for line in found.stdout.splitlines() if "tests/" not in line.split(":")[0]]
    assert lines == []
