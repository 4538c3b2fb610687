"""Families whose text decoder attends to the encoder's rows by cross-attention.

Facts that hold here (transformers 5.23, each proven by a test): attention masks over the encoder's
rows are accepted and ignored, so rows are covered by replacing them; a decoder's keys and values
of a row come from that row alone, so that coverings can be put together from those of the picture
and of its fillers, computed once; class tokens come before the cells.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from saccade.errors import UsageError
from saccade.models.contract import Features, Layers
from saccade.models.foreign.contract import Parts, Taught, cells_of, complete, ids_of, split_rows

if TYPE_CHECKING:
    from transformers import GenerationConfig


@dataclass(frozen=True)
class CrossAttention:
    """See `saccade.models.foreign.contract.Family`."""

    rows: Callable[[Tensor], Tensor]  # pixels (B, 3, H, W) -> (B, M, F), the encoder's output
    project: Callable[[Tensor], Tensor]  # rows -> as the decoder attends to them
    decoder: Any  # text, with cross-attention and a language head
    search: Callable[[Tensor, GenerationConfig], Tensor]  # `generate` from rows
    generation: GenerationConfig
    grid: tuple[int, int]
    start: tuple[int, ...]
    ends: tuple[int, ...]
    name: str
    options: dict[str, Any]  # of every call of the decoder
    lead: str = ""
    shift: tuple[float, float] = (0.0, 0.0)
    extent: tuple[float, float] = (1.0, 1.0)
    mixed: bool = False  # `project` lets rows see each other

    def encode(self, pixels: Tensor) -> Features:
        """See `Family`. Raises CheckpointError where the rows form no grid."""
        return split_rows(self.rows(pixels), self.grid, self.name)

    def teach(
        self,
        features: Features,
        ids: Tensor,
        places: Tensor,
        attention: bool = False,
        cache: Any = None,
    ) -> Taught:
        """See `Family`."""
        R, P = ids.shape
        before = torch.tensor(self.start, device=ids.device).expand(R, -1)
        first = len(self.start) - 1
        rows = features.rows()
        out = self.decoder(
            input_ids=torch.cat((before, ids), 1),
            # With a cache the rows are only counted.
            encoder_hidden_states=self.project(rows) if cache is None else rows,
            past_key_values=cache,
            use_cache=cache is not None,
            output_attentions=attention,
            **_kept(self.decoder, places + first),
            **self.options,
        )
        logits = out.logits
        if logits.size(1) != len(places):
            logits = logits[:, places + first]
        if not attention:
            return Taught(logits)
        M, L = rows.size(1), features.cells.size(1)
        layers = Layers(
            pieces=torch.arange(first, first + P + 1, device=ids.device),
            cells=torch.arange(M - L, M, device=ids.device),
            cross=tuple(out.cross_attentions),
            own=tuple(out.attentions),
        )
        return Taught(logits, layers)

    def generate(self, features: Features, settings: GenerationConfig) -> Tensor:
        """See `Family`."""
        return self.search(features.rows(), settings)[:, len(self.start) :]

    @torch.no_grad()
    def memory(self, features: Features, fillers: Tensor) -> RowMemory | None:
        """See `Family`."""
        if self.mixed:
            return None
        rows = torch.cat((features.rows(), fillers.to(features.cells)))
        before = torch.tensor(self.start, device=rows.device).expand(len(rows), -1)
        cache = self.decoder(
            input_ids=before,
            encoder_hidden_states=self.project(rows),
            use_cache=True,
            **self.options,
        ).past_key_values
        layers = cache.cross_attention_cache.layers
        return RowMemory([(layer.keys, layer.values) for layer in layers])


def _kept(decoder: Any, places: Tensor) -> dict[str, Any]:
    """Which places' logits are computed, where the decoder can choose."""
    known = "logits_to_keep" in inspect.signature(decoder.forward).parameters
    return {"logits_to_keep": places} if known else {}


