"""Families whose one transformer reads the picture's rows and the words in one sequence.

Their own class is run, with a stub in the place of the picture's encoder that hands over rows which
are ready (and covered, and differentiable): so masks, positions and prompts are the library's. What
a picture's row does to a word is seen in the self-attention of the words over its place.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from saccade.errors import CheckpointError
from saccade.models.contract import Features, Layers
from saccade.models.foreign.contract import (
    Cells,
    Parts,
    Taught,
    cells_of,
    complete,
    ids_of,
    split_rows,
)

if TYPE_CHECKING:
    from transformers import GenerationConfig

ASK = "Describe the image in one sentence."


@dataclass(frozen=True)
class Prefix:
    """See `saccade.models.foreign.contract.Family`."""

    model: Any
    rows: Callable[[Tensor], Tensor]  # pixels (B, 3, H, W) -> (B, M, F)
    given: Callable[[Tensor], Tensor]  # rows (R, M, F) -> `pixel_values` that the stub unpacks
    generation: GenerationConfig
    grid: tuple[int, int]
    start: tuple[int, ...]
    ends: tuple[int, ...]
    name: str
    image_token: int | None = None  # in `start`, once per row; None: rows stand before `start`
    # What the model takes beside: from ids (R, S) and how many of them are the prompt's.
    options: Callable[[Tensor, int], dict[str, Tensor]] = lambda *_: {}
    lead: str = ""
    shift: tuple[float, float] = (0.0, 0.0)
    extent: tuple[float, float] = (1.0, 1.0)

    def encode(self, pixels: Tensor) -> Features:
        """See `Family`. Raises CheckpointError where the rows form no grid."""
        # A token of the prompt stands for each row: none is left for extra vectors.
        most = {} if self.image_token is None else {"most": 0}
        return split_rows(self.rows(pixels), self.grid, self.name, **most)

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
        rows = features.rows()
        first, cells = self._places(rows.size(1), features.cells.size(1), ids.device)
        inputs = torch.cat((self._before(R, ids.device), ids), 1)
        options: dict[str, Any] = self.options(inputs, len(self.start))
        if "logits_to_keep" in inspect.signature(self.model.forward).parameters:
            options["logits_to_keep"] = places + first
        out = self.model(
            input_ids=inputs,
            pixel_values=self.given(rows),
            attention_mask=torch.ones_like(inputs),
            use_cache=False,
            output_attentions=attention,
            **options,
        )
        logits = out.logits
        if logits.size(1) != len(places):
            logits = logits[:, places + first]
        if not attention:
            return Taught(logits)
        pieces = torch.arange(first, first + P + 1, device=ids.device)
        return Taught(logits, Layers(pieces, cells, own=tuple(out.attentions)))

    def _before(self, runs: int, device: torch.device) -> Tensor:
        """(R, S) what stands before a caption."""
        return torch.tensor(self.start, device=device).expand(runs, -1)

    def _places(self, M: int, L: int, device: torch.device) -> tuple[int, Tensor]:
        """The place that predicts the first piece, and (L,) those of the cells."""
        last = len(self.start) - 1
        if self.image_token is None:
            return M + last, torch.arange(M - L, M, device=device)
        ids = torch.tensor(self.start, device=device)
        return last, (ids == self.image_token).nonzero().flatten()

    def generate(self, features: Features, settings: GenerationConfig) -> Tensor:
        """See `Family`."""
        rows = features.rows()
        inputs = self._before(rows.size(0), rows.device)
        if self.image_token is not None:  # a caption that held it would ask for another picture
            settings.suppress_tokens = [*(settings.suppress_tokens or ()), self.image_token]
        found = self.model.generate(
            input_ids=inputs,
            pixel_values=self.given(rows),
            attention_mask=torch.ones_like(inputs),
            generation_config=settings,
            **self.options(inputs, len(self.start)),
        )
        return found[:, len(self.start) :]

    def memory(self, features: Features, fillers: Tensor) -> None:
        """Rows see each other in every layer: there is nothing to keep."""


class _Ready(nn.Module):
    """GIT's picture encoder: rows (R, 1, M, F) that are ready come out as they are."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pixel_values: Tensor, **_: Any) -> Any:
        from transformers.modeling_outputs import BaseModelOutput

        return BaseModelOutput(last_hidden_state=pixel_values.squeeze(1))


def git(parts: Parts) -> Prefix:
    """GIT (Wang et al. 2022, arXiv 2205.14100): a prompt is the caption's beginning."""
    model: Any = parts.model
    config, generation = model.config, model.generation_config
    ready = _Ready(model.git.image_encoder)
    model.git.image_encoder = ready
    tokenizer = parts.tokenizer
    begin = ids_of(tokenizer.cls_token_id, generation.bos_token_id, config.bos_token_id)
    prompt: list[int] = []
    if parts.prompt is not None:
        prompt = tokenizer.encode(parts.prompt, add_special_tokens=False)
    ends = ids_of(generation.eos_token_id, config.eos_token_id)
    complete(parts, begin, ends)
    cells = cells_of(parts, config.vision_config)
    return Prefix(
        model,
        lambda pixels: ready.encoder(pixels).last_hidden_state,
        lambda rows: rows.unsqueeze(1),
        generation,
        cells.grid,
        (*begin, *prompt),
        ends,
        parts.name,
        extent=cells.extent,
    )


def llava(parts: Parts) -> Prefix:
    """LLaVA 1.5 and its kin (Liu et al. 2023, arXiv 2310.03744)."""
    config: Any = parts.model.config
    text = chat(parts, "USER: {image}\n{prompt} ASSISTANT:")
    return with_placeholders(parts, cells_of(parts, config.vision_config), text, lead=" ")


