"""Tiny captioners of every family with random weights, as local folders: nothing is downloaded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    BartConfig,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    Florence2Config,
    Florence2ForConditionalGeneration,
    Florence2VisionConfig,
    GemmaConfig,
    GitConfig,
    GitForCausalLM,
    GPT2Config,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessorPil,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PaliGemmaConfig,
    PaliGemmaForConditionalGeneration,
    Pix2StructConfig,
    Pix2StructForConditionalGeneration,
    Pix2StructImageProcessorPil,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLImageProcessorPil,
    SiglipImageProcessorPil,
    SiglipVisionConfig,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
    SmolVLMImageProcessorPil,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTImageProcessorPil,
)

TEXT = [
    "a red dog above the big snowboarder's cat",
    "the small green circle on the left of a square",
]
END = "<|endoftext|>"
IMAGE: dict[str, Any] = {"image_size": 32, "patch_size": 8}
SHAPE: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
SQUARE = {"height": 32, "width": 32}


def byte_pairs(size: int = 290, special: tuple[str, ...] = ()) -> PreTrainedTokenizerFast:
    """Byte-level BPE, as GPT-2's: words of several pieces."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[END, *special],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    inner.train_from_iterator(TEXT, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token=END, eos_token=END, pad_token=END
    )


def word_pieces() -> PreTrainedTokenizerFast:
    """WordPiece, as BERT's."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    inner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer()
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=60, special_tokens=special, show_progress=False)
    inner.train_from_iterator(TEXT, trainer)
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return PreTrainedTokenizerFast(tokenizer_object=inner, **dict(zip(names, special, strict=True)))


def vision_encoder_decoder(folder: Path) -> None:
    tokenizer = byte_pairs()
    end = tokenizer.eos_token_id
    text = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=32,
        n_embd=24,  # not the encoder's: the projection between them is used
        n_layer=2,
        n_head=2,
        bos_token_id=end,
        eos_token_id=end,
        add_cross_attention=True,
        is_decoder=True,
    )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        ViTConfig(**SHAPE, **IMAGE), text, decoder_start_token_id=end, pad_token_id=end
    )
    model = VisionEncoderDecoderModel(config)
    model.generation_config.decoder_start_token_id = end
    model.generation_config.eos_token_id = model.generation_config.pad_token_id = end
    _save(folder, model, tokenizer, ViTImageProcessorPil(size=SQUARE))


def blip(folder: Path) -> None:
    tokenizer = word_pieces()
    text = {
        **SHAPE,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 32,
        "bos_token_id": tokenizer.cls_token_id,
        "eos_token_id": tokenizer.sep_token_id,
        "sep_token_id": tokenizer.sep_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "encoder_hidden_size": 16,
    }
    model = BlipForConditionalGeneration(
        BlipConfig(vision_config={**SHAPE, **IMAGE}, text_config=text)
    )
    _save(folder, model, tokenizer, BlipImageProcessorPil(size=SQUARE))


def git(folder: Path) -> None:
    tokenizer = word_pieces()
    config = GitConfig(
        vision_config={**SHAPE, **IMAGE},
        **SHAPE,
        vocab_size=len(tokenizer),
        max_position_embeddings=32,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    processor = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=SQUARE)
    _save(folder, GitForCausalLM(config), tokenizer, processor)


MARKS = ("<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>")
LLM: dict[str, Any] = {
    **SHAPE,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 0,
}


def _language(tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    return {**LLM, "vocab_size": len(tokenizer)}


def llava(folder: Path) -> None:
    tokenizer = byte_pairs(320, MARKS)
    tokenizer.chat_template = (
        "{% for message in messages %}USER: {% for part in message.content %}"
        "{% if part.type == 'image' %}<image>{% else %}{{ part.text }}{% endif %}{% endfor %}"
        "{% endfor %} ASSISTANT:"
    )
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**SHAPE, **IMAGE),
        text_config=LlamaConfig(**_language(tokenizer)),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )
    processor = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=SQUARE)
    _save(folder, LlavaForConditionalGeneration(config), tokenizer, processor)


def paligemma(folder: Path) -> None:
    tokenizer = byte_pairs(320, MARKS)
    config = PaliGemmaConfig(
        vision_config=SiglipVisionConfig(**SHAPE, **IMAGE),
        text_config=GemmaConfig(**_language(tokenizer), head_dim=8),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        projection_dim=16,
    )
    processor = SiglipImageProcessorPil(size=SQUARE)
    _save(folder, PaliGemmaForConditionalGeneration(config), tokenizer, processor)


def idefics3(folder: Path, kinds: tuple[Any, Any, Any] | None = None) -> None:
    settings, model, processor = kinds or (
        Idefics3Config,
        Idefics3ForConditionalGeneration,
        Idefics3ImageProcessorPil,
    )
    tokenizer = byte_pairs(320, MARKS)
    config = settings(
        vision_config={**SHAPE, **IMAGE},
        text_config=LlamaConfig(**_language(tokenizer)),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=0,
    )
    edges = {"size": {"longest_edge": 64}, "max_image_size": {"longest_edge": 32}}
    _save(folder, model(config), tokenizer, processor(**edges))


def smolvlm(folder: Path) -> None:
    kinds = (SmolVLMConfig, SmolVLMForConditionalGeneration, SmolVLMImageProcessorPil)
    idefics3(folder, kinds)


def qwen2_5_vl(folder: Path) -> None:
    marks = ("<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>")
    tokenizer = byte_pairs(320, marks)
    vision = {
        "depth": 2,
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_heads": 2,
        "out_hidden_size": 16,
        "patch_size": 4,
        "window_size": 16,
        "fullatt_block_indexes": [1],
    }
    config = Qwen2_5_VLConfig(
        vision_config=vision,
        text_config={
            **_language(tokenizer),
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [1, 1, 2],
            },
        },
        image_token_id=tokenizer.convert_tokens_to_ids("<|image_pad|>"),
        vision_start_token_id=tokenizer.convert_tokens_to_ids("<|vision_start|>"),
        vision_end_token_id=tokenizer.convert_tokens_to_ids("<|vision_end|>"),
        eos_token_id=0,
        bos_token_id=0,
        pad_token_id=0,
    )
    areas = {"shortest_edge": 8 * 8, "longest_edge": 32 * 32}
    processor = Qwen2VLImageProcessorPil(size=areas, patch_size=4)
    _save(folder, Qwen2_5_VLForConditionalGeneration(config), tokenizer, processor)


def pix2struct(folder: Path) -> None:
    tokenizer = byte_pairs()
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 16,
        "d_kv": 8,
        "d_ff": 32,
        "num_layers": 2,
        "num_heads": 2,
        "decoder_start_token_id": 0,
        "pad_token_id": 0,
        "eos_token_id": 0,
        "is_decoder": True,
    }
    vision = {
        "hidden_size": 16,
        "patch_embed_hidden_size": 3 * 8 * 8,
        "d_kv": 8,
        "d_ff": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    model = Pix2StructForConditionalGeneration(
        Pix2StructConfig(text_config=text, vision_config=vision)
    )
    model.generation_config.decoder_start_token_id = 0
    model.generation_config.eos_token_id = model.generation_config.pad_token_id = 0
    processor = Pix2StructImageProcessorPil(max_patches=18, patch_size={"height": 8, "width": 8})
    _save(folder, model, tokenizer, processor)


def florence2(folder: Path) -> None:
    tokenizer = byte_pairs(320, ("<s>", "</s>", "<image>"))
    tokenizer.add_special_tokens({"bos_token": "<s>", "eos_token": "</s>"})
    begin, end = tokenizer.convert_tokens_to_ids(["<s>", "</s>"])
    vision = Florence2VisionConfig(
        depths=(1, 1),
        patch_size=(7, 3),
        patch_stride=(4, 2),
        patch_padding=(3, 1),
        patch_prenorm=(False, True),
        embed_dim=(8, 16),
        num_heads=(2, 2),
        num_groups=(2, 2),
        window_size=4,
        projection_dim=16,
    )
    text = BartConfig(
        vocab_size=len(tokenizer),
        d_model=16,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        max_position_embeddings=128,
        decoder_start_token_id=end,
        bos_token_id=begin,
        eos_token_id=end,
        pad_token_id=0,
        forced_eos_token_id=None,
    )
    model = Florence2ForConditionalGeneration(
        Florence2Config(
            vision_config=vision,
            text_config=text,
            image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        )
    )
    settings = model.generation_config
    settings.decoder_start_token_id = settings.eos_token_id = end
    settings.forced_bos_token_id, settings.forced_eos_token_id = begin, None
    settings.pad_token_id = 0
    _save(folder, model, tokenizer, CLIPImageProcessorPil(size=SQUARE, do_center_crop=False))


MAKERS: dict[str, Callable[[Path], None]] = {
    "vision-encoder-decoder": vision_encoder_decoder,
    "blip": blip,
    "git": git,
    "llava": llava,
    "paligemma": paligemma,
    "idefics3": idefics3,
    "smolvlm": smolvlm,
    "qwen2_5_vl": qwen2_5_vl,
    "pix2struct": pix2struct,
    "florence2": florence2,
}
CROSS = ("vision-encoder-decoder", "blip", "pix2struct", "florence2")


def _save(folder: Path, model: Any, tokenizer: Any, processor: Any) -> None:
    torch.manual_seed(5)
    # Weights large enough that pictures matter and captions differ.
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.35)
    model.generation_config.max_new_tokens, model.generation_config.max_length = 8, None
    model.generation_config.num_beams = 3
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    processor.save_pretrained(folder)


def photo(seed: int, size: tuple[int, int] = (60, 40)) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(noise)
