"""Sentences that a user gives, as the model reads them."""

import difflib
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from saccade.api import Captioner, Encoded
from saccade.decoding import Hypothesis
from saccade.decoding.protocol import RUNNERS_UP
from saccade.errors import UsageError
from saccade.models.decoders.soft_attention.stepping import Stepper
from saccade.text import Vocabulary, tokenize
from saccade.values.captions import Caption


class Reading(NamedTuple):
    """What the model says while a sentence of T words is put into its mouth."""

    logprobs: np.ndarray  # (T + 1, V) of every word at each place, the end's place last
    alphas: np.ndarray  # (T + 1, L)
    betas: np.ndarray  # (T + 1,)


@torch.no_grad()
def read(stepper: Stepper, grid: Tensor, ids: tuple[int, ...], bos: int) -> Reading:
    """grid (L, F), ids (T,) -> the model's word at each place after the words before."""
    state = stepper.start(grid.unsqueeze(0))
    rows = []
    for token in (bos, *ids):
        logits, state, alpha, beta = stepper.step(torch.tensor([token], device=grid.device), state)
        rows.append((logits.double().log_softmax(-1)[0], alpha[0], beta[0]))
    return Reading(*(torch.stack(part).cpu().numpy() for part in zip(*rows, strict=True)))


def runners_up(logprobs: np.ndarray, vocabulary: Vocabulary) -> tuple[tuple[int, float], ...]:
    """logprobs (V,) -> the likeliest words' ids and values, best first; no padding, no begin and no
    unknown word among them."""
    hidden = (vocabulary.pad, vocabulary.bos, vocabulary.unk)
    count = min(RUNNERS_UP + len(hidden), len(logprobs))
    top = np.argpartition(-logprobs, count - 1)[:count]
    top = top[np.argsort(-logprobs[top], kind="stable")]
    return tuple((int(i), float(logprobs[i])) for i in top if i not in hidden)[:RUNNERS_UP]


def to_ids(sentence: str, vocabulary: Vocabulary) -> tuple[int, ...]:
    """A typed sentence's word ids. Raises UsageError on none, or on words that the model lacks."""
    words = tokenize(sentence)
    if not words:
        raise UsageError(f"the caption '{sentence}' holds no word; type a sentence.")
    unknown = [word for word in dict.fromkeys(words) if word not in vocabulary.ids]
    if unknown:
        raise UsageError("; ".join(_unknown(word, vocabulary) for word in unknown) + ".")
    return tuple(vocabulary.ids[word] for word in words)


def word_id(word: str, vocabulary: Vocabulary) -> int:
    """The id of one word. Raises UsageError when it is none, several, or not known to the model."""
    words = tokenize(word)
    if len(words) != 1:
        raise UsageError(f"'{word}' is not one word; ask for one word at a time.")
    return to_ids(word, vocabulary)[0]


def _unknown(word: str, vocabulary: Vocabulary) -> str:
    near = difflib.get_close_matches(word, vocabulary.words[4:], n=3)
    hint = f" (near: {', '.join(near)})" if near else ""
    return f"the model does not know the word '{word}'{hint}"


def likeliest_place(
    logprobs: np.ndarray, caption: Caption, index: int, word: str, at: int | None
) -> int:
    """Where to ask "why not this word?": at `at`, or where the word came nearest: with the fewest
    likelier ones before it (so a noun is compared with a
    noun, even where the model is sure), then with the highest probability. logprobs
    (T + 1, V). Raises UsageError when there is no such place or the caption has it there."""
    T = len(caption.ids)
    if T == 0:
        raise UsageError(f"the caption is empty: there is no place for '{word}' in it.")
    if at is not None and not 0 <= at < T:
        raise UsageError(f"the caption has {T} words; there is no place {at + 1} in it.")
    places = [t for t in (range(T) if at is None else (at,)) if caption.ids[t] != index]
    if not places:
        where = "its only word" if at is None else f"word {at + 1}"
        raise UsageError(f"the caption says '{word}' there already ({where}); ask for another.")

    def nearness(place: int) -> tuple[int, float]:
        row = logprobs[place]
        return -int((row > row[index]).sum()), float(row[index])

    return max(places, key=nearness)


def teacher_forced(captioner: Captioner, encoded: Encoded, ids: tuple[int, ...]) -> Caption:
    """A given sentence about one encoded photo, as if the model had said it."""
    vocabulary = captioner.vocabulary
    reading = read(captioner.stepper(), encoded.grid[0], ids, vocabulary.bos)
    T = len(ids)
    values = reading.logprobs[np.arange(T), list(ids)]
    end = float(reading.logprobs[T, vocabulary.eos])
    found = Hypothesis(
        ids=ids,
        logprobs=tuple(values.tolist()),
        alphas=reading.alphas[:T].astype(np.float32),
        betas=reading.betas[:T],
        score=float(values.sum()) + end,
        end_logprob=end,
        finished=True,
        runners_up=tuple(runners_up(row, vocabulary) for row in reading.logprobs[:T]),
    )
    return captioner.as_caption(found, encoded.places[0], encoded.photos[0])
