"""Maps from elsewhere: how they are read, brought to the cells, and put to the test."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from saccade.api import Captioner
from saccade.cli import main
from saccade.data.sources import read
from saccade.errors import DataError, UsageError
from saccade.explain.frames import on_cells
from saccade.explain.judge import claims, of_words
from saccade.explain.mapfiles import GivenMaps, read_maps
from saccade.explain.mapfiles import given as given_maps
from saccade.values.captions import Caption
from saccade.values.places import Grid, Regions

WORDS = ("a", "red", "square", "on", "a", "ball")
RAMP = np.arange(24.0).reshape(4, 6)


def plain_cells(values, where, box):
    """The mean over each cell, by counting points of a fine raster; 0 beside the map."""
    h, w = values.shape
    x0, y0, x1, y1 = box
    found = []
    for left, top, right, bottom in where.boxes():
        total, n = 0.0, 60
        for y in top + (np.arange(n) + 0.5) * (bottom - top) / n:
            for x in left + (np.arange(n) + 0.5) * (right - left) / n:
                row, column = (y - y0) / (y1 - y0) * h, (x - x0) / (x1 - x0) * w
                if 0 <= row < h and 0 <= column < w:
                    total += values[int(row), int(column)]
        found.append(total / n**2)
    return found


@pytest.mark.parametrize(
    ("where", "frame"),
    [
        (Grid(60, 40, (10, 0, 50, 40), (2, 2)), "photo"),  # cropped
        (Grid(60, 40, (0, -10, 60, 50), (3, 3)), "photo"),  # padded above and below
        (Grid(60, 40, (10, 0, 50, 40), (3, 2)), "input"),
        (Regions(60, 40, ((0.0, 0.0, 15.0, 40.0), (5.0, 10.0, 60.0, 30.0))), "photo"),
    ],
)
def test_a_map_is_averaged_over_the_area_of_each_cell(where, frame):
    photo = (0, 0, 60, 40)
    box = where.box if frame == "input" else photo
    found = on_cells(RAMP, where, frame, "the map")
    np.testing.assert_allclose(found, plain_cells(RAMP, where, box), atol=0.35)


@given(st.integers(2, 4), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=20)
def test_whole_factors_are_means_of_blocks_exactly(h, w, down, across):
    where = Grid(30 * w, 30 * h, (0, 0, 30 * w, 30 * h), (h, w))
    values = np.random.default_rng(h * w).random((h * down, w * across))
    blocks = values.reshape(h, down, w, across).mean((1, 3)).ravel()
    np.testing.assert_allclose(on_cells(values, where, "photo", "m"), blocks, atol=1e-12)


def test_maps_of_the_cells_shape_are_the_cells_and_others_have_the_photos_proportions():
    where = Grid(60, 40, (10, 0, 50, 40), (2, 2))
    square = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert on_cells(square, where, "auto", "m").tolist() == [1, 2, 3, 4]
    np.testing.assert_array_equal(
        on_cells(RAMP, where, "auto", "m"), on_cells(RAMP, where, "photo", "m")
    )
    with pytest.raises(UsageError, match=r"m is 4x4, which .* photo, 60x40; .* --frame input"):
        on_cells(np.eye(4), where, "auto", "m")
    with pytest.raises(UsageError, match="m is 6x4, the model's cells are 2x2"):
        on_cells(RAMP, where, "cells", "m")
    with pytest.raises(UsageError, match="m has 5 values, the model 4 cells"):
        on_cells(np.arange(5.0), where, "auto", "m")


def test_a_flat_map_stays_flat_beside_padding():
    where = Grid(60, 40, (0, -10, 60, 50), (3, 3))
    assert np.ptp(on_cells(np.ones((40, 60)), where, "auto", "m")) == 0


def test_every_kind_of_file_gives_the_same_maps(tmp_path):
    maps = np.stack([RAMP, RAMP.T.reshape(4, 6), RAMP[::-1]]).astype(np.uint8)
    words = np.array(["a", "red", "ball"])
    np.save(tmp_path / "all.npy", maps)
    np.savez(tmp_path / "ordered.npz", *maps)
    np.savez_compressed(tmp_path / "words.npz", maps=maps, words=words)
    np.savez(tmp_path / "named.npz", **dict(zip(words, maps, strict=True)))
    for i, values in enumerate(maps):
        Image.fromarray(values).save(tmp_path / f"{i}.png")
        np.save(tmp_path / f"{i}.npy", values)
    single = [[tmp_path / f"{i}.{kind}" for i in range(3)] for kind in ("png", "npy")]
    names = ("all.npy", "ordered.npz", "words.npz", "named.npz")
    for paths in (*([tmp_path / name] for name in names), *single):
        found = read_maps(paths)
        np.testing.assert_array_equal(np.stack(found.maps), maps)
    assert read_maps([tmp_path / "words.npz"]).whole
    assert read_maps([tmp_path / "named.npz"]).words == ("a", "red", "ball")
    Image.fromarray((RAMP * 1000).astype(np.uint16)).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_maps([tmp_path / "deep.png"]).maps[0], RAMP * 1000)


def test_maps_find_their_words():
    one, two = np.ones((2, 2)), np.eye(2)
    assert of_words(GivenMaps((one,)), WORDS).keys() == set(range(6))
    by_name = of_words(GivenMaps((one, two), ("A", "ball")), WORDS)
    assert {place: values is one for place, values in by_name.items()} == {
        0: True,
        4: True,
        5: False,
    }
    where = Grid(4, 4, (0, 0, 4, 4), (2, 2))
    caption = Caption("", WORDS, tuple(range(6)), (0.0,) * 6, where, 0.0)
    scores, places, flat = claims(GivenMaps((one, two), ("a", "ball")), caption, "auto")
    assert places == (0, 4, 5)
    assert flat == ("a", "a")
    assert np.isnan(scores[1:4]).all()
    for maps, says in (
        (GivenMaps((one, two)), "2 maps for the 6 words"),
        (GivenMaps((one,), ("dog",)), "a map of 'dog', which is"),
        (GivenMaps((one, two), ("a", "dog"), whole=True), "of the words 'a dog'"),
    ):
        with pytest.raises(UsageError, match=says):
            of_words(maps, WORDS)
    with pytest.raises(UsageError, match="no words"):
        of_words(GivenMaps((one,)), ())


class Runs:
    """What would be run by a reader that unpickles."""

    def __reduce__(self):
        return (pytest.fail, ("it was unpickled",))


def bad_files(folder):
    """Name -> what the message says."""

    def save(name, values):
        np.save(folder / name, np.asarray(values), allow_pickle=True)

    save("objects.npy", np.array([Runs()], dtype=object))
    save("nan.npy", [[1.0, np.nan]])
    save("infinite.npy", [[1.0, np.inf]])
    save("negative.npy", [[1.0, -2.0]])
    save("complex.npy", [[1j]])
    save("text.npy", [["a"]])
    save("empty.npy", np.zeros((0, 3)))
    save("four.npy", np.zeros((1, 2, 3, 4)))
    whole = (folder / "nan.npy").read_bytes()
    (folder / "cut.npy").write_bytes(whole[:-3])
    huge = whole.replace(b"'shape': (1, 2), ", b"'shape': (9999999999,2), ")
    (folder / "huge.npy").write_bytes(huge)
    np.savez(folder / "counts.npz", maps=np.ones((2, 3, 3)), words=np.array(["a"]))
    np.savez(folder / "more.npz", maps=np.ones((1, 3, 3)), words=np.array(["a"]), other=np.ones(3))
    with zipfile.ZipFile(folder / "other.npz", "w") as archive:
        archive.writestr("run.py", "print(1)")
    with zipfile.ZipFile(folder / "pickled.npz", "w") as archive:
        stream = io.BytesIO()
        np.save(stream, np.array([Runs()], dtype=object), allow_pickle=True)
        archive.writestr("a.npy", stream.getvalue())
    (folder / "torn.npz").write_bytes((folder / "counts.npz").read_bytes()[:200])
    Image.new("RGB", (4, 4), (200, 0, 0)).save(folder / "colour.png")
    Image.new("LA", (4, 4), (200, 100)).save(folder / "clear.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)).save(
        folder / "whole.png"
    )
    (folder / "torn.png").write_bytes((folder / "whole.png").read_bytes()[:900])
    (folder / "note.txt").write_text("maps")
    return {
        "objects.npy": "Python objects, which are not loaded",
        "pickled.npz": "Python objects, which are not loaded",
        "nan.npy": "nan or infinite in 1 of 2 places",
        "infinite.npy": "nan or infinite in 1 of 2 places",
        "negative.npy": "is negative in 1 of 2 places",
        "complex.npy": "holds complex128",
        "text.npy": "holds <U1",
        "empty.npy": "has the shape (0, 3)",
        "four.npy": "has the shape (1, 2, 3, 4)",
        "cut.npy": "is damaged",
        "huge.npy": "is damaged",
        "counts.npz": "2 maps and 1 words",
        "more.npz": "and 'other'",
        "other.npz": "holds 'run.py'",
        "torn.npz": "is damaged",
        "colour.png": "is in colour",
        "clear.png": "is transparent",
        "torn.png": "is damaged",
        "note.txt": "name a .npy or .npz file",
        "missing.npy": "does not exist",
    }


def test_what_is_not_a_map_is_said_in_one_sentence(tmp_path):
    for name, says in bad_files(tmp_path).items():
        with pytest.raises(DataError) as error:
            read_maps([tmp_path / name])
        assert says in str(error.value)
        assert name in str(error.value)
        assert "\n" not in str(error.value)
    np.save(tmp_path / "two.npy", np.ones((2, 3, 3)))
    with pytest.raises(DataError, match=r"two.npy holds 2 maps; of several files each holds one"):
        read_maps([tmp_path / "two.npy", tmp_path / "two.npy"])
    with pytest.raises(DataError, match="the map of 'dog' is negative"):
        given_maps({"dog": -np.ones((2, 2))})


@pytest.fixture(scope="module")
def captioner(run) -> Captioner:
    return Captioner.from_pretrained(run, device="cpu")


def test_the_true_place_is_supported_and_others_are_not(captioner, data):
    """Maps of the photo's size: the square itself, the other side, and a uniform one."""
    found = {"true": 0, "mirrored": 0, "flat": 0}
    colours = 0
    for example in read(data).examples[:8]:
        caption = captioner.caption(example.image)
        colour = next((w for w in caption.words if w in ("red", "green", "blue")), None)
        if colour is None:
            continue
        colours += 1
        pixels = np.asarray(Image.open(example.image).convert("RGB")).astype(int)
        true = (np.ptp(pixels, 2) > 100).astype(float)  # what is not grey
        for name, values in (
            ("true", true),
            ("mirrored", true[:, ::-1]),
            ("flat", np.ones(true.shape)),
        ):
            explanation = captioner.judge(example.image, {colour: values}, caption.text)
            assert [word.word for word in explanation.words] == [colour]
            assert explanation.verdict_on == "judged"
            assert list(explanation.labels)[:2] == ["judged", "attention"]
            assert explanation.settings["flat maps"] == ([colour] if name == "flat" else [])
            found[name] += explanation.words[0].verdict == "supported"
    assert colours >= 6
    # What the model says of no picture at all is one of the colours: that one is guessed.
    # Of others the effect is real, but under 0.1 nats.
    assert found["true"] >= 0.3 * colours
    assert found["true"] > found["mirrored"]
    assert found["mirrored"] <= 0.25 * colours
    assert found["flat"] == 0


