"""Our settings of a search as transformers' `generate` takes them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from saccade.decoding import BeamSettings, Decoding, GreedySettings, RuleSettings, SampleSettings
from saccade.errors import UsageError
from saccade.models.foreign.pieces import PieceWords

if TYPE_CHECKING:
    from transformers import GenerationConfig

MAX_PIECES = 40  # where a model does not say how long its captions are
# Rules that `generate` has, too. The others work on the words of Saccade's own models.
RULES = ("min_words", "no_repeated_ngram", "banned")


def default_decoding(own: GenerationConfig, room: int) -> Decoding:
    """A model's own settings of `generate` as ours, at most `room` pieces."""
    most = own.max_new_tokens or (own.max_length or 0) - 1
    most = min(most if most > 0 else MAX_PIECES, room)
    power = 1.0 if own.length_penalty is None else own.length_penalty
    beams = own.num_beams or 1
    if beams > 1:
        return BeamSettings(beams=beams, length_power=max(0.0, power), max_words=most)
    return GreedySettings(max_words=most)


def generation(
    settings: Decoding, own: GenerationConfig, words: PieceWords, ends: Sequence[int]
) -> GenerationConfig:
    """A model's own settings with ours laid over them. Pieces are counted in the place of words.

    Raises UsageError for a strategy or a rule that `generate` does not have."""
    options: dict[str, Any] = {
        "max_new_tokens": settings.max_words,
        "max_length": None,
        "eos_token_id": list(ends),
        "do_sample": False,
        "num_beams": 1,
        "num_return_sequences": 1,
        "temperature": None,
        "top_k": None,
        "top_p": None,
        "length_penalty": settings.length_power,
        "output_attentions": False,
        "return_dict_in_generate": False,
    }
    if isinstance(settings, SampleSettings):
        options |= {
            "do_sample": True,
            "num_return_sequences": settings.samples,
            "temperature": settings.temperature,
            "top_k": settings.top_k,
            "top_p": settings.top_p,
            "min_p": settings.min_p or None,
        }
    elif isinstance(settings, BeamSettings):
        options |= {"num_beams": settings.beams, "num_return_sequences": settings.beams}
    elif not isinstance(settings, GreedySettings):
        raise UsageError(
            f"the strategy '{settings.strategy}' works on Saccade's own models; choose greedy, "
            "beam or sample for this one."
        )
    rules, plain = settings.rules, RuleSettings()
    for entry in fields(rules):
        if entry.name not in RULES and getattr(rules, entry.name) != getattr(plain, entry.name):
            raise UsageError(
                f"decode.rules.{entry.name} works on Saccade's own models; leave it out for this "
                f"one, or use {', '.join(RULES)}."
            )
    if rules.min_words:
        options["min_new_tokens"] = rules.min_words
    if rules.no_repeated_ngram:
        options["no_repeat_ngram_size"] = rules.no_repeated_ngram
    if rules.banned:
        spellings = [ids for word in rules.banned for ids in (words.ids(word), words.one(word))]
        options["bad_words_ids"] = [list(ids) for ids in dict.fromkeys(spellings)]
    config = copy.deepcopy(own)
    for name, value in options.items():
        setattr(config, name, value)
    for name in ("min_new_tokens", "min_length"):  # the model's own may be longer than ours
        value = getattr(config, name)
        if value is not None:
            setattr(config, name, min(value, settings.max_words))
    if config.pad_token_id is None or config.pad_token_id < 0:
        pad = words.tokenizer.pad_token_id
        config.pad_token_id = ends[0] if pad is None else pad
    return config
