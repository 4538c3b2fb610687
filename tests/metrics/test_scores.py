"""BLEU, ROUGE-L and CIDEr against pycocoevalcap (recorded) and plain-loop twins."""

import importlib.util
import json
import math
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from record_expectations import PICTURES

from saccade.errors import DataError
from saccade.metrics import Frequencies, rouge, score, tokenize_all
from saccade.metrics.cider import cider
from saccade.metrics.rouge import common_length, rouge_l
from saccade.metrics.scores import score_tokenized
from saccade.metrics.tokenizer import mostly_unspaced

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "shared" / "data"
RECORDED = json.loads((HERE / "expected_scores.json").read_text())
WORDS = ["a", "man", "dog", "cat", "on", "the", "red", "grass", "runs", "sits", "with", "ball"]


def counts(text: str, n: int) -> Counter[tuple[str, ...]]:
    words = text.split()
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def cider_loop(
    references: list[list[str]],
    hypotheses: list[str],
    corpus: list[list[str]] | None = None,
    plain: bool = False,
) -> list[float]:
    """CIDEr-D by its definition: equations 1 to 3 of the paper, clipping, length penalty."""
    corpus = references if corpus is None else corpus
    scores = []
    for group, hypothesis in zip(references, hypotheses, strict=True):
        total = 0.0
        for reference in group:
            for n in (1, 2, 3, 4):
                seen = Counter(
                    g for refs in corpus for g in set().union(*(counts(r, n) for r in refs))
                )
                weight = {
                    gram: math.log(len(corpus) / max(1, seen[gram]))
                    for gram in counts(hypothesis, n) | counts(reference, n)
                }
                ours = {g: c * weight[g] for g, c in counts(hypothesis, n).items()}
                theirs = {g: c * weight[g] for g, c in counts(reference, n).items()}
                norm = math.hypot(*ours.values()) * math.hypot(*theirs.values())
                dot = sum(
                    (w if plain else min(w, theirs[g])) * theirs[g]
                    for g, w in ours.items()
                    if g in theirs
                )
                delta = len(hypothesis.split()) - len(reference.split())
                penalty = 1.0 if plain else math.exp(-(delta**2) / (2 * 6.0**2))
                total += penalty * dot / norm if norm else 0.0
        scores.append(10 * total / (4 * len(group)))
    return scores


def draw(rng: random.Random, pictures: int) -> tuple[list[list[str]], list[str]]:
    def text() -> str:
        return " ".join(rng.choices(WORDS, k=rng.choice([0, 1, 2, 5, 9, 14])))

    references = [[text() for _ in range(rng.randint(1, 6))] for _ in range(pictures)]
    return references, [text() for _ in range(pictures)]


@pytest.mark.parametrize(
    "recorded", RECORDED, ids=lambda one: f"{len(one['names'])}-{one['names'][0]}"
)
@pytest.mark.filterwarnings("ignore:CIDEr", "ignore:.*without a word")
def test_equal_to_pycocoevalcap(recorded: dict) -> None:
    names = recorded["names"]
    found = score({n: PICTURES[n][1] for n in names}, {n: PICTURES[n][0] for n in names})
    for metric, value in recorded["values"].items():
        assert found[metric] == pytest.approx(value, abs=1e-9)
        np.testing.assert_allclose(
            found.per_picture[metric], recorded["per_picture"][metric], rtol=0, atol=1e-9
        )


@pytest.mark.parametrize("name", ["flickr8k", "coco_captions"])
def test_equal_to_live_pycocoevalcap_on_real_captions(name: str) -> None:
    if importlib.util.find_spec("pycocoevalcap") is None:
        pytest.skip("pycocoevalcap is not installed (pip install 'saccade-captioner[java]')")
    if not (SHARED / name).is_dir():
        pytest.skip(f"{SHARED / name} is not here")
    groups: list[list[str]] = []
    if name == "flickr8k":
        lines = (SHARED / name / "captions.jsonl").read_text().splitlines()
        groups = [json.loads(line)["captions"] for line in lines[:1000]]
    else:
        rows: dict[int, list[str]] = {}
        annotations = json.loads((SHARED / name / "captions_val2017.json").read_text())
        for row in annotations["annotations"]:
            rows.setdefault(row["image_id"], []).append(row["caption"])
        groups = list(rows.values())[:1000]
    tokens = [tokenize_all(group) for group in groups]
    references = [group[1 : 2 + i % 4] for i, group in enumerate(tokens)]  # 1 to 4 of them
    hypotheses = [group[0] for group in tokens]
    found = score_tokenized(range(len(groups)), references, hypotheses)
    theirs, rows_of_theirs = live(references, hypotheses)
    for metric, value in theirs.items():
        assert found[metric] == pytest.approx(value, abs=1e-9)
        np.testing.assert_allclose(
            found.per_picture[metric], rows_of_theirs[metric], rtol=0, atol=1e-9
        )


