"""Where cells lie on the photo: every family, tiny random models."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor

from saccade.engine import ForeignEngine, encode
from saccade.errors import CheckpointError
from saccade.models.foreign.canvas import check_canvas
from saccade.models.foreign.loading import load_foreign
from saccade.models.foreign.pix2struct import _patches, fit_pix2struct
from tests.models.foreign.makers import MAKERS, photo


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "florence2"])
@pytest.mark.parametrize("size", [(90, 60), (40, 64)])
def test_a_marker_is_found_in_the_cell_that_lies_on_it(name, size, engines):
    """Photo, processor, patches, merging and the order of cells in one: of all cells the one that
    is said to lie on the marked part of the photo changes most before rows see each other."""
    engine = engines[name]
    blank = Image.new("RGB", size, (120, 120, 120))
    where = engine.prepare(blank).where
    h, w = where.shape
    plain = first_rows(engine, blank)
    middles = (where.boxes()[:, :2] + where.boxes()[:, 2:]) / 2
    inside = ((middles > 0) & (middles < size)).all(1).reshape(h, w)  # not beside the photo
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    for row, column in {
        (rows[0], columns[0]),
        (rows[-1], columns[0]),
        (rows[len(rows) // 2], columns[-1]),
    }:
        x0, y0, x1, y1 = where.cell_box(row, column)
        x, y = (x1 - x0) / 3, (y1 - y0) / 3
        marked = blank.copy()
        marked.paste((255, 255, 255), tuple(map(round, (x0 + x, y0 + y, x1 - x, y1 - y))))
        moved = (first_rows(engine, marked) - plain).abs().sum(-1)
        assert int(moved.argmax()) == row * w + column


@pytest.mark.parametrize("cell", [(1, 2), (2, 1), (3, 3)])
def test_florences_cells_see_as_far_to_all_sides(engines, cell):
    """Its convolutions overlap: a cell's box lies in the middle of the pixels that it sees."""
    engine = engines["florence2"]
    prepared = engine.prepare(photo(0, (32, 32)))
    values = engine.foreign.fitting.normalised(prepared.pixels[None]).requires_grad_()
    with untangled(engine):
        cells = engine.family.encode(values).cells.unflatten(1, prepared.where.shape)
    (gradient,) = torch.autograd.grad(cells[0, cell[0], cell[1], :5].sum(), values)
    seen = gradient[0].abs().sum(0)
    x0, y0, x1, y1 = prepared.where.cell_box(*cell)
    for axis, middle in ((1, (y0 + y1) / 2), (0, (x0 + x1) / 2)):
        places = seen.sum(axis).nonzero().flatten()
        assert len(places) == 15  # of 7 pixels, 4 apart, three
        assert float(places[0] + places[-1] + 1) / 2 == middle


def first_rows(engine: ForeignEngine, picture: Image.Image) -> torch.Tensor:
    """(L, F) cells of an encoder, each from its own pixels alone."""
    with untangled(engine):
        return encode(engine, [picture]).features.cells[0]


def test_pixels_that_fill_no_cell_lie_beside_the_grid(folders, tmp_path):
    """36 pixels hold four patches of 8; the last 4 rows and columns are not seen."""
    sizes = {"height": 36, "width": 36}

    def larger(settings: dict[str, Any]) -> None:
        settings["vision_config"]["image_size"] = 36

    folder = changed(folders["paligemma"], "config.json", larger, tmp_path / "a")
    folder = changed(
        folder, "preprocessor_config.json", lambda c: c.update(size=sizes), tmp_path / "b"
    )
    engine = ForeignEngine(load_foreign(folder), "cpu")
    picture = photo(0, (72, 36))
    where = engine.prepare(picture).where
    assert where.shape == (4, 4)
    assert where.box == (0, 0, 64, 32)
    pixels = np.asarray(picture).copy()
    pixels[:, 64:] = pixels[32:] = 0
    plain = first_rows(engine, picture)
    # The resize looks a pixel further than it draws.
    moved = (first_rows(engine, Image.fromarray(pixels)) - plain).abs().sum(-1).view(4, 4)
    assert float(moved[:3, :3].max()) < 0.2 * float(plain.abs().sum(-1).mean())


@contextmanager
def untangled(engine: ForeignEngine) -> Iterator[None]:
    """An encoder whose attention is turned off."""
    model = engine.foreign.model
    vision = [
        module
        for part, module in model.named_modules()
        if (
            module.__class__.__name__.endswith(("Attention", "SdpaAttention"))
            # Florence-2's convolutions from cell to cell, beside those that make cells of pixels.
            or part.endswith(("block.conv1", "block.conv2"))
        )
        and any(
            key in part
            for key in ("vision", "visual", "image_encoder", "encoder.encoder", "encoder.layer")
        )
        and not part.startswith(
            ("text_decoder", "decoder", "git.encoder", "model.text_model", "model.language_model")
        )
    ]
    assert vision
    hooks = [module.register_forward_hook(_nothing) for module in vision]
    yield
    for hook in hooks:
        hook.remove()


def _nothing(module: Any, inputs: Any, output: Any) -> Any:
    if isinstance(output, tuple):
        return (torch.zeros_like(output[0]), *output[1:])
    return torch.zeros_like(output)


def changed(folder: Path, file: str, change: Callable[[Any], None], target: Path) -> Path:
    """A copy of a model's folder with another setting."""
    shutil.copytree(folder, target)
    content = json.loads((target / file).read_text())
    change(content)
    (target / file).write_text(json.dumps(content))
    return target


@pytest.mark.parametrize(
    ("name", "file", "change", "message"),
    [
        (
            "pix2struct",
            "preprocessor_config.json",
            lambda c: c.update(is_vqa=True),
            "answers questions that are painted on the picture",
        ),
        (
            "florence2",
            "config.json",
            lambda c: c["vision_config"].update(patch_padding=[2, 1]),
            "convolutions do not divide 32x32 pixels into cells evenly",
        ),
        (
            "qwen2_5_vl",
            "preprocessor_config.json",
            lambda c: c["size"].pop("shortest_edge"),
            "its image processor can't be loaded",
        ),
    ],
)
def test_places_that_are_not_known(name, file, change, message, folders, tmp_path):
    folder = changed(folders[name], file, change, tmp_path / "model")
    with pytest.raises(CheckpointError, match=message):
        load_foreign(folder)


def test_a_canvas_that_a_processor_changes(folders):
    processor = AutoImageProcessor.from_pretrained(folders["pix2struct"])
    canvas = fit_pix2struct(processor, "model")
    processor.do_normalize = False
    with pytest.raises(CheckpointError, match="changes a picture of 32x32 pixels in a way that"):
        check_canvas(canvas, lambda pixels: _patches(pixels, 8), "flattened_patches", "model")
