"""A tokenizer's pieces as words, and words as pieces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from saccade.errors import UsageError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class PieceWords:
    """`saccade.engine.contract.Words` of a tokenizer: a word is what stands between white space in
    the decoded text, and is made of one piece or several.

    The tokenizer's own `word_ids` are not used: they split "snowboarder's"."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, ends: Sequence[int], lead: str = ""
    ) -> None:
        """ends: ids that end a caption; lead: what stands before a caption's first word."""
        self.tokenizer, self.lead = tokenizer, lead
        # WordPiece puts spaces around punctuation that were not there.
        inner = getattr(tokenizer, "backend_tokenizer", None)
        self.spaced = inner is not None and type(inner.model).__name__ == "WordPiece"
        # Marks such as an image token may be added without being listed as special.
        added = {i for i, t in tokenizer.added_tokens_decoder.items() if t.special}
        self.special = frozenset(tokenizer.all_special_ids) | added
        self.unknown = tokenizer.unk_token_id
        self.hidden = self.special - frozenset(ends)

    def decode(self, ids: Sequence[int]) -> str:
        """Pieces as text, special ones left out, no space before a full stop."""
        text = self.tokenizer.decode(
            list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=self.spaced
        )
        assert isinstance(text, str)
        return text

    def ids(self, sentence: str) -> tuple[int, ...]:
        """See `Words`."""
        ids = self.reference(sentence)
        if not ids:
            raise UsageError(f"the caption '{sentence}' holds no word; type a sentence.")
        special = next((i for i in ids if i in self.special and i != self.unknown), None)
        if special is not None:
            raise UsageError(
                f"the caption holds {self.text(special)}, which is no word but a mark of the "
                "model's own; leave it out."
            )
        if self.unknown in ids:
            lost = [word for word in sentence.split() if self.unknown in self.reference(word)]
            raise UsageError(
                f"the model's tokenizer has no pieces for '{lost[0] if lost else sentence}'; type "
                "another word."
            )
        return ids

    def reference(self, sentence: str) -> tuple[int, ...]:
        """See `Words`."""
        text = " ".join(sentence.split())
        if not text:
            return ()
        return tuple(self.tokenizer.encode(self.lead + text, add_special_tokens=False))

    def one(self, word: str) -> tuple[int, ...]:
        """See `Words`: as it is written inside a sentence."""
        if len(word.split()) != 1:
            raise UsageError(f"'{word}' is not one word; ask for one word at a time.")
        self.ids(word)  # raises for unknown ones
        return tuple(self.tokenizer.encode(f" {word.strip()}", add_special_tokens=False))

    def words(self, ids: Sequence[int]) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...]]:
        """See `Words`."""
        ids = list(ids)
        words = tuple(self.decode(ids).split())
        if not words:
            return (), ()
        # How many words each prefix has. What follows can join two ("dog '" and "dog's"): the
        # least of what comes later counts.
        counts = [len(self.decode(ids[: i + 1]).split()) for i in range(len(ids))]
        least = len(words)
        for i in range(len(ids) - 1, -1, -1):
            least = counts[i] = min(least, counts[i])
        # The first piece of word t is the first whose prefix has more than t words; leading white
        # space belongs to the first word.
        starts = [0]
        for t in range(1, len(words)):
            starts.append(next(i for i, count in enumerate(counts) if count > t))
        return words, tuple(zip(starts, [*starts[1:], len(ids)], strict=True))

    def text(self, index: int) -> str:
        """See `Words`."""
        piece = self.tokenizer.convert_ids_to_tokens(index)
        if index in self.special or not isinstance(piece, str):
            return str(piece)
        return self.decode((index,)).strip() or piece

    def join(self, words: Sequence[str]) -> str:
        """See `Words`."""
        return " ".join(words)
