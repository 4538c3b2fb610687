"""Florence-2 (Xiao et al. 2023, arXiv 2311.06242): an encoder reads the picture's rows and the
prompt together, a decoder attends to what comes out.

Cells are covered before that encoder, where they still are the picture's alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from saccade.errors import CheckpointError
from saccade.models.foreign.contract import Parts, complete, ids_of
from saccade.models.foreign.cross import CrossAttention

if TYPE_CHECKING:
    from transformers import GenerationConfig

# What its processor makes of these names (transformers 5.23, processing_florence2.py).
TASKS = {
    "<CAPTION>": "What does the image describe?",
    "<DETAILED_CAPTION>": "Describe in detail what is shown in the image.",
    "<MORE_DETAILED_CAPTION>": "Describe with a paragraph what is shown in the image.",
}


class _Decoder:
    """Its language model's decoder with the head, from rows that its encoder has read."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def forward(
        self,
        input_ids: Tensor,
        encoder_hidden_states: Tensor,
        past_key_values: Any = None,
        use_cache: bool = False,
        output_attentions: bool = False,
    ) -> Any:
        from transformers.modeling_outputs import CausalLMOutputWithCrossAttentions

        out = self.model.model.language_model.decoder(
            input_ids=input_ids,
            encoder_hidden_states=encoder_hidden_states,
            past_key_values=past_key_values,
            use_cache=use_cache,
            output_attentions=output_attentions,
        )
        return CausalLMOutputWithCrossAttentions(
            logits=self.model.lm_head(out.last_hidden_state),
            attentions=out.attentions,
            cross_attentions=out.cross_attentions,
        )

    __call__ = forward


def florence2(parts: Parts) -> CrossAttention:
    """See `saccade.models.foreign.table`."""
    from transformers.modeling_outputs import BaseModelOutput

    model: Any = parts.model
    config, generation, tokenizer = model.config, model.generation_config, parts.tokenizer
    text = config.text_config
    begin = ids_of(generation.decoder_start_token_id, text.decoder_start_token_id)
    ends = ids_of(generation.eos_token_id, text.eos_token_id, tokenizer.eos_token_id)
    complete(parts, begin, ends)
    # A first piece that `generate` always writes belongs to what stands before a caption.
    start = (*begin, *ids_of(generation.forced_bos_token_id))
    grid, shift = _grid(parts, config.vision_config)
    question = TASKS.get(parts.prompt or "<CAPTION>", parts.prompt)
    prompt = tokenizer.encode(
        f"{tokenizer.bos_token}{question}{tokenizer.eos_token}", add_special_tokens=False
    )
    embed = model.get_input_embeddings()

    def rows(pixels: Tensor) -> Tensor:
        return model.model.get_image_features(pixels).pooler_output

    def mixed(rows: Tensor) -> Tensor:
        words = embed(torch.tensor(prompt, device=rows.device)).expand(len(rows), -1, -1)
        inputs = torch.cat((rows, words.to(rows)), 1)
        return model.model.language_model.encoder(inputs_embeds=inputs).last_hidden_state

    def search(rows: Tensor, settings: GenerationConfig) -> Tensor:
        settings.decoder_start_token_id, settings.forced_bos_token_id = start[0], None
        return model.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=mixed(rows)),
            decoder_input_ids=torch.tensor(start, device=rows.device).expand(len(rows), -1),
            generation_config=settings,
        )

    return CrossAttention(
        rows,
        mixed,
        _Decoder(model),
        search,
        generation,
        grid,
        start,
        ends,
        parts.name,
        {},
        shift=(shift, shift),
        mixed=True,
    )


def _grid(parts: Parts, vision: Any) -> tuple[tuple[int, int], float]:
    """(h, w) cells after its convolutions, and how far they are moved: a cell looks around the
    first pixel of its place, not the middle. Raises CheckpointError for other convolutions."""
    H, W = parts.size
    step = math.prod(vision.patch_stride)
    centred = all(
        padding == kernel // 2
        for kernel, padding in zip(vision.patch_size, vision.patch_padding, strict=True)
    )
    if not centred or H % step or W % step:
        raise CheckpointError(
            f"{parts.name}: its encoder's convolutions do not divide {W}x{H} pixels into cells "
            "evenly, so it is not known where they lie; such models are not supported."
        )
    return (H // step, W // step), 0.5 / step - 0.5
