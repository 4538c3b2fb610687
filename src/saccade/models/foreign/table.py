"""The families there are: a model's `model_type` -> its class in transformers and what builds it.

A new family is a function (or a file of its own) and a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from saccade.errors import CheckpointError
from saccade.models.foreign.contract import Family, Parts
from saccade.models.foreign.cross import blip, vision_encoder_decoder
from saccade.models.foreign.florence2 import florence2
from saccade.models.foreign.geometry import Fitting, Processed
from saccade.models.foreign.pix2struct import fit_pix2struct, pix2struct
from saccade.models.foreign.prefix import git, idefics3, llava, paligemma
from saccade.models.foreign.qwen2_5_vl import fit_qwen, qwen2_5_vl


@dataclass(frozen=True)
class FamilyRow:
    """One row of the table."""

    model: str  # the class of transformers that has the language head
    build: Callable[[Parts], Family]
    # From an image processor and the model's name, for messages.
    fit: Callable[[Any, str], Fitting] = lambda processor, _: Processed(processor)


def _whole(processor: Any, _: str) -> Fitting:
    """The picture in one piece."""
    return Processed(processor, {"do_image_splitting": False})


FAMILIES: Mapping[str, FamilyRow] = {
    "vision-encoder-decoder": FamilyRow("VisionEncoderDecoderModel", vision_encoder_decoder),
    "blip": FamilyRow("BlipForConditionalGeneration", blip),
    "git": FamilyRow("GitForCausalLM", git),
    "llava": FamilyRow("LlavaForConditionalGeneration", llava),
    "paligemma": FamilyRow("PaliGemmaForConditionalGeneration", paligemma),
    "idefics3": FamilyRow("Idefics3ForConditionalGeneration", idefics3, _whole),
    "smolvlm": FamilyRow("SmolVLMForConditionalGeneration", idefics3, _whole),
    "qwen2_5_vl": FamilyRow("Qwen2_5_VLForConditionalGeneration", qwen2_5_vl, fit_qwen),
    "pix2struct": FamilyRow("Pix2StructForConditionalGeneration", pix2struct, fit_pix2struct),
    "florence2": FamilyRow("Florence2ForConditionalGeneration", florence2),
}

# Between their picture and their words stands a second, smaller set of vectors that attends to the
# picture: attention would have to be followed through both.
TWO_HOPS = ("blip-2", "instructblip", "instructblipvideo", "kosmos-2", "kosmos-2.5")


def row_of(model_type: object, name: str, own_code: bool) -> FamilyRow:
    """Raises CheckpointError, listing what is supported, for a type that is not in the table.
    own_code: the folder brings Python files."""
    row = FAMILIES.get(model_type) if isinstance(model_type, str) else None
    if row is not None:
        return row
    known = ", ".join(sorted(FAMILIES))
    if not isinstance(model_type, str) or not model_type:
        raise CheckpointError(
            f"{name}: its config.json does not say of which kind the model is (model_type); get "
            "the file again."
        )
    if model_type in TWO_HOPS:
        raise CheckpointError(
            f"{name} is a {model_type}, which sees the picture through a second set of vectors, so "
            f"that its attention is of no cell; such models are not supported. These are: {known}."
        )
    if own_code:
        raise CheckpointError(
            f"{name} brings its own Python code (auto_map in its config.json), which is never run; "
            f"use a captioner that transformers has itself: {known}."
        )
    raise CheckpointError(
        f"{name} is a {model_type}, not a captioner that Saccade can read; of transformers' models "
        f"it reads {known}."
    )
