"""Words from pieces, by white space in decoded prefixes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.errors import UsageError
from saccade.models.foreign.pieces import PieceWords
from tests.models.foreign.makers import byte_pairs, word_pieces


@pytest.fixture(scope="module")
def kinds() -> dict[str, PieceWords]:
    return {
        "byte": PieceWords(byte_pairs(), (0,)),
        "word": PieceWords(word_pieces(), (3,)),
    }


@pytest.mark.parametrize("kind", ["byte", "word"])
def test_a_word_with_an_apostrophe_is_one_word_of_many_pieces(kind, kinds):
    words = kinds[kind]
    ids = words.ids("a red snowboarder's dog")
    found, spans = words.words(ids)
    assert found == ("a", "red", "snowboarder's", "dog")
    assert spans[0][0] == 0
    assert spans[-1][1] == len(ids)
    assert spans[2][1] - spans[2][0] > 1
    assert [words.decode(ids[first:last]).replace(" ", "") for first, last in spans] == list(found)
    assert words.join(found) == "a red snowboarder's dog"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("abcdér\U0001f600", min_size=1, max_size=6), min_size=1, max_size=6))
def test_spans_tile_the_pieces_of_any_sentence(parts):
    words = PieceWords(byte_pairs(), (0,)) if not _KEPT else _KEPT[0]
    _KEPT[:] = [words]
    ids = words.ids(" ".join(parts))
    found, spans = words.words(ids)
    assert found == tuple(parts)
    assert [first for first, _ in spans] == [0, *(last for _, last in spans[:-1])]
    assert spans[-1][1] == len(ids)
    assert all(first < last for first, last in spans)


_KEPT: list[PieceWords] = []


def test_what_is_no_word_is_refused(kinds):
    with pytest.raises(UsageError, match="holds no word; type a sentence"):
        kinds["byte"].ids("  ")
    with pytest.raises(UsageError, match=r"no pieces for 'zzz\?'; type another word"):
        kinds["word"].ids("a zzz? dog")
    with pytest.raises(UsageError, match="is not one word"):
        kinds["byte"].one("two dogs")
    with pytest.raises(UsageError, match=r"holds <\|endoftext\|>, which is no word but a mark"):
        kinds["byte"].ids("a dog<|endoftext|>")
    assert kinds["byte"].words(()) == ((), ())
    assert kinds["byte"].words((0,)) == ((), ())


def test_a_word_is_asked_for_as_it_stands_inside_a_sentence(kinds):
    words = kinds["byte"]
    ids = words.ids("a red dog")
    assert ids[-len(words.one("dog")) :] == words.one("dog")
    assert 0 not in words.hidden  # the end is shown among runners-up
    assert words.text(0) == "<|endoftext|>"
