"""Training tokens and the vocabulary."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.text import SPECIALS, Vocabulary, join, tokenize
from saccade.text.words import _tokenize_any


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "A man's T-shirt costs 3.5, don't -- end .",
            ["a", "man's", "t-shirt", "costs", "3.5", "don't", "end"],
        ),
        ("  Two dogs,one ball!  ", ["two", "dogs", "one", "ball"]),
        ("“Quoted” and ‘single’ rock ’n’ roll", ["quoted", "and", "single", "rock", "n", "roll"]),
        ("It’s 1,000 km", ["it's", "1,000", "km"]),
        ("Ein Mädchen läuft über die Straße", ["ein", "mädchen", "läuft", "über", "die", "straße"]),
        ("Cafe\u0301 ÉTÉ", ["café", "été"]),
        ("一隻狗 runs", ["一", "隻", "狗", "runs"]),
        ("犬が走る", ["犬", "が", "走", "る"]),
        ("สวัสดี", ["ส", "วั", "ส", "ดี"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("كلب يجري", ["كلب", "يجري"]),
        ("Собака бежит.", ["собака", "бежит"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("🐶 -- ...", []),
        ("", []),
    ],
)
def test_words_of_many_scripts(text, words):
    assert tokenize(text) == words


@given(st.text())
def test_tokens_are_clean_and_survive_a_second_pass(text):
    words = tokenize(text)
    for word in words:
        assert word
        assert not any(char.isspace() for char in word)
    assert all(tokenize(word) for word in words)


def test_joining_puts_spaces_only_where_scripts_have_them():
    assert join(tokenize("一隻狗 runs 快")) == "一隻狗 runs 快"
    assert join(["a", "dog"]) == "a dog"
    assert join([]) == ""


def test_the_vocabulary_counts_cuts_and_orders():
    captions = ["a dog", "a cat", "A dog runs", "the dog"]
    vocabulary = Vocabulary.build(captions, min_count=2)
    assert vocabulary.words == (*SPECIALS, "a", "dog")
    assert vocabulary.encode("a dog sleeps") == [4, 5, vocabulary.unk]
    assert vocabulary.encode("a dog sleeps", max_words=1) == [4]
    assert vocabulary.decode([1, 4, 5, 2, 4]) == ["a", "dog"]
    assert len({vocabulary.pad, vocabulary.bos, vocabulary.eos, vocabulary.unk}) == 4
    assert [
        vocabulary.words[i]
        for i in (vocabulary.pad, vocabulary.bos, vocabulary.eos, vocabulary.unk)
    ] == list(SPECIALS)


def test_a_word_that_looks_like_a_special_one_is_not_it():
    vocabulary = Vocabulary.build(["<pad> <eos> pad"] * 5)
    assert set(vocabulary.words[4:]) == {"pad", "eos"}
    assert min(vocabulary.encode("<pad> <eos>")) >= 4


@given(st.lists(st.text("abc ", min_size=1), max_size=9))
def test_known_words_come_back(captions):
    vocabulary = Vocabulary.build(captions, min_count=1)
    for caption in captions:
        assert vocabulary.decode(vocabulary.encode(caption)) == tokenize(caption)


def test_a_vocabulary_round_trips_and_refuses_nonsense():
    vocabulary = Vocabulary.build(["ein Mädchen 狗"], 1)
    assert Vocabulary(tuple(json.loads(vocabulary.to_json())["words"])) == vocabulary
    with pytest.raises(ValueError, match="starts with"):
        Vocabulary(("a", "b"))
    with pytest.raises(ValueError, match="once"):
        Vocabulary((*SPECIALS, "a", "a"))


@settings(max_examples=300)
@given(text=st.text(st.sampled_from("aZ09'-., !\t_x5"), max_size=14))
def test_the_fast_way_with_ascii_is_the_slow_way(text):
    assert text.isascii()
    assert tokenize(text) == _tokenize_any(text)
