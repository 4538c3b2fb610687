"""Trains small captioners of transformers' own kinds on drawn scenes, from scratch:

    python benchmarks/foreign_scenes.py vision-encoder-decoder runs/foreign/ved
    python benchmarks/foreign_scenes.py blip runs/foreign/blip
    python benchmarks/foreign_scenes.py git runs/foreign/git
    python benchmarks/foreign_scenes.py blip runs/foreign/blip-shuffled --shuffled --steps 2000

Each ends as a folder that transformers and `saccade caption --model FOLDER` read: config, weights,
tokenizer, image processor. A linear layer that names each cell's object and colour helps the
encoder at first and is thrown away. --shuffled: every scene gets another scene's captions, so that
only the language can be learned. Prints the loss and the share of true captions of unseen scenes.
"""

import argparse
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessorPil,
    CLIPImageProcessorPil,
    GitConfig,
    GitForCausalLM,
    GPT2Config,
    PreTrainedTokenizerFast,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTImageProcessorPil,
)

from saccade.data.scenes import COLOURS, KINDS, check, write
from saccade.data.sources import read
from saccade.photos.opening import open_photo
from saccade.values.examples import Example

SIZE, PATCH, WIDTH, LAYERS, HEADS = 64, 8, 96, 3, 3
SIDE = SIZE // PATCH
BATCH = 32
LEARNING_RATE, WARMUP = 1e-3, 100
JITTER = 4  # pixels that training pictures are moved by at most: captions stay true


def byte_pairs(captions: list[str]) -> PreTrainedTokenizerFast:
    """Byte-level BPE, as GPT-2's."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator(
        captions,
        trainers.BpeTrainer(
            vocab_size=340,
            special_tokens=["<|endoftext|>"],
            initial_alphabet=alphabet,
            show_progress=False,
        ),
    )
    end = "<|endoftext|>"
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token=end, eos_token=end, pad_token=end
    )


def word_pieces(captions: list[str]) -> PreTrainedTokenizerFast:
    """WordPiece, as BERT's."""
    inner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer()
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    inner.train_from_iterator(
        captions,
        trainers.WordPieceTrainer(vocab_size=110, special_tokens=special, show_progress=False),
    )
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    return PreTrainedTokenizerFast(tokenizer_object=inner, **dict(zip(names, special, strict=True)))


SHAPE: dict[str, Any] = {
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "intermediate_size": 4 * WIDTH,
}
IMAGE = {"image_size": SIZE, "patch_size": PATCH}
SQUARE = {"height": SIZE, "width": SIZE}