def paligemma(parts: Parts) -> Prefix:
    """PaliGemma (Beyer et al. 2024, arXiv 2407.07726): prompts are tasks, "caption en"."""
    config: Any = parts.model.config
    cells = cells_of(parts, config.vision_config)
    begin = parts.tokenizer.bos_token or ""
    text = f"{{image}}{begin}{parts.prompt or 'caption en'}\n"

    def types(inputs: Tensor, prompt: int) -> dict[str, Tensor]:
        """The prompt (0) sees itself both ways."""
        types = torch.ones_like(inputs)
        types[:, :prompt] = 0
        return {"token_type_ids": types}

    return with_placeholders(parts, cells, text, hand_over=_hand_over_one, options=types)


def idefics3(parts: Parts) -> Prefix:
    """Idefics3 and SmolVLM (Laurençon et al. 2024, arXiv 2408.12637), the picture in one piece."""
    config: Any = parts.model.config
    (h, w), extent = cells_of(parts, config.vision_config, fixed=False)
    merged = config.scale_factor  # of rows and columns that become one cell
    if merged < 1 or h % merged or w % merged:
        raise CheckpointError(
            f"{parts.name}: {h} rows and {w} columns of patches can't be merged by {merged} "
            "(scale_factor in its config.json); get the folder again, whole."
        )
    edge = "<fake_token_around_image>"
    text = chat(parts, "<|im_start|>User:{image}{prompt}<end_of_utterance>\nAssistant:")
    text = text.replace("{image}", f"{edge}<global-img>{{image}}{edge}")
    # One picture of each: (B, 1, 3, H, W).
    return with_placeholders(
        parts,
        Cells((h // merged, w // merged), extent),
        text,
        lead=" ",
        pixels=lambda x: {"pixel_values": x.unsqueeze(1)},
    )


def chat(parts: Parts, plain: str) -> str:
    """The prompt as the model's chat template has it, else `plain`, {image} in the place of the
    picture. Raises CheckpointError for a template without a place for it."""
    prompt = parts.prompt or ASK
    tokenizer: Any = parts.tokenizer
    if not tokenizer.chat_template:
        return plain.replace("{prompt}", prompt)
    message = [{"type": "image"}, {"type": "text", "text": prompt}]
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": message}], add_generation_prompt=True, tokenize=False
    )
    image = _image_token(parts)
    if not isinstance(text, str) or text.count(image) != 1:
        raise CheckpointError(
            f"{parts.name}: its chat template has no place for one picture ({image}); get the "
            "folder again, whole."
        )
    return text.replace(image, "{image}")


def _image_token(parts: Parts) -> str:
    config: Any = parts.model.config
    token = parts.tokenizer.convert_ids_to_tokens(config.image_token_id)
    return token if isinstance(token, str) else "<image>"


def _hand_over(pixel_values: Tensor, *_: Any, **__: Any) -> Any:
    """In the place of `get_image_features`: rows (R, L, F) that are ready come out as they are, in
    a list, which most models join."""
    from transformers.modeling_outputs import BaseModelOutputWithPooling

    return BaseModelOutputWithPooling(pooler_output=list(pixel_values))  # type: ignore[arg-type]


def _hand_over_one(pixel_values: Tensor, *_: Any, **__: Any) -> Any:
    """The same as one tensor, as PaliGemma has it."""
    from transformers.modeling_outputs import BaseModelOutputWithPooling

    return BaseModelOutputWithPooling(pooler_output=pixel_values)


def with_placeholders(
    parts: Parts,
    cells: Cells,
    text: str,
    lead: str = "",
    pixels: Callable[[Tensor], dict[str, Tensor]] = lambda pixels: {"pixel_values": pixels},
    hand_over: Callable[..., Any] = _hand_over,
    options: Callable[[Tensor, int], dict[str, Tensor]] = lambda *_: {},
) -> Prefix:
    """A model whose prompt holds an image token for each cell.

    text: the prompt with {image} in it; pixels: (B, 3, H, W) as its encoder takes them; hand_over:
    in the encoder's place; options: see `Prefix`."""
    model: Any = parts.model
    config, generation, tokenizer = model.config, model.generation_config, parts.tokenizer
    grid = cells.grid
    inner = model.model
    encode = inner.get_image_features
    # An attribute of the instance goes before its class's method.
    inner.get_image_features = hand_over
    text = text.replace("{image}", _image_token(parts) * (grid[0] * grid[1]))
    begun = bool(tokenizer.bos_token) and str(tokenizer.bos_token) in text
    start = tuple(tokenizer.encode(text, add_special_tokens=not begun))
    if start.count(config.image_token_id) != grid[0] * grid[1]:
        raise CheckpointError(
            f"{parts.name}: its tokenizer does not know the image token of its config "
            f"(image_token_id {config.image_token_id}); get the folder again, whole."
        )
    ends = ids_of(generation.eos_token_id, config.text_config.eos_token_id, tokenizer.eos_token_id)
    complete(parts, start, ends)

    def rows(images: Tensor) -> Tensor:
        found = encode(**pixels(images)).pooler_output
        return torch.stack(list(found))

    return Prefix(
        model,
        rows,
        lambda rows: rows,
        generation,
        grid,
        start,
        ends,
        parts.name,
        config.image_token_id,
        options,
        lead if not text[-1].isspace() else "",
        extent=cells.extent,
    )
