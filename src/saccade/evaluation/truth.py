"""Which words of a caption are wrong: not true of a drawn scene, or in no reference of a photo."""

from collections.abc import Iterable

from saccade.data.broader import meanings
from saccade.data.scenes import wrong_words
from saccade.data.synonyms import known_pairs
from saccade.metrics.hallucination import in_no_reference
from saccade.text import has_words
from saccade.values.captions import Caption
from saccade.values.examples import Example


def truth_of(example: Example, caption: Caption) -> tuple[bool | None, ...] | None:
    """For each word, whether it is wrong; None for one that can't be judged, and of a picture
    without references."""
    if example.scene is not None:
        return wrong_words(" ".join(caption.words), example.scene)
    if not any(map(has_words, example.captions)):
        return None
    names = meanings()
    return in_no_reference(caption.words, example.captions, names, known_pairs(names))


def share_of_wrong_words(pairs: Iterable[tuple[Example, Caption]]) -> float | None:
    """Of all words that can be judged; None where none can."""
    judged = [
        wrong
        for example, caption in pairs
        for wrong in truth_of(example, caption) or ()
        if wrong is not None
    ]
    return sum(judged) / len(judged) if judged else None
