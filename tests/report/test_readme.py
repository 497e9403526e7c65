"""The README says what is so: its code runs, and what it names is there."""

import re
import subprocess
import types
from pathlib import Path

import landscape
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from report import readme

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
LIBRARY = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
# The last three are one program; those before them are about a reader's own data and model.
OWN_BLOCKS = re.findall(r"```python\n(.*?)```", LIBRARY, re.DOTALL)
OWN_BLOCKS, LIBRARY_BLOCKS = OWN_BLOCKS[:-3], OWN_BLOCKS[-3:]


@pytest.mark.slow
def test_the_readme_code_for_ones_own_network_runs(capsys, tmp_path, monkeypatch):
    (block,) = BLOCKS
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {})
    for name in ("density.png", "plane.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out.count("True") == 6  # three eigenvalues at each end converged


def loader_and_model():
    """A loader that shuffles, and a network that is right about each example."""
    torch.manual_seed(0)
    classes = torch.arange(200) % 5
    inputs = nn.functional.one_hot(classes, 5).float()
    model = nn.Sequential(nn.Linear(5, 5))
    with torch.no_grad():
        model[0].weight.copy_(20 * torch.eye(5))
    return DataLoader(TensorDataset(inputs, classes), batch_size=32, shuffle=True), model


def test_the_recipe_for_a_loader_keeps_each_input_with_its_target():
    loader, model = loader_and_model()
    names = {"loader": loader, "model": model}
    collect, compare, _, _, memory = OWN_BLOCKS
    exec("\n".join((collect, compare, memory)), names)
    assert names["L"].evaluate().accuracy == 1.0 and names["L"].dtype == torch.float64
    # What the page warns of: two passes.
    names["inputs"] = torch.cat([x for x, _ in loader])
    names["targets"] = torch.cat([y for _, y in loader])
    exec(compare, names)
    assert names["L"].evaluate().accuracy < 0.5


def test_the_wrapper_for_ids_and_mask_runs():
    class Language(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.head = nn.Embedding(11, 4), nn.Linear(4, 3)

        def forward(self, input_ids, attention_mask):
            words = self.embedding(input_ids) * attention_mask[:, :, None]
            return types.SimpleNamespace(logits=self.head(words.mean(dim=1)))

    ids = torch.arange(24).reshape(8, 3) % 11
    names = {"torch": torch, "landscape": landscape, "model": Language(), "ids": ids}
    names |= {"mask": torch.ones_like(ids), "labels": torch.arange(8) % 3}
    exec(OWN_BLOCKS[2], names)
    assert names["L"].gradient().norm() > 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_line_for_a_gpu_runs():
    loader, model = loader_and_model()
    inputs, targets = next(iter(loader))
    names = {"landscape": landscape, "model": model, "inputs": inputs, "targets": targets}
    exec(OWN_BLOCKS[3], names)
    assert names["L"].evaluate().accuracy == 1.0


@pytest.mark.slow
def test_the_code_of_the_library_page_runs(capsys, tmp_path, monkeypatch):
    assert len(LIBRARY_BLOCKS) == 3
    monkeypatch.chdir(tmp_path)
    exec(compile("\n".join(LIBRARY_BLOCKS), "library.md", "exec"), {})
    for name in ("density.png", "plane.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert "torch.Size([9, 9]) frozen" in printed
    assert printed.count("True") == 6  # three eigenvalues at each end converged
    *_, path, edge, scale = printed.splitlines()
    curvature, threshold = map(float, edge.split())
    assert 0 < curvature and threshold == pytest.approx(3800) and float(scale) > 0
    barrier, position, policy = path.split()
    assert float(barrier) >= 0 and 0 <= float(position) <= 1 and policy == "frozen"


def test_the_code_for_ones_own_network_is_short():
    for code, most in zip([*BLOCKS, *LIBRARY_BLOCKS], (10, 16, 5, 6), strict=True):
        lines = [line for line in code.splitlines() if line]
        assert len([x for x in lines if not x.startswith(("import", "from"))]) <= most


@pytest.mark.parametrize("verb", sorted(set(re.findall(r"(?m)(?:^|`)make ([a-z-]+)", TEXT))))
def test_every_verb_in_the_readme_is_a_target(verb):
    assert re.search(rf"^{verb}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


PAGES = [page.relative_to(ROOT).as_posix() for page in sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", ["README.md", *PAGES])
def test_every_link_into_the_repository_leads_somewhere(page):
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    links = {link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link}
    assert [link for link in sorted(links) if not (path.parent / link).exists()] == []


def test_question_answer_figure_and_commands_stand_on_the_first_screen():
    screen = TEXT.splitlines()[: readme.SCREEN]
    assert len(TEXT.splitlines()) <= readme.LONGEST
    assert "make test" in screen and any(line.startswith("make report ") for line in screen)
    assert sum(line.startswith("- **") for line in screen) == 4  # the findings
    assert any(line.startswith("![") for line in screen)
    assert "**Which of" in "\n".join(screen)


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
