"""Doubtful words in the attention picture's words and in the explorer."""

from dataclasses import replace

from saccade.text.english import is_content
from saccade.values.captions import Caption
from saccade.values.doubt import Doubt
from saccade.viz.attention import save_png
from saccade.viz.explorer import write_page
from saccade.viz.explorer.packing import pack, row
from tests.viz.made_up import address, scenes


def doubted(caption: Caption) -> Caption:
    """Its first content word is doubtful, the others are not."""
    places = [t for t, word in enumerate(caption.words) if is_content(word)]
    wrong = [None] * len(caption.words)
    for place in places:
        wrong[place] = 0.81 if place == places[0] else 0.07
    return replace(caption, doubt=Doubt(tuple(wrong)))


def test_the_explorers_data_and_index_carry_doubts():
    plain = scenes(1)[0]
    made = replace(plain, caption=doubted(plain.caption))
    place = made.caption.doubt.places[0]
    sentence, *others = pack(made)["sentences"]
    words = sentence["words"]
    assert [word["doubtful"] for word in words] == [t == place for t in range(len(words))]
    assert words[place]["wrong"] == 0.81
    assert row(made)["doubtful"] == 1
    assert row(made)["doubt"] == made.caption.doubt.sentence == sentence["doubt"]
    assert row(plain)["doubt"] is None
    assert not any(word["doubtful"] for other in others for word in other["words"])


def test_the_explorer_marks_doubtful_words(browser, tmp_path):
    made = [replace(one, caption=doubted(one.caption)) for one in scenes(2)]
    write_page(made, tmp_path / "doubts.html")
    browser.open(tmp_path / "doubts.html", address(made, word=made[0].caption.doubt.places[0] + 1))
    assert "doubt 81%" in browser.text(".word.doubtful")
    assert "81%" in browser.text("#panel")
    label = browser.run("document.querySelector('.word.doubtful').ariaLabel")
    assert "doubtful: 81% likely to be wrong" in label


def test_the_attention_picture_is_another_one(tmp_path):
    made = scenes(1)[0].caption
    save_png(made, tmp_path / "plain.png")
    save_png(doubted(made), tmp_path / "doubted.png")
    assert (tmp_path / "plain.png").read_bytes() != (tmp_path / "doubted.png").read_bytes()
