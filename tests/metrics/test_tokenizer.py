"""The tokenizer against the original: what it said once (recorded), and live where it can run."""

import gzip
import importlib.util
import json
import shutil
import time
from pathlib import Path

import pytest
from hard_corpus import HARD, fuzz

from saccade.metrics import lexer, tokenize, tokenize_all, tokenizer

HERE = Path(__file__).parent
SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def differences(captions: list[str], expected: list[str]) -> list[tuple[str, str, str]]:
    found = tokenize_all(captions)
    triples = zip(captions, expected, found, strict=True)
    return [(text[:200], want[:200], got[:200]) for text, want, got in triples if want != got]


def test_same_tokens_as_the_jar_on_recorded_captions() -> None:
    with gzip.open(HERE / "expected_tokens.json.gz") as file:
        recorded = json.load(file)
    captions, expected = zip(*recorded, strict=True)
    assert list(captions) == HARD + fuzz(seed=1, count=3000), "run record_expectations.py again"
    assert differences(list(captions), list(expected)) == []


def original() -> None:
    if shutil.which("java") is None:
        pytest.skip("no java on the PATH, so the original tokenizer can't be asked")
    if importlib.util.find_spec("pycocoevalcap") is None:
        pytest.skip("pycocoevalcap is not installed (pip install 'saccade-captioner[java]')")


def test_same_tokens_as_the_live_jar() -> None:
    original()
    from record_expectations import jar_tokens

    captions = HARD + fuzz(seed=3, count=6000)
    assert differences(captions, jar_tokens(captions)) == []


@pytest.mark.parametrize("name", ["flickr8k", "coco_captions"])
def test_same_tokens_as_the_live_jar_on_real_captions(name: str) -> None:
    original()
    if not (SHARED / name).is_dir():
        pytest.skip(f"{SHARED / name} is not here")
    from record_expectations import jar_tokens

    if name == "flickr8k":
        lines = (SHARED / name / "captions.jsonl").read_text().splitlines()
        captions = [text for line in lines for text in json.loads(line)["captions"]]
    else:
        annotations = json.loads((SHARED / name / "captions_val2017.json").read_text())
        captions = [row["caption"] for row in annotations["annotations"]]
    assert len(captions) > 25_000
    assert differences(captions, jar_tokens(captions)) == []


@pytest.mark.parametrize(
    ("caption", "tokens"),
    [
        ("A man's dog isn't here.", "a man 's dog is n't here"),
        ("(A dog)", "-lrb- a dog -rrb-"),  # coco-caption's list has -LRB-, lower case comes first
        ("really?!", "really ?!"),  # only single marks are on that list
        ("in the U.S. The man", "in the u.s. the man"),
        ("vitamin C. The man", "vitamin c the man"),
        ("John F. Kennedy", "john f. kennedy"),
        ("a 1 1/2 inch bolt", "a 1\xa01/2 inch bolt"),
        ("  spaces\tand\nlines ", "spaces and lines"),
        ("", ""),
        ("...", ""),
        ("\ud800 lone surrogate", "lone surrogate"),
    ],
)
def test_examples(caption: str, tokens: str) -> None:
    assert tokenize(caption) == tokens


def test_the_short_cut_says_what_the_rules_say() -> None:
    captions = [text for text in HARD if len(text) < 1000] + fuzz(seed=2, count=500)
    for text in captions:
        rules = " ".join(lexer.words(text)).rstrip().split(" ")
        wanted = " ".join(word for word in rules if word not in tokenizer.PUNCTUATION)
        assert tokenize(text) == wanted


def test_long_lines_take_linear_time() -> None:
    def seconds(text: str) -> float:
        start = time.perf_counter()
        tokenize(text)
        return time.perf_counter() - start

    pieces = [
        "a,",
        "a-",
        "%",
        "1,",
        "(",
        "x.y ",
        "<a ",
        "&",
        "'",
        "é",
        "1a.",
        "\u2003",
        "Σ",
        "aΣ, ",
    ]
    lines = [(piece, "") for piece in pieces]
    # These rules read on to a sign, which is far off or just out of reach.
    lines += [
        ("a,", " a@b"),
        ("a,", "@"),
        ("%", " b.com"),
        ("www.1", ""),
        ("<!a", ""),
        ("1a.", " 1.jpg"),
    ]
    for piece, end in lines:
        seconds(piece * 10 + end)  # the rules are compiled
        short, long = seconds(piece * 1_000 + end), seconds(piece * 10_000 + end)
        assert long < 40 * short + 0.2, (
            f"{piece + end!r}: {short:.3f} s, ten times as long {long:.3f} s"
        )


def test_memory_of_pieces_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer, "_MOST_REMEMBERED", 100)
    for number in range(1000):
        letters = "".join(chr(97 + int(digit)) for digit in str(number))
        assert tokenize(f"a dog {letters}") == f"a dog {letters}"
    assert len(tokenizer._remembered) <= 100