@dataclass(frozen=True)
class RowMemory:
    """Keys and values of a picture (first) and its fillers, of every layer: each
    (1 + F', H, M, d)."""

    layers: Sequence[tuple[Tensor, Tensor]]

    @property
    def numbers(self) -> int:
        """See `FillerCache`: one layer's keys and values; the next layer's take their place."""
        return 2 * self.layers[0][0][0].numel()

    def covered(self, masks: Tensor, filler: int) -> Any:
        """See `FillerCache`."""
        from transformers import DynamicCache, EncoderDecoderCache

        chosen = masks.to(self.layers[0][0].device)[:, None, :, None]  # (R, 1, M, 1)
        mixed: Any = [
            _Mixed(chosen, keys[[0, 1 + filler]], values[[0, 1 + filler]])
            for keys, values in self.layers
        ]
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        cache.cross_attention_cache.layers = mixed
        cache.is_updated = dict.fromkeys(range(len(mixed)), True)
        return cache


@dataclass(frozen=True)
class _Mixed:
    """One layer of a cross-attention cache that is put together when it is looked at, so that only
    one layer's is held at a time."""

    chosen: Tensor  # (R, 1, M, 1) bool
    both_keys: Tensor  # (2, H, M, d), the picture's and the filler's
    both_values: Tensor

    @property
    def keys(self) -> Tensor:
        return torch.where(self.chosen, self.both_keys[1], self.both_keys[0])

    @property
    def values(self) -> Tensor:
        return torch.where(self.chosen, self.both_values[1], self.both_values[0])


def refuse_prompt(parts: Parts) -> None:
    """Raises UsageError for a prompt to a captioner that takes none."""
    if parts.prompt is not None:
        raise UsageError(f"{parts.name} takes no prompt; leave --prompt out.")


def vision_encoder_decoder(parts: Parts) -> CrossAttention:
    """Any vision encoder with any text decoder (ViT-GPT2, TrOCR, Donut, ...)."""
    from transformers.modeling_outputs import BaseModelOutput

    refuse_prompt(parts)
    model: Any = parts.model
    generation = model.generation_config
    config = model.config
    start = ids_of(
        generation.decoder_start_token_id,
        config.to_dict().get("decoder_start_token_id"),
        config.decoder.to_dict().get("decoder_start_token_id"),
        generation.bos_token_id,
        config.decoder.bos_token_id,
    )
    ends = ids_of(
        generation.eos_token_id, config.decoder.eos_token_id, parts.tokenizer.eos_token_id
    )
    complete(parts, start, ends)
    cells = cells_of(parts, config.encoder, fixed=False)
    projects = (
        config.encoder.hidden_size != config.decoder.hidden_size
        and config.decoder.to_dict().get("cross_attention_hidden_size") is None
    )

    def rows(pixels: Tensor) -> Tensor:
        return model.encoder(pixel_values=pixels).last_hidden_state

    def search(rows: Tensor, settings: GenerationConfig) -> Tensor:
        settings.decoder_start_token_id = start[0]
        output = BaseModelOutput(last_hidden_state=rows)
        return model.generate(encoder_outputs=output, generation_config=settings)

    return CrossAttention(
        rows,
        model.enc_to_dec_proj if projects else lambda rows: rows,
        model.decoder,
        search,
        generation,
        cells.grid,
        start,
        ends,
        parts.name,
        {},
        extent=cells.extent,
    )


def blip(parts: Parts) -> CrossAttention:
    """BLIP (Li et al. 2022, arXiv 2201.12086): a prompt is the caption's beginning."""
    model: Any = parts.model
    text = model.config.text_config
    prompt: Sequence[int] = ()
    if parts.prompt is not None:
        prompt = parts.tokenizer.encode(parts.prompt, add_special_tokens=False)
    start, ends = (text.bos_token_id, *prompt), (text.sep_token_id,)
    complete(parts, start, ends)
    cells = cells_of(parts, model.config.vision_config)

    def rows(pixels: Tensor) -> Tensor:
        return model.vision_model(pixel_values=pixels).last_hidden_state

    def search(rows: Tensor, settings: GenerationConfig) -> Tensor:
        inputs = torch.tensor(start, device=rows.device).expand(len(rows), -1)
        return model.text_decoder.generate(
            input_ids=inputs,
            attention_mask=torch.ones_like(inputs),
            encoder_hidden_states=rows,
            generation_config=settings,
        )

    return CrossAttention(
        rows,
        lambda rows: rows,
        model.text_decoder,
        search,
        model.generation_config,
        cells.grid,
        start,
        ends,
        parts.name,
        {"is_decoder": True},
        extent=cells.extent,
    )
