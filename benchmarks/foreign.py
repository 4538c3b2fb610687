"""What it costs to explain a captioner of transformers, relative to its own caption with beam 5:

    python benchmarks/foreign.py blip          # BLIP-base: 224 million weights, 24 x 24 cells
    python benchmarks/foreign.py vision-encoder-decoder    # ViT-base and GPT-2: 14 x 14 cells

Models of the real size with random weights, which do not change the cost; one caption of 12 words
of one piece each, default settings: seen or guessed, curves of three maps with their control.
Times with the photo encoded beforehand and with encoding; the peak of the process's memory, with
the model in it."""

import argparse
import resource
import time
from collections.abc import Callable
from typing import Any

import torch
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    GPT2Config,
    PreTrainedTokenizerFast,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTImageProcessorPil,
)

from saccade.cli.allocator import keep_memory
from saccade.decoding import BeamSettings
from saccade.engine import ForeignEngine, encode
from saccade.explain import Explainer
from saccade.models.foreign.contract import Parts
from saccade.models.foreign.geometry import Processed
from saccade.models.foreign.loading import Foreign
from saccade.models.foreign.pieces import PieceWords
from saccade.models.foreign.table import FAMILIES

WORDS = 12


def tokenizer_of(size: int, end: int) -> PreTrainedTokenizerFast:
    """Every id a word of one piece."""
    names = {f"w{i}": i for i in range(size)}
    inner = Tokenizer(models.WordLevel(names, unk_token="w0"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token=f"w{end}", pad_token="w0")


def blip() -> tuple[Any, Any, PreTrainedTokenizerFast]:
    model = BlipForConditionalGeneration(BlipConfig(vision_config={"image_size": 384}))
    text = model.config.text_config
    text.encoder_hidden_size = 768
    return model, BlipImageProcessorPil(), tokenizer_of(text.vocab_size, text.sep_token_id)


def vision_encoder_decoder() -> tuple[Any, Any, PreTrainedTokenizerFast]:
    text = GPT2Config(add_cross_attention=True, is_decoder=True)
    end = text.eos_token_id
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        ViTConfig(), text, decoder_start_token_id=end, pad_token_id=end
    )
    model = VisionEncoderDecoderModel(config)
    model.generation_config.decoder_start_token_id = end
    return model, ViTImageProcessorPil(), tokenizer_of(text.vocab_size, end)


MAKERS: dict[str, Callable[[], tuple[Any, Any, PreTrainedTokenizerFast]]] = {
    "blip": blip,
    "vision-encoder-decoder": vision_encoder_decoder,
}


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Wall-clock and processor seconds of one call."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("family", choices=MAKERS)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    torch.manual_seed(0)
    keep_memory()
    model, processor, tokenizer = MAKERS[chosen.family]()
    model.set_attn_implementation("eager")
    model.eval().requires_grad_(False)
    fitting = Processed(processor)
    family = FAMILIES[chosen.family].build(
        Parts(model, tokenizer, fitting.size, None, chosen.family)
    )
    # No end, so that every caption has the full length.
    family.generation.suppress_tokens = list(family.ends)
    words = PieceWords(tokenizer, family.ends)
    engine = ForeignEngine(Foreign(model, family, words, fitting, chosen.family), "cpu")
    settings = BeamSettings(beams=5, max_words=WORDS)
    photo = Image.effect_noise((640, 480), 90).convert("RGB")
    explainer = Explainer(engine)
    encoded = encode(engine, [photo])
    (caption,) = engine.write(encoded, settings)  # warms up
    print(
        f"{chosen.family}: {sum(p.numel() for p in model.parameters()) / 1e6:.0f} million weights"
    )
    print(f"cells {encoded.features.cells.shape[1]}, words {len(caption.words)}")
    rows = {}
    for name, work in (
        ("encode", lambda: encode(engine, [photo])),
        ("beam 5", lambda: engine.write(encoded, settings)),
        ("explain", lambda: explainer.evidence(caption, encoded.features)),
    ):
        rows[name] = wall, used = seconds(work)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"  {name:8} {wall:8.2f} s, {used:8.2f} s of processor time, {peak:.2f} GiB at most",
            flush=True,
        )
    for what, first in (("beam 5", 0.0), ("encode and beam 5", rows["encode"][1])):
        ratio = (rows["explain"][1] + first) / (rows["beam 5"][1] + first)
        print(f"  explained / {what}: {ratio:.1f} (processor time)")


if __name__ == "__main__":
    main()
