"""The house rules: which way imports run, exact public names, nothing heavy at the door."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import saccade

SOURCE = Path(saccade.__file__).parent

# Rooms by floor: a room may import itself and any floor below, unless MAY says less.
BASE = {"errors", "files", "progress", "values", "text", "photos", "config"}
# Within the base imports run one way, too.
BASE_MAY = {
    "errors": set(),
    "values": set(),
    "text": {"errors"},
    "files": {"errors", "text"},
    "progress": {"errors", "text"},
    "config": {"errors", "files"},
    "photos": {"errors", "files", "values", "text"},
}
SIBLINGS = {"data", "models", "metrics", "viz"}  # none imports another
MAY = {
    **{room: set() for room in SIBLINGS},
    "decoding": {"models"},
    "checkpoint": {"models", "decoding"},
    "engine": {"data", "models", "decoding", "checkpoint"},
    "training": {"data", "models", "metrics", "decoding", "checkpoint", "engine"},
    "explain": {"data", "models", "metrics", "decoding", "engine"},
    # a report is a picture of an evaluation, of a run that training left
    "evaluation": SIBLINGS | {"decoding", "checkpoint", "engine", "training", "explain"},
    "api": SIBLINGS | {"decoding", "checkpoint", "engine", "training", "explain", "evaluation"},
    "publish": set(),
    "batch": {"api", "decoding"},
    "cli": None,  # anything
    "__main__": None,
    "__init__": None,
}
# `evaluate` and `survey` run without what training needs.
EVALUATION_NEEDS_NO_TRAINING = ("split.py", "survey.py")


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
    """Also those inside functions and for types only: a late import must not hide a circle."""
    parts = path.relative_to(SOURCE).parts
    room = parts[0].removesuffix(".py")
    others = imports(path) - {room}
    if room in BASE:
        assert others <= BASE_MAY[room], f"{room} may not import {others - BASE_MAY[room]}"
    elif MAY[room] is not None:
        allowed = BASE | MAY[room]
        assert others <= allowed, f"{room} may not import {others - allowed}"
    if parts[0] == "evaluation" and path.name in EVALUATION_NEEDS_NO_TRAINING:
        assert "training" not in others


def modules() -> dict[str, set[str]]:
    """Every module of the package and the modules of it that it imports at its top or below."""
    names = {}
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        names[".".join(parts).removesuffix(".__init__")] = path
    graph = {}
    for name, path in names.items():
        wanted = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                wanted |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                wanted |= {one if one in names else node.module for one in inner}
        graph[name] = {one for one in wanted if one in names and one != name}
    return graph


def test_no_module_imports_itself_by_way_of_others():
    """Packages whose `__init__` gathers its own modules aside."""
    graph = modules()
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail[trail.index(name) :], name))
        if name in done:
            return
        for other in graph[name]:
            # A package's own modules import each other; its __init__ only lists them.
            if not (name.startswith(f"{other}.") or other.startswith(f"{name}.")):
                visit(other, (*trail, name))
        done.add(name)

    for name in graph:
        visit(name, ())


def test_a_kind_of_decoder_is_named_in_its_own_file_and_one_table():
    """What a new decoder would have to touch: nothing else asks which one it is."""
    from saccade.models.build import DECODERS

    own = SOURCE / "models" / "decoders"
    for path in SOURCE.rglob("*.py"):
        if own in path.parents or path.name == "build.py":
            continue
        text = path.read_text("utf-8")
        for row in DECODERS.values():
            assert row.settings.__name__ not in text, path
            assert getattr(row.build, "__name__", "-") not in text, path
        for other in ("Stepper(", "SoftAttention", "ShowTell", "TransformerDecoder"):
            assert other not in text or "PlainStepper" in text or "class Stepper" in text, path


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


def test_a_captioner_loads_neither_torchs_compiler_nor_what_training_needs():
    """Each would double the time that a caption from the command line takes."""
    folder = Path(__file__).parent / "files/format1/conv"
    code = f"from saccade.api import Captioner; Captioner.from_pretrained({str(folder)!r}, 'cpu')"
    assert not loaded_by(code) & {"sympy", "transformers", "accelerate", "matplotlib"}


def test_no_code_pickles():
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                assert not {a.name for a in node.names} & {"pickle", "dill", "joblib", "shelve"}
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert f"{node.value.id}.{node.attr}" not in ("torch.load", "torch.save")


@pytest.mark.parametrize(
    "preset", ["show_attend_tell", "scenes", "scenes_show_tell", "scenes_transformer"]
)
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


def test_no_two_test_files_have_one_name():
    """pytest imports them by name alone: a fresh clone could not collect both."""
    names = [path.name for path in Path(__file__).parent.rglob("*.py") if path.stem != "conftest"]
    assert sorted(set(names)) == sorted(names)


def test_no_two_classes_have_one_name():
    """One name, one meaning: in errors, tables and searches a class is known by its name."""
    places: dict[str, list[str]] = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(str(path.relative_to(SOURCE)))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
