"""The explorer's file: what is in it, and what is refused."""

import base64
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from saccade.errors import PictureError
from saccade.values.evidence import MAPS
from saccade.values.places import Grid
from saccade.viz.explorer import write_page
from saccade.viz.explorer.packing import MAP_LOSS, pack, pack_map


def test_the_file_fetches_nothing_and_says_nothing_of_the_machine(page, tmp_path):
    text = page.read_text("utf-8")
    fetched = re.findall(r"""(?:src|href)\s*=\s*["']([^"']*)["']""", text)
    assert [a for a in fetched if a not in ("", "#")] == []
    assert not re.search(r"https?://(?!www\.w3\.org/)", text)
    assert "default-src 'none'" in text
    assert str(tmp_path.parent) not in text
    assert not list(page.parent.glob(".*"))  # no temporary file is left


def test_a_map_keeps_its_peak_and_loses_at_most_what_is_said():
    rng = np.random.default_rng(0)
    for grid in ((1, 1), (7, 7), (14, 5)):
        values = rng.dirichlet(np.ones(grid[0] * grid[1]) / 4).reshape(grid)
        packed = pack_map(values, Grid(90, 60, (0.0, 0.0, 90.0, 60.0), grid))
        peak, cells = packed["peak"], base64.b64decode(packed["cells"])
        back = np.frombuffer(cells, np.uint8).reshape(grid) * (peak / 255)
        assert np.abs(back - values).max() <= peak * MAP_LOSS * 1.001
        assert peak == pytest.approx(values.max(), rel=1e-6)
    where = Grid(90, 60, (0.0, 0.0, 90.0, 60.0), (2, 3))
    nothing = pack_map(np.zeros((2, 3)), where)
    assert (nothing["peak"], nothing["at"], nothing["flat"]) == (0.0, None, False)
    assert base64.b64decode(nothing["cells"]) == bytes(6)
    with pytest.raises(ValueError, match="the grid"):
        pack_map(np.zeros((3, 2)), where)


def test_only_the_beams_that_were_measured_carry_evidence(made):
    first, second, third = pack(made[0])["sentences"]
    assert [s["measured"] for s in (first, second, third)] == [True, True, False]
    assert "verdict" not in third["words"][0]
    assert list(third["words"][0]["maps"]) == ["attention"]
    assert list(first["words"][0]["maps"]) == list(MAPS)
    # A beam that was measured is shown even where the caption no longer carries it.
    alone = replace(made[0], caption=replace(made[0].caption, others=()))
    assert [s["measured"] for s in pack(alone)["sentences"]] == [True, True]


def test_words_of_a_script_without_spaces_stand_together(made):
    words = ("一", "隻", "dog", "狗")
    said = tuple(replace(word, word=name) for word, name in zip(made[0].words, words, strict=False))
    alphas = made[0].caption.alphas[:4]
    caption = replace(made[0].caption, words=words, alphas=alphas, others=())
    packed = pack(replace(made[0], caption=caption, words=said, beams=()))["sentences"][0]
    assert [word["glued"] for word in packed["words"]] == [False, True, False, False]


def test_what_is_not_a_number_is_said_not_to_be_known(made):
    words = (replace(made[0].words[0], without_mean=-np.inf, entropy=np.nan), *made[0].words[1:])
    packed = pack(replace(made[0], words=words, settings={"shares": np.array([0.1]), "x": np.nan}))
    assert json.loads(json.dumps(packed, allow_nan=False))["settings"] == {
        "shares": [0.1],
        "x": None,
    }
    assert packed["sentences"][0]["words"][0]["without_mean"] is None


def test_a_page_needs_explanations_and_their_photos(made, tmp_path):
    with pytest.raises(ValueError, match="no explanation"):
        write_page([], tmp_path / "a.html")
    gone = replace(made[0].caption, image=None, photo=tmp_path / "gone.png")
    with pytest.raises(PictureError, match=r"gone\.png"):
        write_page([replace(made[0], caption=gone)], tmp_path / "a.html")
    with pytest.raises(ValueError, match="words explained"):
        write_page([replace(made[0], words=made[0].words[:1])], tmp_path / "a.html")
    assert list(tmp_path.iterdir()) == []
