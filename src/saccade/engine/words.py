"""Sentences that people type, as a model of whole words reads them."""

from collections.abc import Sequence

from saccade.errors import UsageError
from saccade.text import Vocabulary, join, tokenize


class VocabularyWords:
    """`saccade.engine.contract.Words` of a vocabulary: every word is one piece."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.hidden = frozenset((vocabulary.pad, vocabulary.bos, vocabulary.unk))

    def ids(self, sentence: str) -> tuple[int, ...]:
        """See `Words`."""
        words = tokenize(sentence)
        if not words:
            raise UsageError(f"the caption '{sentence}' holds no word; type a sentence.")
        known = self.vocabulary.ids
        unknown = [word for word in dict.fromkeys(words) if word not in known]
        if unknown:
            raise UsageError("; ".join(self._unknown(word) for word in unknown) + ".")
        return tuple(known[word] for word in words)

    def reference(self, sentence: str) -> tuple[int, ...]:
        """See `Words`."""
        return tuple(self.vocabulary.encode(sentence))

    def one(self, word: str) -> tuple[int, ...]:
        """See `Words`."""
        if len(tokenize(word)) != 1:
            raise UsageError(f"'{word}' is not one word; ask for one word at a time.")
        return self.ids(word)

    def words(self, ids: Sequence[int]) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...]]:
        """See `Words`."""
        words = tuple(self.vocabulary.words[index] for index in ids)
        return words, tuple((t, t + 1) for t in range(len(words)))

    def text(self, index: int) -> str:
        """See `Words`."""
        return self.vocabulary.words[index]

    def join(self, words: Sequence[str]) -> str:
        """See `Words`."""
        return join(words)

    def _unknown(self, word: str) -> str:
        near = ", ".join(self.vocabulary.near(word))
        hint = f" (near: {near})" if near else ""
        return f"the model does not know the word '{word}'{hint}"
