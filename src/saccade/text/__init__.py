"""Captions as words and as ids."""

from saccade.text.vocabulary import SPECIALS, Vocabulary
from saccade.text.words import has_words, join, tokenize

__all__ = ["SPECIALS", "Vocabulary", "has_words", "join", "tokenize"]
