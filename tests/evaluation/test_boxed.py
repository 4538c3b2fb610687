"""Maps against boxes: by hand, against a plain loop, and through the program on pictures whose
boxes are known."""

import json

import numpy as np
import pytest

from saccade.cli import main
from saccade.data.boxes import read_boxes
from saccade.data.scenes import ground, write
from saccade.evaluation.boxed import BoxedWord, boxed_word, boxed_words
from saccade.evaluation.boxfigures import MASS, PEAK, box_figures, compare_models
from saccade.evaluation.chances import left_out_chances, measure_chances
from saccade.metrics.calibration import fit_logistic
from saccade.metrics.grounding import coverage
from saccade.values.captions import Caption
from saccade.values.examples import NamedWord
from saccade.values.places import Grid
from tests.conftest import PLACES

PHOTO = Grid(40, 20, (0, 0, 40, 20), (2, 4))  # eight cells of 10 x 10 pixels


def said(*words: str, maps: object = None) -> Caption:
    count = len(words)
    alphas = None if maps is None else np.array(maps, dtype=np.float32)
    return Caption(" ".join(words), words, tuple(range(count)), (0.0,) * count, PHOTO, 0.0, alphas)


def judged(boxes, **maps) -> BoxedWord:
    word = NamedWord(0, tuple(boxes), ("animals",))
    tables = {name: np.array(map_, dtype=float) for name, map_ in maps.items()}
    return boxed_word(3, "id", said("dog"), word, coverage(PHOTO, word.boxes), tables)


def test_pointing_and_mass_by_hand():
    """Two boxes: the upper left cell whole, and half of the one right of it."""
    found = judged(
        [(0, 0, 10, 10), (10, 0, 15, 10)],
        inside=[[0.5, 0.3, 0.1, 0], [0.1, 0, 0, 0]],
        beside=[[0.1, 0.2, 0.6, 0], [0.1, 0, 0, 0]],
        edge=[[0, 1, 0, 0], [0, 0, 0, 0]],
    )
    assert (found.picture, found.word, found.head, found.kinds) == (3, "dog", True, ("animals",))
    assert found.area == pytest.approx(150 / 800)
    assert found.size == "under a quarter"
    # the centre of the second cell, x = 15, is just outside the second box
    assert found.peak == {"uniform": 1 / 8, "centre": 0, "inside": 1, "beside": 0, "edge": 0}
    expected = {"uniform": 1.5 / 8, "inside": 0.5 + 0.15, "beside": 0.1 + 0.1, "edge": 0.5}
    assert {name: found.mass[name] for name in expected} == pytest.approx(expected)


def test_cells_that_share_the_peak_share_the_hit_and_an_empty_map_is_uniform():
    found = judged(
        [(0, 0, 20, 20)],
        shared=[[0.25, 0.25, 0.25, 0], [0.25, 0, 0, 0]],
        nothing=np.zeros((2, 4)),
    )
    assert found.peak["shared"] == pytest.approx(3 / 4)
    assert found.peak["nothing"] == found.peak["uniform"] == pytest.approx(1 / 2)
    assert found.mass["nothing"] == found.mass["uniform"] == pytest.approx(1 / 2)
    assert found.size == "a quarter to a half"


@pytest.mark.parametrize(
    ("share", "size"),
    [(0.2, "under a quarter"), (0.25, "a quarter to a half"), (0.5, "a quarter to a half"), (0.6, "over half")],
)  # fmt: skip
def test_sizes_of_boxes(share, size):
    assert judged([(0, 0, 40 * share, 20)]).size == size


def made_up(seed: int, pictures: int = 30) -> list[BoxedWord]:
    rng = np.random.default_rng(seed)
    names = ("attention", "gradient", "uniform", "centre")
    words = []
    for picture in range(pictures):
        for place in range(rng.integers(0, 4)):
            kinds = (("people", "animals", "other")[rng.integers(3)],)
            peak = dict(zip(names, rng.integers(0, 2, 4).astype(float), strict=True))
            mass = dict(zip(names, rng.random(4), strict=True))
            head = bool(rng.random() < 0.7)
            area = float(rng.random())
            words.append(
                BoxedWord(picture, str(picture), place, "it", head, kinds, area, peak, mass)
            )
    return words