def live(
    references: list[list[str]], hypotheses: list[str]
) -> tuple[dict[str, float], dict[str, list[float]]]:
    """pycocoevalcap's figures of tokenized texts, of the set and of each picture."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    wanted, given = dict(enumerate(references)), {i: [t] for i, t in enumerate(hypotheses)}
    bleu, bleus = Bleu(4).compute_score(wanted, given, verbose=0)
    rouge, rouges = Rouge().compute_score(wanted, given)
    value, values = Cider().compute_score(wanted, given)
    totals = {**{f"BLEU-{n + 1}": bleu[n] for n in range(4)}, "ROUGE-L": rouge, "CIDEr": value}
    rows = {**{f"BLEU-{n + 1}": bleus[n] for n in range(4)}, "ROUGE-L": rouges, "CIDEr": values}
    return totals, rows


@pytest.mark.parametrize("plain", [False, True])
def test_cider_is_its_definition(plain: bool) -> None:
    rng = random.Random(7)
    for pictures in (2, 3, 8):
        references, hypotheses = draw(rng, pictures)
        corpus, _ = draw(rng, 12)
        found = cider(references, hypotheses, plain=plain)
        np.testing.assert_allclose(
            found[1], cider_loop(references, hypotheses, plain=plain), atol=1e-12
        )
        found = cider(references, hypotheses, Frequencies.of(corpus), plain=plain)
        np.testing.assert_allclose(
            found[1], cider_loop(references, hypotheses, corpus, plain), atol=1e-12
        )


def test_clipping_and_length_penalty_matter() -> None:
    references = [["a dog on grass"], ["two cats"], ["the red ball"]]
    hypotheses = ["a dog dog dog on grass", "two cats", "the red ball"]
    assert cider(references, hypotheses)[1][0] < cider(references, hypotheses, plain=True)[1][0]


def test_longest_common_subsequence_is_the_table_of_the_textbook() -> None:
    rng = random.Random(3)
    for _ in range(300):
        a, b = (rng.choices("abcd", k=rng.randint(0, 90)) for _ in range(2))
        row = [0] * (len(b) + 1)
        for x in a:
            last = row[:]
            for j, y in enumerate(b, 1):
                row[j] = last[j - 1] + 1 if x == y else max(last[j], row[j - 1])
        masks: dict[str, int] = {}
        for i, x in enumerate(a):
            masks[x] = masks.get(x, 0) | 1 << i
        assert common_length(masks, len(a), b) == row[-1]


def test_long_captions_are_compared_as_short_ones_are(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(4)
    for rare in (2, 64):
        monkeypatch.setattr(rouge, "_RARE", rare)
        for _ in range(20):
            a = rng.choices("abcdefgh", k=rng.randint(rouge._LONG + 1, rouge._LONG + 300))
            b = rng.choices("abcxyz", k=rng.randint(1, 1500))
            b = rng.choice([b, a[:400] + b + a[500:]])
            one_by_one = common_length(rouge.word_masks(a), len(a), b)
            assert rouge._common_of_long(a, b) == one_by_one


def test_a_caption_of_a_megabyte_is_scored_at_once() -> None:
    for text in ("a " * 500_000, "a dog runs on the grass " * 40_000, "a, dog. " * 120_000):
        start = time.perf_counter()
        found = score({1: [text], 2: ["two cats"]}, {1: text, 2: "two cats"})
        assert found["ROUGE-L"] == 1
        assert time.perf_counter() - start < 8
    with pytest.raises(DataError, match="too many to compare; is a whole file in one caption"):
        score([["a " * 300_000 + "b"], ["b"]], ["c " + "b a " * 200_000, "b"])


def test_rouge_of_nothing_is_coco_captions() -> None:
    assert rouge_l([["", "a cat"], ["a cat"]], ["", ""])[1].tolist() == [1.0, 0.0]


def test_no_word_in_common() -> None:
    found = score([["a dog"], ["b c"]], ["x", "y z"])
    assert found["CIDEr"] == found["ROUGE-L"] == 0


@pytest.mark.filterwarnings("ignore:CIDEr", "ignore:.*without a word")
def test_nothing_but_empty_captions() -> None:
    for references, hypotheses in (([[""]], [""]), ([["", ""], ["..."]], ["", "!"])):
        found = score(references, hypotheses)
        assert found["ROUGE-L"] == 1  # as in coco-caption: an empty word against an empty word
        assert found["BLEU-1"] == found["BLEU-4"] == found["CIDEr"] == 0


def test_lists_dictionaries_and_single_references_are_the_same() -> None:
    references = {7: ["A dog.", "The dog!"], 3: ["two cats"]}
    hypotheses = {3: "Two cats", 7: "a dog"}
    found = score(references, hypotheses)
    assert found.ids == (7, 3)
    as_lists = score([["A dog.", "The dog!"], "two cats"], ["a dog", ["Two cats"]])
    assert as_lists.values == found.values


PLAIN = score({1: ["A dog.", "the dog"], 2: ["two cats"]}, {1: "a dog", 2: "a cat"})
COCO = [(1, "A dog."), (1, "the dog"), (2, "two cats")]


@pytest.mark.parametrize(
    ("references", "hypotheses"),
    [
        (
            {1: [{"caption": "A dog."}, {"caption": "the dog"}], 2: [{"caption": "two cats"}]},
            {1: [{"caption": "a dog"}], 2: [{"caption": "a cat"}]},
        ),
        (
            [{"image_id": key, "id": n, "caption": text} for n, (key, text) in enumerate(COCO)],
            [{"image_id": 2, "caption": "a cat"}, {"image_id": 1, "caption": "a dog"}],
        ),
        (
            {"images": [], "annotations": [{"image_id": k, "caption": t} for k, t in COCO]},
            {1: "a dog", 2: "a cat"},
        ),
        ((group for group in (("A dog.", "the dog"), "two cats")), (t for t in ("a dog", "a cat"))),
        ([{"A dog.", "the dog"}, ["two cats"]], np.array(["a dog", "a cat"])),
        ({1: (t for t in ("A dog.", "the dog")), 2: "two cats"}, {2: ["a cat"], 1: ("a dog",)}),
    ],
    ids=["pycocoevalcap", "results", "annotations", "generators", "sets", "mixed"],
)
def test_plain_containers_are_accepted(references: object, hypotheses: object) -> None:
    assert score(references, hypotheses).values == PLAIN.values  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:CIDEr of a single picture")
def test_a_bare_text_is_one_picture() -> None:
    one = score({1: ["a red dog runs", "a dog"]}, {1: "a dog runs"}).values
    for references in (["a red dog runs", "a dog"], [["a red dog runs", "a dog"]]):
        assert score(references, "a dog runs").values == one
    assert score("a dog runs", "a dog runs")["BLEU-1"] == pytest.approx(1)
    assert score("ab", "ba")["BLEU-1"] < 1e-3  # not by letters


def test_references_without_a_word_are_not_scored_in_silence() -> None:
    with pytest.warns(UserWarning, match="2 reference captions of 1 picture without a word"):
        score({1: ["", "...", "a dog"], 2: ["two cats"]}, {1: "a dog", 2: "a cat"})


def test_cider_of_nothing_that_differs_is_explained() -> None:
    same = {n: ["a photo of a thing"] for n in range(3)}
    with pytest.warns(UserWarning, match="CIDEr is 0 .* in all 3 pictures"):
        found = score(same, dict.fromkeys(same, "a photo of a thing"))
    assert found["CIDEr"] == 0
    assert found["BLEU-4"] == pytest.approx(1)


CHINESE = {
    1: ["一个红色的汽车", "红色汽车，在路上。"],
    2: ["两只狗在草地上跑", "狗在跑"],
    3: ["一个男人"],
}
CHINESE_MODEL = {1: "一个红色的汽车", 2: "两只狗在草地上跑步", 3: "一个男人在走"}


def test_captions_without_spaces_are_noted_and_can_be_scored_by_characters() -> None:
    with pytest.warns(UserWarning, match="characters=True"):
        words = score(CHINESE, CHINESE_MODEL)
    found = score(CHINESE, CHINESE_MODEL, characters=True)
    spaced = score(
        {k: [" ".join(t.strip("。").replace("，", "")) for t in g] for k, g in CHINESE.items()},
        {k: " ".join(text) for k, text in CHINESE_MODEL.items()},
    )
    assert found.values == spaced.values
    assert words["BLEU-2"] < 0.1 < found["BLEU-2"]
    counted = Frequencies.of([["一 个"]], characters=True)
    with pytest.raises(DataError, match="those of characters, but words are scored"):
        score(CHINESE, CHINESE_MODEL, frequencies=counted)


@pytest.mark.parametrize(
    ("captions", "unspaced"),
    [
        (["一个红色的汽车", "两只狗在草地上跑。"], True),
        (["赤い車が道にある", "ผู้ชายกำลังวิ่งอยู่บนหญ้า"], True),
        (["一个红色的汽车在路上 旁边有两只小狗在跑"], True),
        (["一个 红色 的 汽车", "两只 狗"], False),
        (["一 个 红 色"], False),
        (["a dog", "dog", "汽车汽车"], False),
        (["빨간 자동차가 길에 있다", "собака бежит"], False),
        (["", "...", "   "], False),
    ],
)
def test_what_counts_as_written_without_spaces(captions: list[str], unspaced: bool) -> None:
    assert mostly_unspaced(captions) == unspaced


def test_one_picture_warns_and_frequencies_help() -> None:
    with pytest.warns(UserWarning, match="single picture"):
        alone = score([["a red dog"]], ["a red dog"])
    assert alone["CIDEr"] == 0
    corpus = [["a red dog"], ["a cat"], ["two blue birds"]]
    counted = Frequencies.of([tokenize_all(group) for group in corpus])
    # Three and fewer words have no 4-gram, so three of the four orders give 1.
    assert score([["a red dog"]], ["a red dog"], frequencies=counted)["CIDEr"] == pytest.approx(7.5)


@pytest.mark.parametrize(
    ("references", "hypotheses", "message"),
    [
        ({1: ["a"], 2: ["b"]}, {2: "b"}, r"1 picture \(1\) without a hypothesis"),
        ({2: ["b"]}, {1: "a", 2: "b"}, r"1 picture \(1\) without references"),
        ({n: ["a"] for n in range(9)}, {0: "a"}, r"8 pictures \(1, 2, 3, 4, 5 and 3 more\)"),
        ([["a"], ["b"]], ["a"], "2 pictures but 1 hypotheses"),
        ({1: []}, {1: "a"}, "no reference caption"),
        ({1: ["a"]}, {1: ["a", "b"]}, "one caption as text"),
        ({1: ["a"]}, {1: None}, "one caption as text, not None"),
        ({1: [None]}, {1: "a"}, "not text"),
        ({1: ["a"]}, ["a"], "both be dictionaries"),
        ({}, {}, "no picture to score"),
        ({1: ["a"]}, {"1": "a"}, "ids are of two types"),
        ({1: ["a"]}, {1: b"a"}, "one caption as text, not bytes"),
        ({1: b"a"}, {1: "a"}, "not text but bytes"),
        ({1: 7}, {1: "a"}, "not text but an int"),
        ({1: ["a"]}, {1: 7}, "one caption as text, not an int"),
        ({1: ["a"]}, {1: {"text": "a"}}, 'write it as text, or as {"caption": text}'),
        ({1: [["a"]]}, {1: "a"}, "not text but a list"),
        (["a"], None, "hypotheses must be a dictionary by picture .*, not None"),
        (7, ["a"], "references must be a dictionary"),
        (b"a dog", b"a dog", "not bytes"),
        ({"a dog"}, {"a dog"}, "not a set"),
        (Path("refs.json"), Path("hyp.json"), "is the name of a file"),
        ("refs.json", "hyp.json", "is the name of a file"),
        (["a dog", "a cat"], "refs.txt", "is the name of a file"),
        ([{"image_id": 1, "text": "a"}], [{"image_id": 1, "caption": "a"}], "is not a caption"),
    ],
)
def test_bad_input_is_one_sentence(references: object, hypotheses: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        score(references, hypotheses)  # type: ignore[arg-type]


def test_frequencies_count_and_survive_the_disk(tmp_path: Path) -> None:
    references, _ = draw(random.Random(1), 30)
    counted = Frequencies.of(references)
    for n in (1, 2, 3, 4):
        seen = Counter(g for refs in references for g in set().union(*(counts(r, n) for r in refs)))
        for gram, count in seen.items():
            assert counted[gram] == counted[" ".join(gram)] == count
    assert counted["zebra"] == counted["a zebra"] == 0
    counted.save(tmp_path / "counted.npz")
    loaded = Frequencies.load(tmp_path / "counted.npz")
    assert (loaded.pictures, loaded.words, len(loaded)) == (30, counted.words, len(counted))
    others, hypotheses = draw(random.Random(2), 9)
    np.testing.assert_array_equal(
        cider(others, hypotheses, loaded)[1], cider(others, hypotheses, counted)[1]
    )


def test_frequencies_of_another_kind_of_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        Frequencies.load(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("a dog")
    with pytest.raises(DataError, match="not a file of document frequencies"):
        Frequencies.load(tmp_path / "text.npz")
    np.savez(tmp_path / "pickled.npz", words=np.array([{}], dtype=object))
    with pytest.raises(DataError, match="not a file of document frequencies"):
        Frequencies.load(tmp_path / "pickled.npz")


def test_table_and_json() -> None:
    found = score([["a dog runs here now"], ["two cats sit"]], ["a dog runs here now", "two cats"])
    assert json.loads(json.dumps(found.to_json()))["scores"] == found.values
    assert "CIDEr" in found.table()
    assert "2 pictures" in found.table()


def test_importing_the_package_is_light() -> None:
    code = "import sys, saccade.metrics; sys.exit('numpy' in sys.modules or 'torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "import sys, saccade.metrics as m; [getattr(m, n) for n in m.__all__]; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
