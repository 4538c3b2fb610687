"""Records what the original tools say, so that the tests need no Java:

    pip install 'pycocoevalcap==1.2' && python tests/metrics/record_expectations.py

writes `expected_tokens.json.gz` (the tokens of `hard_corpus.py`, from Stanford's jar as coco-caption
runs it) and `expected_scores.json` (BLEU, ROUGE-L and CIDEr of the pictures below, from
pycocoevalcap). Every caption is written here; none comes from a data set.
"""

import contextlib
import gzip
import io
import json
import re
from pathlib import Path

from hard_corpus import HARD, fuzz

HERE = Path(__file__).parent
# The original splits a caption at any of these, so that all captions after it belong to the wrong
# pictures; coco-caption replaces only the first. Saccade replaces all.
NEWLINES = re.compile("[\n\r\x0b\x0c\x85\u2028\u2029]")
# What follows a caption decides on one thing, a single letter with a full stop at its end.
NEXT = "A ."

PICTURES = {  # name: hypothesis, references
    "plain": ("a dog runs on the grass", ["a dog is running on grass", "the brown dog runs fast"]),
    "identical": ("two men play chess", ["two men play chess", "two men play chess"]),
    "identical hypothesis again": ("two men play chess", ["a chess game", "men at a table"]),
    "nothing in common": ("purple elephants fly", ["a man in a red hat", "someone with a hat"]),
    "empty hypothesis": ("", ["a cat on a mat", "the cat sits"]),
    "only punctuation": ("... !", ["a cat on a mat", "the cat sits", "cats"]),
    "empty reference": ("a cat", ["", "a cat on a mat"]),
    "both empty": ("", [""]),
    "one word": ("dog", ["dog", "a dog", "a big dog outside"]),
    "one reference": ("a child on a swing", ["the child swings in a park"]),
    "eleven references": ("a bus", [f"a bus number {n} in the street" for n in range(11)]),
    "long hypothesis": ("a man " * 30, ["a man", "a man and a man", "the man"]),
    "short hypothesis": ("a man", ["a man with a very long description " * 4]),
    "repeats": ("the the the the", ["the cat", "the dog and the cat", "the the"]),
    "closest length ties": ("a b c d", ["a b c", "a b c d e", "x y z"]),
    "contractions": ("the man's dog isn't here", ["a man 's dog is n't there", "It's a dog!"]),
    "no-break spaces": ("1 1/2 cups of flour", ["1 1/2 cups", "one and 1/2 cups of flour"]),
    "brackets": ("(a man) and [a dog]", ["a man (and a dog)", "a man and a dog"]),
    "other scripts": ("你好 世界 café", ["你好 世界", "café naïve 世界"]),
    "capitals": ("A DOG AND A CAT", ["a dog and a cat play", "A Dog, a Cat."]),
}


def punctuation_free(line: str) -> str:
    """What coco-caption's ptbtokenizer.py makes of a line of the jar's output."""
    from pycocoevalcap.tokenizer.ptbtokenizer import PUNCTUATIONS

    return " ".join(word for word in line.rstrip().split(" ") if word not in PUNCTUATIONS)


def jar_tokens(captions: list[str]) -> list[str]:
    """The tokens of the original, each caption followed by another one."""
    import subprocess

    from pycocoevalcap.tokenizer import ptbtokenizer

    lines = [line for text in captions for line in (NEWLINES.sub(" ", text), NEXT)]
    jar = ptbtokenizer.STANFORD_CORENLP_3_4_1_JAR
    program = "edu.stanford.nlp.process.PTBTokenizer"
    done = subprocess.run(
        ["java", "-cp", jar, program, "-preserveLines", "-lowerCase"],
        cwd=Path(ptbtokenizer.__file__).parent,
        input="\n".join(lines).encode(),
        capture_output=True,
        check=True,
    )
    out = done.stdout.decode().split("\n")
    assert len(out) >= len(lines), "the jar dropped lines"
    return [punctuation_free(line) for line in out[: len(lines) : 2]]


def original_scores(names: list[str]) -> dict[str, object]:
    """pycocoevalcap's figures for some of the pictures, from raw text to scores."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    tokenizer = PTBTokenizer()
    wanted = tokenizer.tokenize({n: [{"caption": c} for c in PICTURES[n][1]] for n in names})
    given = tokenizer.tokenize({n: [{"caption": PICTURES[n][0]}] for n in names})
    with contextlib.redirect_stdout(io.StringIO()):
        bleu, bleus = Bleu(4).compute_score(wanted, given, verbose=0)
        rouge, rouges = Rouge().compute_score(wanted, given)
        cider, ciders = Cider().compute_score(wanted, given)
    rows = {f"BLEU-{n + 1}": list(map(float, bleus[n])) for n in range(4)}
    rows |= {"ROUGE-L": list(map(float, rouges)), "CIDEr": list(map(float, ciders))}
    values = {f"BLEU-{n + 1}": float(bleu[n]) for n in range(4)}
    values |= {"ROUGE-L": float(rouge), "CIDEr": float(cider)}
    return {"names": names, "values": values, "per_picture": rows}


def main() -> None:
    captions = HARD + fuzz(seed=1, count=3000)
    tokens = json.dumps(list(zip(captions, jar_tokens(captions), strict=True))).encode()
    with gzip.GzipFile(HERE / "expected_tokens.json.gz", "wb", mtime=0) as file:
        file.write(tokens)
    everything = list(PICTURES)
    alone = [[name] for name in everything if name != "both empty"]  # its CIDEr is an error there
    sets = [everything, *alone, everything[:5], everything[4:8]]
    scores = [original_scores(names) for names in sets]
    (HERE / "expected_scores.json").write_text(json.dumps(scores, indent=1) + "\n")


if __name__ == "__main__":
    main()