def test_figures_are_those_of_a_plain_loop():
    words = made_up(0)
    figures = box_figures(words, resamples=50)
    heads = [word for word in words if word.head]
    assert figures.maps == ("attention", "gradient", "uniform", "centre")
    assert figures.heads.words == len(heads)
    assert figures.all.words == len(words)
    assert figures.heads.pictures == len({word.picture for word in heads})
    groups = [*figures.sizes, *figures.kinds]
    assert sum(group.words for group in figures.sizes) == len(heads)
    for group in groups:
        some = [w for w in heads if group.name in (w.size, *w.kinds)]
        assert group.words == len(some)
        for name in figures.maps:
            assert group.peak[name].value == pytest.approx(np.mean([w.peak[name] for w in some]))
            assert group.mass[name].value == pytest.approx(np.mean([w.mass[name] for w in some]))
            assert group.mass[name].low <= group.mass[name].value <= group.mass[name].high
    pair = next(p for p in figures.pairs if p.metric == f"attention - centre, {MASS}")
    gaps = [w.mass["attention"] - w.mass["centre"] for w in heads]
    assert pair.difference == pytest.approx(np.mean(gaps))
    assert not any("uniform - centre" in p.metric for p in figures.pairs)


def test_two_captioners_are_paired_by_picture_whatever_they_say():
    one, other = made_up(1), made_up(2)
    compared = {item.metric: item for item in compare_models(one, other, resamples=400, seed=5)}
    means = [np.mean([w.peak["attention"] for w in words if w.head]) for words in (one, other)]
    found = compared[f"attention, {PEAK}"]
    assert found.difference == pytest.approx(means[0] - means[1])
    # the same draws of pictures, by a plain loop
    rng = np.random.default_rng(5)
    drawn = []
    for picks in rng.integers(30, size=(400, 30)):
        rates = []
        for words in (one, other):
            hits = [w.peak["attention"] for p in picks for w in words if w.head and w.picture == p]
            rates.append(np.mean(hits))
        drawn.append(rates[0] - rates[1])
    assert [found.low, found.high] == pytest.approx(np.quantile(drawn, (0.025, 0.975)).tolist())
    assert all(item.difference == 0 for item in compare_models(one, one, resamples=20))


def test_no_words_no_figures():
    assert box_figures([]) is None
    assert measure_chances([]) is None
    assert compare_models([], made_up(1)) == ()


