"""Captions as words and as ids."""

from saccade.text.vocabulary import SPECIALS, Vocabulary
from saccade.text.words import join, tokenize

__all__ = ["SPECIALS", "Vocabulary", "join", "tokenize"]
