"""Sentences that a user types, read by a model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from saccade.decoding.hypothesis import RUNNERS_UP
from saccade.engine import Encoded, Engine, Words
from saccade.errors import UsageError
from saccade.models.contract import Features
from saccade.values.captions import Caption


@dataclass(frozen=True)
class ReadSentence:
    """What a model says of a sentence of T words in P pieces, as numbers."""

    ids: tuple[int, ...]  # P
    words: tuple[str, ...]  # T
    spans: tuple[tuple[int, int], ...]  # T
    logprobs: np.ndarray  # (T,) of the words
    end_logprob: float
    distribution: np.ndarray  # (P + 1, V) of every piece at each place, the end's place last
    attention: np.ndarray | None  # (T, L), the mean over a word's pieces
    gate: np.ndarray | None  # (T,)
    elsewhere: np.ndarray | None  # (T,)


@torch.no_grad()
def read_sentence(engine: Engine, features: Features, ids: tuple[int, ...]) -> ReadSentence:
    """features of one picture, ids (P,) -> the model's opinion of each word after the words
    before it."""
    reading = engine.read(features, ids, distribution=True)
    words, spans = engine.words.words(ids)
    pieces = reading.logprobs[0].double().cpu().numpy()
    assert reading.distribution is not None
    parts: list[np.ndarray | None] = [None, None, None]
    if reading.attention is not None:
        arrays = reading.attention.weights, reading.attention.gate, reading.attention.elsewhere
        parts = [None if x is None else by_word(x[0].double().cpu().numpy(), spans) for x in arrays]
    return ReadSentence(
        tuple(ids),
        words,
        spans,
        np.array([pieces[first:last].sum() for first, last in spans]),
        float(pieces[-1]),
        reading.distribution[0].double().cpu().numpy(),
        *parts,
    )


def by_word(pieces: np.ndarray, spans: tuple[tuple[int, int], ...]) -> np.ndarray:
    """(P, ...) -> (T, ...): the mean over each word's pieces."""
    if not spans:
        return pieces[:0]
    return np.stack([pieces[first:last].mean(0) for first, last in spans])


def runners_up(logprobs: np.ndarray, words: Words) -> tuple[tuple[str, float], ...]:
    """logprobs (V,) -> the likeliest pieces and their values, best first, without those that are
    not shown (padding, unknown)."""
    count = min(RUNNERS_UP + len(words.hidden), len(logprobs))
    top = np.argpartition(-logprobs, count - 1)[:count]
    top = top[np.argsort(-logprobs[top], kind="stable")]
    shown = [int(i) for i in top if int(i) not in words.hidden][:RUNNERS_UP]
    return tuple((words.text(i), float(logprobs[i])) for i in shown)


def likeliest_place(read: ReadSentence, ids: tuple[int, ...], word: str, at: int | None) -> int:
    """Where to ask "why not this word?": at `at`, or where the word came nearest: with the fewest
    likelier ones before it (so a noun is compared with a noun, even where the model is sure), then
    with the highest probability, by its first piece. Raises UsageError when there is no such place
    or the caption has it there."""
    T = len(read.words)
    if T == 0:
        raise UsageError(f"the caption is empty: there is no place for '{word}' in it.")
    if at is not None and not 0 <= at < T:
        raise UsageError(f"the caption has {T} words; there is no place {at + 1} in it.")

    def there(place: int) -> bool:
        first, last = read.spans[place]
        return read.ids[first:last] == ids

    places = [t for t in (range(T) if at is None else (at,)) if not there(t)]
    if not places:
        where = "its only word" if at is None else f"word {at + 1}"
        raise UsageError(f"the caption says '{word}' there already ({where}); ask for another.")

    def nearness(place: int) -> tuple[int, float]:
        row = read.distribution[read.spans[place][0]]
        return -int((row > row[ids[0]]).sum()), float(row[ids[0]])

    return max(places, key=nearness)


def teacher_forced(engine: Engine, encoded: Encoded, ids: tuple[int, ...]) -> Caption:
    """A given sentence about one encoded photo as a caption."""
    read = read_sentence(engine, encoded.features, ids)
    (prepared,) = encoded.prepared
    attention = read.attention
    return Caption(
        text=engine.words.join(read.words),
        words=read.words,
        ids=read.ids,
        logprobs=tuple(read.logprobs.tolist()),
        where=prepared.where,
        score=float(read.logprobs.sum()) + read.end_logprob,
        alphas=None
        if attention is None
        else attention.reshape(-1, *prepared.where.shape).astype(np.float32),
        betas=read.gate,
        elsewhere=read.elsewhere,
        end_logprob=read.end_logprob,
        runners_up=tuple(
            runners_up(read.distribution[first], engine.words) for first, _ in read.spans
        ),
        spans=read.spans,
        **prepared.source(),
    )
