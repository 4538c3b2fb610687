"""Small real things to test with: pictures, captions, a backbone, a trained checkpoint."""

import json
import os
import shutil
from pathlib import Path

# One thread per test process: two of them run side by side on two cores, and small models gain
# nothing from more. Set before torch loads, so that programs started by tests take it too.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

SHARED = Path(__file__).parents[2] / "shared" / "data"

COLOURS = {"red": (220, 30, 30), "green": (30, 180, 60), "blue": (40, 60, 220)}
PLACES = {"left": 0.25, "right": 0.75}


@pytest.fixture(scope="session")
def shared() -> Path:
    """The photographs of ../shared/data; the test is skipped where they are not."""
    if not SHARED.is_dir():
        pytest.skip("../shared/data is not here")
    return SHARED


def draw(path: Path, colour: str, place: str, seed: int, size: tuple[int, int] = (48, 32)) -> None:
    """A square of a colour on one side of a noisy grey picture."""
    noise = np.random.default_rng(seed).integers(90, 130, (size[1], size[0], 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    x, y = int(size[0] * PLACES[place]), size[1] // 2
    picture.paste(COLOURS[colour], (x - 7, y - 7, x + 7, y + 7))
    picture.save(path)


def squares(folder: Path, count: int = 24, val: int = 6) -> Path:
    """A folder of pictures with captions.jsonl; every caption can be learned."""
    (folder / "images").mkdir(parents=True)
    lines = []
    for i in range(count):
        colour, place = list(COLOURS)[i % 3], list(PLACES)[i // 3 % 2]
        name = f"images/{i:03d}.png"
        draw(folder / name, colour, place, i)
        captions = [f"a {colour} square on the {place}", f"the {place} has a {colour} square"]
        split = "val" if i >= count - val else "train"
        lines.append(json.dumps({"image": name, "split": split, "captions": captions[: 1 + i % 2]}))
    (folder / "captions.jsonl").write_text("\n".join(lines) + "\n")
    return folder


TINY = {  # settings that train in a second, encoder and all
    "encoder": {
        "backbone": "small-conv",
        "image_size": [32, 48],
        "freeze": "none",
        "widths": [8, 12, 16],
        "halvings": 2,
    },
    "decoder": {"hidden": 24, "embedding": 12, "attention": 12, "features": 0, "dropout": 0.2},
    "train": {"batch": 4, "captions": 2, "epochs": 2, "learning_rate": 3e-3, "min_count": 1},
    "decode": {"beams": 2, "max_words": 8},
}


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    return squares(tmp_path_factory.mktemp("squares"))


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Path:
    """A finished run of a captioner that knows its squares, also those it has not seen. One test
    process trains it, each has a copy."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_TESTRUNUID" in os.environ:
        shared = shared.parent
    with FileLock(shared / "run.lock"):
        if not (shared / "trained").exists():
            train_on_squares(shared / "trained", squares(shared / "more-squares", 96, 12))
    return Path(shutil.copytree(shared / "trained", tmp_path_factory.mktemp("runs") / "squares"))


def train_on_squares(folder: Path, data: Path) -> None:
    from saccade.config import merge
    from saccade.training.train import train

    longer = {"epochs": 25, "batch": 8, "learning_rate": 1e-2, "schedule": "cosine", "warmup": 20}
    settings = merge(TINY, {"train": longer, "decoder": {"dropout": 0.0}})
    train(data, folder, settings=settings, cpu=True, show=False)


@pytest.fixture(scope="session")
def backbone(tmp_path_factory) -> Path:
    """A tiny convolutional backbone of transformers with random weights, as a local folder."""
    import torch
    from transformers import AutoModel, ResNetConfig

    folder = tmp_path_factory.mktemp("backbone")
    torch.manual_seed(0)
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 8, 12, 16], depths=[1, 1, 1, 1])
    AutoModel.from_config(config).save_pretrained(folder)
    return folder