class Pupil(nn.Module):
    """A captioner in training: `model` is what is saved."""

    def __init__(self, family: str, captions: list[str]) -> None:
        super().__init__()
        self.family = family
        if family == "vision-encoder-decoder":
            self.tokenizer = byte_pairs(captions)
            self.start = self.end = self.tokenizer.eos_token_id
            config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(
                ViTConfig(**SHAPE, **IMAGE),
                GPT2Config(
                    vocab_size=len(self.tokenizer),
                    n_positions=48,
                    n_embd=WIDTH,
                    n_layer=LAYERS - 1,
                    n_head=HEADS,
                    bos_token_id=self.start,
                    eos_token_id=self.end,
                    add_cross_attention=True,
                    is_decoder=True,
                ),
                decoder_start_token_id=self.start,
                pad_token_id=self.end,
                eos_token_id=self.end,
            )
            self.model: Any = VisionEncoderDecoderModel(config)
            self.processor: Any = ViTImageProcessorPil(size=SQUARE)
        else:
            self.tokenizer = word_pieces(captions)
            self.start, self.end = self.tokenizer.cls_token_id, self.tokenizer.sep_token_id
            text = {
                **SHAPE,
                "num_hidden_layers": LAYERS - 1,
                "vocab_size": len(self.tokenizer),
                "max_position_embeddings": 48,
                "bos_token_id": self.start,
                "eos_token_id": self.end,
                "pad_token_id": self.tokenizer.pad_token_id,
            }
            if family == "blip":
                special = {"sep_token_id": self.end, "encoder_hidden_size": WIDTH}
                self.model = BlipForConditionalGeneration(
                    BlipConfig(
                        vision_config={**SHAPE, **IMAGE},
                        text_config={**text, **special, "label_smoothing": 0.0},
                    )
                )
                self.processor = BlipImageProcessorPil(size=SQUARE)
            else:
                self.model = GitForCausalLM(GitConfig(vision_config={**SHAPE, **IMAGE}, **text))
                self.processor = CLIPImageProcessorPil(
                    size={"shortest_edge": SIZE}, crop_size=SQUARE
                )
        generation = self.model.generation_config
        generation.bos_token_id = generation.decoder_start_token_id = self.start
        generation.eos_token_id, generation.pad_token_id = self.end, self.tokenizer.pad_token_id
        generation.max_new_tokens, generation.num_beams = 40, 5
        generation.max_length = None
        if family != "vision-encoder-decoder":
            generation.decoder_start_token_id = None
        self.cells = nn.Linear(WIDTH, 2 + len(KINDS) + len(COLOURS))

    def forward(self, pixels: Tensor, ids: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """pixels (B, 3, H, W), ids (B, T) padded with -100, seen (B, L, 2) each cell's kind and
        colour -> the captions' loss and that of the cells."""
        inputs, targets = ids[:, :-1].clamp(min=0), ids[:, 1:]
        if self.family == "vision-encoder-decoder":
            rows = self.model.encoder(pixel_values=pixels).last_hidden_state
            logits = self.model.decoder(input_ids=inputs, encoder_hidden_states=rows).logits
        elif self.family == "blip":
            rows = self.model.vision_model(pixel_values=pixels).last_hidden_state
            logits = self.model.text_decoder(input_ids=inputs, encoder_hidden_states=rows).logits
        else:
            kept: list[Tensor] = []
            hook = self.model.git.image_encoder.register_forward_hook(
                lambda _, __, out: kept.append(out.last_hidden_state)
            )
            logits = self.model(input_ids=inputs, pixel_values=pixels).logits
            hook.remove()
            rows = kept[0]
            logits = logits[:, -inputs.size(1) :]
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        kinds, colours = self.cells(rows[:, 1:]).split((1 + len(KINDS), 1 + len(COLOURS)), -1)
        named = nn.functional.cross_entropy(kinds.flatten(0, 1), seen[..., 0].flatten())
        named = named + nn.functional.cross_entropy(colours.flatten(0, 1), seen[..., 1].flatten())
        return loss, named

    @torch.no_grad()
    def write(self, pixels: Tensor) -> list[str]:
        self.eval()
        ids = self.model.generate(pixel_values=pixels, num_beams=1)
        self.train()
        return self.tokenizer.batch_decode(ids, skip_special_tokens=True)


def cell_names(scene: Any) -> np.ndarray:
    """(L, 2) the kind and the colour of the object whose box holds each cell's centre; 0: none."""
    centres = (np.arange(SIDE) + 0.5) * scene.width / SIDE
    names = np.zeros((SIDE, SIDE, 2), dtype=np.int64)
    for thing in scene.things:
        x0, y0, x1, y1 = thing.box
        inside = ((centres >= y0) & (centres < y1))[:, None] & ((centres >= x0) & (centres < x1))
        names[inside] = 1 + list(KINDS).index(thing.kind), 1 + list(COLOURS).index(thing.colour)
    return names.reshape(-1, 2)


def pixels_of(processor: Any, examples: list[Example]) -> Tensor:
    """(B, 3, H, W) as the model takes them."""
    pictures = [open_photo(e.image) for e in examples]
    groups = [
        processor(images=pictures[i : i + 500], return_tensors="np").pixel_values
        for i in range(0, len(pictures), 500)
    ]
    return torch.from_numpy(np.concatenate(groups)).float()


def moved(pixels: Tensor, generator: random.Random) -> Tensor:
    """The pictures moved by a few pixels, their edges repeated."""
    padded = nn.functional.pad(pixels, (JITTER,) * 4, mode="replicate")
    down, right = (generator.randrange(2 * JITTER + 1) for _ in range(2))
    return padded[..., down : down + SIZE, right : right + SIZE]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("family", choices=("vision-encoder-decoder", "blip", "git"))
    parser.add_argument("out", type=Path)
    parser.add_argument("--scenes", type=Path, default=Path("runs/foreign/scenes"))
    parser.add_argument("--shuffled", action="store_true")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--minutes", type=float, help="stop after so long, in the place of --steps")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    torch.manual_seed(chosen.seed)
    generator = random.Random(chosen.seed)
    if not (chosen.scenes / "captions.jsonl").exists():
        write(chosen.scenes, 7500, 0, val=200, test=300)
    examples = {
        split: [e for e in read(chosen.scenes).examples if e.split == split]
        for split in ("train", "val")
    }
    captions = [list(e.captions) for e in examples["train"]]
    if chosen.shuffled:
        generator.shuffle(captions)
    pupil = Pupil(chosen.family, [c for entry in captions for c in entry])
    pixels = {split: pixels_of(pupil.processor, chosen_) for split, chosen_ in examples.items()}
    seen = torch.from_numpy(np.stack([cell_names(e.scene) for e in examples["train"]]))
    encoded = [
        [
            [pupil.start, *pupil.tokenizer(c, add_special_tokens=False).input_ids, pupil.end]
            for c in entry
        ]
        for entry in captions
    ]
    optimizer = torch.optim.AdamW(pupil.parameters(), weight_decay=0.01)
    began = time.time()
    pupil.train()
    done, step = 0.0, 0
    while done < 1:
        rate = min(1.0, (step + 1) / WARMUP) * 0.5 * (1 + np.cos(np.pi * done))
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * rate
        batch = [generator.randrange(len(captions)) for _ in range(BATCH)]
        ids = [torch.tensor(generator.choice(encoded[i])) for i in batch]
        padded = nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=-100)
        loss, named = pupil(moved(pixels["train"][batch], generator), padded, seen[batch])
        optimizer.zero_grad()
        (loss + 0.5 * named).backward()
        nn.utils.clip_grad_norm_(pupil.parameters(), 1.0)
        optimizer.step()
        step += 1
        done = step / chosen.steps
        if chosen.minutes is not None:
            done = (time.time() - began) / 60 / chosen.minutes
        if step % 100 == 0:
            print(
                f"{time.time() - began:6.0f} s  step {step}  loss {loss.item():.3f}  cells "
                f"{named.item():.3f}",
                flush=True,
            )
        if step % 1000 == 0 or done >= 1:
            written = pupil.write(pixels["val"])
            true = [check(c, e.scene).true for c, e in zip(written, examples["val"], strict=True)]
            print(f"    true {np.mean(true):.3f}; {written[0]!r}", flush=True)
            pupil.model.save_pretrained(chosen.out)
            pupil.tokenizer.save_pretrained(chosen.out)
            pupil.processor.save_pretrained(chosen.out)


if __name__ == "__main__":
    main()