def test_the_command(run, data, tmp_path, capsys):
    photo = read(data).examples[0].image
    np.savez(tmp_path / "maps.npz", red=np.eye(8), square=np.ones((32, 48)))
    asked = ["judge", str(tmp_path / "maps.npz"), "--photo", str(photo), "-m", str(run), "--cpu"]
    typed = [
        "--caption",
        "a red square on the left",
        "--frame",
        "photo",
        "--maps",
        "gradcam,layers",
    ]
    file = tmp_path / "all.json"
    assert main([*asked, *typed, "--json", str(file)]) == 0
    said = capsys.readouterr()
    assert "The map judged" in said.out
    assert "Grad-CAM" in said.out
    assert "No map 'layers': this model attends once for each word" in said.out
    assert "The map of 'square' is the same everywhere" in said.err
    assert '"judged"' in file.read_text()
    for wrong, says in (
        (["--frame", "wall"], "choose auto, photo, input, cells"),
        (["--maps", "wall"], "there is no map 'wall'"),
        ([*typed[:2]], "8x8, which has not the proportions"),
        ([*typed[:4], "--html", str(tmp_path / "a.html")], "a map for every word"),
    ):
        assert main([*asked, *wrong]) == 2
        assert says in capsys.readouterr().err
    assert not (tmp_path / "a.html").exists()
    np.save(tmp_path / "one.npy", np.arange(96.0).reshape(8, 12))
    whole = ["judge", str(tmp_path / "one.npy"), *asked[2:], "--html", str(tmp_path / "a.html")]
    assert main(whole) == 0
    assert "The map judged" in (tmp_path / "a.html").read_text()
