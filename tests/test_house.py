"""The house rules: which way imports run, exact public names, nothing heavy at the door."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import saccade

SOURCE = Path(saccade.__file__).parent

BASE = {
    "types",
    "evidence",
    "config",
    "text",
    "english",
    "spacing",
    "errors",
    "files",
    "images",
    "progress",
    "allocator",
}
ROOMS = {"data", "models", "metrics", "viz"}
# Who may import whom, beside the base and itself; a door opened late inside a function counts too.
MAY = {
    **{room: set() for room in ROOMS},
    "decoding": set(),
    "checkpoint": {"models"},
    "training": {"data", "models", "metrics", "decoding", "checkpoint"},
    "api": {"models", "decoding", "checkpoint", "explain"},  # Captioner.explain, opened late
    "evaluation": {"api", "data", "metrics", "training", "models", "decoding", "checkpoint"},
    "lab_report": {"api", "data", "metrics", "training", "evaluation", "viz"},
    "explain": {"api", "data", "models", "metrics", "decoding", "checkpoint", "evaluation"},
    "cli": None,  # anything
    "__main__": None,
    "__init__": None,
}


def imports(path: Path) -> set[str]:
    """The rooms that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module or ""]
        for name in names:
            if name.startswith("saccade."):
                found.add(name.split(".")[1])
    return found


@pytest.mark.parametrize(
    "path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE))
)
def test_imports_run_one_way(path):
    parts = path.relative_to(SOURCE).parts
    room = parts[0].removesuffix(".py")
    found = imports(path) - {room}
    if room in BASE:
        # types.Caption.figure is the one door from a value to its picture
        assert found <= (BASE | {"viz"} if room == "types" else BASE)
    elif MAY[room] is not None:
        assert found <= BASE | MAY[room], f"{room} may not import {found - BASE - MAY[room]}"


def test_no_file_is_longer_than_one_sitting():
    long = {
        str(path.relative_to(SOURCE)): count
        for path in SOURCE.rglob("*.py")
        if (count := len(path.read_text("utf-8").splitlines())) > 400
    }
    assert long == {}


def test_the_public_names_are_exactly_those_listed():
    assert saccade.__all__ == sorted(saccade.__all__)
    assert dir(saccade) == saccade.__all__
    for name in saccade.__all__:
        assert getattr(saccade, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        saccade.nonsense  # noqa: B018


def loaded_by(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(ended.stdout.splitlines()[-1].split())


HEAVY = {"torch", "transformers", "accelerate", "matplotlib", "numpy", "PIL", "huggingface_hub"}


@pytest.mark.parametrize(
    "code",
    [
        "import saccade",
        "import saccade.metrics",
        "from saccade.cli import main; main(['--help'])",
        "from saccade.cli import main; main(['train', '--help'])",
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(code):
    assert not loaded_by(code) & HEAVY


def test_no_code_pickles():
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                assert not {a.name for a in node.names} & {"pickle", "dill", "joblib", "shelve"}
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert f"{node.value.id}.{node.attr}" not in ("torch.load", "torch.save")


@pytest.mark.parametrize("preset", ["show_attend_tell", "scenes"])
def test_presets_are_valid_and_the_recipe_is_the_reports(preset):
    from saccade.training.train import configure

    config = configure(preset, {})
    if preset == "show_attend_tell":
        shape, train = config.decoder, config.train
        assert config.encoder.backbone == "microsoft/resnet-101"
        assert (shape.hidden, shape.embedding, shape.attention, shape.dropout) == (
            512,
            512,
            512,
            0.5,
        )
        assert (train.batch, train.captions, train.epochs) == (16, 5, 5)
        assert train.learning_rate == 4e-4
        assert train.min_count == 5