def test_chances_come_from_the_other_half_of_the_pictures():
    rng = np.random.default_rng(0)
    rows, of = rng.normal(size=(80, 2)), np.arange(80) // 2
    outcomes = (rows[:, 0] > 0).astype(float)
    chances = left_out_chances(rows, outcomes, of)
    even = of % 2 == 0
    model = fit_logistic(rows[~even], outcomes[~even])
    assert chances[even] == pytest.approx(model.chances(rows[even]))


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    """Where the squares of tests/conftest.py's pictures are: 14 x 14 pixels of 48 x 32."""
    lines = []
    for i in range(96):
        x = int(48 * list(PLACES.values())[i // 3 % 2])
        box = {"phrase": f"a {('red', 'green', 'blue')[i % 3]} square", "box": [x - 7, 9, 14, 14]}
        lines.append(json.dumps({"image": f"{i:03d}.png", "boxes": [{**box, "kind": "shape"}]}))
    path = tmp_path_factory.mktemp("boxes") / "boxes.jsonl"
    path.write_text("\n".join(lines))
    return path


def test_a_survey_of_boxes_through_the_program(run, data, boxes, tmp_path, capsys):
    told, chance = tmp_path / "told.json", tmp_path / "chance.json"
    typed = ["survey", str(data), "-m", str(run), "--split", "all", "--boxes", str(boxes)]
    more = ["--measured", "0", "--cpu", "--json", str(told), "--chance", str(chance)]
    assert main([*typed, *more, "--cache", str(tmp_path / "cache")]) == 0
    shown = capsys.readouterr().out
    for title in ("the thing's word, 24 in 24", "all words, ", "maps in pairs", "chance that its"):
        assert title in shown
    figures = json.loads(told.read_text())
    main_row = figures["boxes"]["heads"]
    assert figures["boxes"]["maps"] == ["attention", "gradient", "occlusion", "uniform", "centre"]
    assert main_row["words"] == 24
    # the square is never in the middle, and has one cell in six on average
    assert main_row["peak"]["centre"]["value"] == 0
    assert main_row["peak"]["uniform"]["value"] == pytest.approx(1 / 6, abs=1e-5)
    assert 0 <= main_row["peak"]["attention"]["value"] <= 1
    assert [group["name"] for group in figures["boxes"]["kinds"]] == ["shape"]
    assert [group["name"] for group in figures["boxes"]["sizes"]] == ["under a quarter"]
    for part in ("verdicts", "seen"):
        assert sum(group["words"] for group in figures["boxes"][part]) == 24
    words = figures["boxed words"]
    assert {word["word"] for word in words if word["head"]} == {"square"}
    assert {word["word"] for word in words if not word["head"]} <= {"red", "green", "blue"}
    assert figures["chances"]["words"] == 24
    # and the chances are said of words of its photos, where they are of a kind fitted
    assert (
        main(
            [
                "explain",
                str(data / "images/000.png"),
                "-m",
                str(run),
                "--cpu",
                "--chance",
                str(chance),
                "--json",
                str(told),
            ]
        )
        == 0
    )
    (explained,) = json.loads(told.read_text())
    for word in explained["words"]:
        assert (word["chance"] is not None) == (word["word"] == "square")
    assert "right" in capsys.readouterr().out


def test_the_same_words_for_every_model_and_a_model_against_itself(
    run, data, boxes, tmp_path, capsys
):
    told = tmp_path / "told.json"
    typed = ["survey", str(data), "-m", str(run), "--boxes", str(boxes), "--measured", "0", "--cpu"]
    more = ["--maps", "attention", "--references", "--against", str(run), "--json", str(told)]
    assert main([*typed, *more]) == 0
    figures = json.loads(told.read_text())
    words = [word["word"] for word in figures["boxed words"]]
    assert words.count("square") == 6
    assert len(words) == 12  # each with its colour
    assert {item["difference"] for item in figures["against"]["compared"]} == {0}
    assert "on the same pictures" in " ".join(capsys.readouterr().out.split())  # titles wrap


def test_drawn_scenes_bring_their_own_boxes(run, tmp_path):
    """Of the words of a true sentence the nouns are heads; colours and sizes are words about
    them."""
    from saccade.data.sources import read

    write(tmp_path, 4, seed=3, val=4, size=64)
    example = read(tmp_path).examples[0]
    text = example.captions[0].split()
    where = Grid(64, 64, (0, 0, 64, 64), (4, 4))
    count = len(text)
    maps = np.full((count, 4, 4), 1 / 16, dtype=np.float32)
    caption = Caption(
        " ".join(text), tuple(text), tuple(range(count)), (0.0,) * count, where, 0.0, maps
    )
    words = boxed_words(
        [(example, caption)],
        None,
        None,
        None,
        show=False,
        maps=("attention", "density"),  # type: ignore[arg-type]
    )
    assert all(word.peak["attention"] == word.peak["uniform"] for word in words)
    # of flat attention the density has its peak in the four cells around the centre
    middle = [(x, y) for x in (24, 40) for y in (24, 40)]
    found = [boxes for _, boxes in ground(example.captions[0], example.scene, sizes=True) if boxes]
    for word, boxes in zip(words, found, strict=True):
        inside = [any(x0 <= x < x1 and y0 <= y < y1 for x0, y0, x1, y1 in boxes) for x, y in middle]
        assert word.peak["density"] == pytest.approx(sum(inside) / 4)
    named = {thing.kind for thing in example.scene.things}
    heads = {word.word.removesuffix("s") for word in words if word.head}
    assert heads <= {kind.removesuffix("s") for kind in named}
    assert heads
    colours = {thing.colour for thing in example.scene.things}
    assert {word.word for word in words if not word.head} <= colours | {
        "small",
        "little",
        "large",
        "big",
    }


def test_the_real_entities(shared):
    """A photograph's phrases: the caption is its first reference, word for word."""
    folder = shared / "flickr8k" / "entities"
    if not folder.is_dir():
        pytest.skip("Flickr30k Entities is not there")
    name = "1000268201_693b08cb0e.jpg"
    known = read_boxes(folder, [name]).picture(name, 224, 224)
    text = "A child in a pink dress is climbing up a set of stairs in an entry way".lower().split()
    words = {text[word.place]: word for word in known.words(text)}
    assert {word for word, found in words.items() if found.head} >= {"child", "dress", "stairs"}
    assert not words["pink"].head
    assert words["pink"].boxes == words["dress"].boxes
    assert words["dress"].kinds == ("clothing",)
    assert "climbing" not in words  # in no phrase
    # 375 x 500 in the XML, 8 to 86 and 191 to 299 counted from 1; the photo is 224 x 224
    expected = (7 * 224 / 375, 190 * 224 / 500, 86 * 224 / 375, 299 * 224 / 500)
    assert words["dress"].boxes[0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--maps", "attention,beauty"], "beauty"),
        (["--maps", "attention", "--chance", "CHANCE"], "--chance: no chances were fitted"),
        (["--against", "nowhere"], "nowhere"),
        (["--chance", "DATA/captions.jsonl"], "would be overwritten"),
    ],
)
def test_wrong_arguments_get_one_sentence(run, data, boxes, tmp_path, capsys, more, says):
    words = [w.replace("CHANCE", str(tmp_path / "c.json")).replace("DATA", str(data)) for w in more]
    typed = ["survey", str(data), "-m", str(run), "--boxes", str(boxes), "--limit", "1"]
    assert main([*typed, "--measured", "0", "--maps", "attention", *words, "--cpu"]) in (1, 2)
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error
