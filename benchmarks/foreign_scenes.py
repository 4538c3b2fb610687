"""Trains small captioners of transformers' own kinds on drawn scenes, from scratch:

    python benchmarks/foreign_scenes.py encoder runs/foreign/encoder --naming 6000
    python benchmarks/foreign_scenes.py vision-encoder-decoder runs/foreign/ved
    python benchmarks/foreign_scenes.py blip runs/foreign/blip
    python benchmarks/foreign_scenes.py git runs/foreign/git --naming 600
    python benchmarks/foreign_scenes.py blip runs/foreign/blip-shuffled --shuffled --steps 400

Each ends as a folder that transformers and `saccade caption --model FOLDER` read: config, weights,
tokenizer, image processor. First an encoder learns to name each cell's object and colour, by a
linear layer that is thrown away; the captioners take its weights (GIT's, which has one more layer
norm, learns to name again) and learn to caption from its output. --shuffled: every scene gets
another scene's captions, so that only the language can be learned. Prints the loss and the share of
true captions of unseen scenes.
"""

import argparse
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import (
    AutoConfig,
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
from transformers.modeling_outputs import BaseModelOutput

from saccade.data.scenes import COLOURS, KINDS, check, write
from saccade.data.sources import read
from saccade.photos.opening import open_photo
from saccade.values.examples import Example

SIZE, PATCH, WIDTH, LAYERS, HEADS = 64, 8, 96, 3, 3
SIDE = SIZE // PATCH
BATCH = 32
LEARNING_RATE, WARMUP = 1e-3, 100
JITTER = 4  # pixels that training pictures are moved by at most: captions stay true
BACKGROUND = 0.15  # what a cell without an object weighs


def byte_pairs(captions: list[str]) -> PreTrainedTokenizerFast:
    """Byte-level BPE, as GPT-2's."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator(
        captions,
        trainers.BpeTrainer(
            vocab_size=600,
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
        trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False),
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


# Parts of the encoders of BLIP and GIT as a ViT calls them.
ENCODER_NAMES = (
    ("vision_model.", ""),
    ("encoder.", ""),
    ("class_embedding", "cls_token"),
    ("position_embedding.weight", "position_embedding"),
    ("position_embedding", "position_embeddings"),
    ("patch_embedding.", "patch_embeddings.projection."),
    ("self_attn.", "attention."),
    ("out_proj", "o_proj"),
    ("attention.projection", "attention.o_proj"),
    ("layer_norm1", "layernorm_before"),
    ("layer_norm2", "layernorm_after"),
    ("post_layernorm", "layernorm"),
)


class Ready(nn.Module):
    """In the place of GIT's image encoder: rows (B, 1, M, F) that are ready."""

    def forward(self, pixel_values: Tensor, **_: Any) -> BaseModelOutput:
        return BaseModelOutput(last_hidden_state=pixel_values.squeeze(1))


class Pupil(nn.Module):
    """A captioner in training: `model` is what is saved."""

    def __init__(self, family: str, captions: list[str], layers: int = LAYERS - 1) -> None:
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
                    n_layer=layers,
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
                "num_hidden_layers": layers,
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
                eye = {**SHAPE, **IMAGE, "hidden_act": "gelu"}
                self.model = GitForCausalLM(GitConfig(vision_config=eye, **text))
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

    def naming(self, rows: Tensor, seen: Tensor) -> Tensor:
        """rows (B, 1 + L, WIDTH), seen (B, L, 2) each cell's kind and colour -> the loss."""
        parts = self.cells(rows[:, 1:]).split((1 + len(KINDS), 1 + len(COLOURS)), -1)
        named = torch.zeros(())
        for i, part in enumerate(parts):
            weight = torch.ones(part.size(-1))
            weight[0] = BACKGROUND
            named = named + nn.functional.cross_entropy(
                part.flatten(0, 1), seen[..., i].flatten(), weight
            )
        return named

    def captioning(self, rows: Tensor, ids: Tensor) -> Tensor:
        """rows (B, 1 + L, WIDTH), ids (B, T) padded with -100 -> the loss."""
        logits = self.logits(rows, ids[:, :-1].clamp(min=0))
        return nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())

    def encoder_of(self, model: Any) -> Any:
        if self.family == "vision-encoder-decoder":
            return model.encoder
        return model.vision_model if self.family == "blip" else model.git.image_encoder

    @property
    def encoder(self) -> Any:
        return self.encoder_of(self.model)

    def rows(self, pixels: Tensor) -> Tensor:
        """(B, 1 + L, WIDTH) the encoder's output."""
        return self.encoder(pixel_values=pixels).last_hidden_state

    @torch.no_grad()
    def take_encoder(self, folder: Path) -> None:
        """The weights of a trained ViT of the same shape, or of a captioner's of this family."""
        if AutoConfig.from_pretrained(folder).model_type == self.model.config.model_type:
            other = type(self.model).from_pretrained(folder)
            self.encoder.load_state_dict(self.encoder_of(other).state_dict())
            return
        trained = VisionEncoderDecoderModel.from_pretrained(folder).encoder.state_dict()
        for layer in range(LAYERS):
            for kind in ("weight", "bias"):
                at = f"layers.{layer}.attention"
                parts = [trained[f"{at}.{x}_proj.{kind}"] for x in "qkv"]
                trained[f"{at}.qkv.{kind}"] = torch.cat(parts)
        for name, weights in self.encoder.state_dict().items():
            if "pre_layrnorm" in name:  # a ViT has none
                continue
            own = name
            for theirs, vit in () if own in trained else ENCODER_NAMES:
                own = own.replace(theirs, vit)
            weights.copy_(trained[own].view_as(weights))

    def logits(self, rows: Tensor, inputs: Tensor) -> Tensor:
        """(B, T, V) what is said after each of inputs (B, T)."""
        if self.family == "vision-encoder-decoder":
            return self.model.decoder(input_ids=inputs, encoder_hidden_states=rows).logits
        if self.family == "blip":
            return self.model.text_decoder(input_ids=inputs, encoder_hidden_states=rows).logits
        encoder = self.model.git.image_encoder
        self.model.git.image_encoder = Ready()
        out = self.model(input_ids=inputs, pixel_values=rows.unsqueeze(1))
        self.model.git.image_encoder = encoder
        return out.logits[:, -inputs.size(1) :]

    @torch.no_grad()
    def write(self, pixels: Tensor) -> list[str]:
        self.eval()
        ids = self.model.generate(pixel_values=pixels, num_beams=1)
        self.train()
        return self.tokenizer.batch_decode(ids, skip_special_tokens=True)


def names_of(scene: Any) -> np.ndarray:
    """(SIZE, SIZE, 2) the kind and the colour of the object whose box holds each pixel; 0: none."""
    centres = (np.arange(SIZE) + 0.5) * scene.width / SIZE
    names = np.zeros((SIZE, SIZE, 2), dtype=np.uint8)
    for thing in scene.things:
        x0, y0, x1, y1 = thing.box
        inside = ((centres >= y0) & (centres < y1))[:, None] & ((centres >= x0) & (centres < x1))
        names[inside] = 1 + list(KINDS).index(thing.kind), 1 + list(COLOURS).index(thing.colour)
    return names


def pixels_of(processor: Any, examples: list[Example]) -> Tensor:
    """(B, 3, H, W) as the model takes them."""
    pictures = [open_photo(e.image) for e in examples]
    groups = [
        processor(images=pictures[i : i + 500], return_tensors="np").pixel_values
        for i in range(0, len(pictures), 500)
    ]
    return torch.from_numpy(np.concatenate(groups)).float()


def moved(pixels: Tensor, names: Tensor, generator: random.Random) -> tuple[Tensor, Tensor]:
    """Pictures moved by a few pixels, their edges repeated, and (B, L, 2) the names at the centres
    of their cells."""
    padded = nn.functional.pad(pixels, (JITTER,) * 4, mode="replicate")
    down, right = (generator.randrange(2 * JITTER + 1) for _ in range(2))
    centres = torch.arange(PATCH // 2, SIZE, PATCH) - JITTER
    rows, columns = ((centres + by).clamp(0, SIZE - 1) for by in (down, right))
    seen = names[:, rows][:, :, columns].flatten(1, 2).long()
    return padded[..., down : down + SIZE, right : right + SIZE], seen


def learn(pupil: Pupil, steps: int, loss_of: Callable[[], Tensor]) -> None:
    """AdamW with a warm-up and a cosine."""
    began = time.time()
    optimizer = torch.optim.AdamW(pupil.parameters(), weight_decay=0.01)
    for step in range(1, steps + 1):
        rate = min(1.0, step / WARMUP) * 0.5 * (1 + np.cos(np.pi * step / steps))
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * rate
        loss = loss_of()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(pupil.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 0:
            print(f"{time.time() - began:6.0f} s  step {step}  loss {loss.item():.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("family", choices=("encoder", "vision-encoder-decoder", "blip", "git"))
    parser.add_argument("out", type=Path)
    parser.add_argument("--scenes", type=Path, default=Path("runs/foreign/scenes"))
    parser.add_argument("--encoder", type=Path, help="default: runs/foreign/encoder")
    parser.add_argument("--start", type=Path, help="go on with this captioner")
    parser.add_argument("--layers", type=int, default=LAYERS - 1, help="of the text decoder")
    parser.add_argument("--naming", type=int, default=0, help="steps of the encoder")
    parser.add_argument("--together", type=int, default=0, help="steps of both, then")
    parser.add_argument("--steps", type=int, default=3000, help="steps of the captioner alone")
    parser.add_argument("--shuffled", action="store_true")
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
    alone = chosen.family == "encoder"
    family = "vision-encoder-decoder" if alone else chosen.family
    pupil = Pupil(family, [c for entry in captions for c in entry], chosen.layers)
    if chosen.start is not None:
        pupil.model = type(pupil.model).from_pretrained(chosen.start)
    elif chosen.encoder is not None or not alone:
        pupil.take_encoder(chosen.encoder or Path("runs/foreign/encoder"))
    pixels = {split: pixels_of(pupil.processor, chosen_) for split, chosen_ in examples.items()}
    names = torch.from_numpy(np.stack([names_of(e.scene) for e in examples["train"]]))

    def drawn() -> list[int]:
        return [generator.randrange(len(captions)) for _ in range(BATCH)]

    def seen(batch: list[int]) -> tuple[Tensor, Tensor]:
        """The rows of moved pictures, and the loss of naming their cells."""
        shown, named = moved(pixels["train"][batch], names[batch], generator)
        rows = pupil.rows(shown)
        return rows, pupil.naming(rows, named)

    pupil.train()
    learn(pupil, chosen.naming, lambda: seen(drawn())[1])
    if not alone:
        encoded = [
            [
                [pupil.start, *pupil.tokenizer(c, add_special_tokens=False).input_ids, pupil.end]
                for c in entry
            ]
            for entry in captions
        ]

        def said(rows: Tensor, batch: list[int]) -> Tensor:
            """The loss of one caption of each picture, drawn."""
            ids = [torch.tensor(generator.choice(encoded[i])) for i in batch]
            padded = nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=-100)
            return pupil.captioning(rows, padded)

        def together() -> Tensor:
            batch = drawn()
            rows, named = seen(batch)
            return named + said(rows, batch)

        learn(pupil, chosen.together, together)
        pupil.eval()
        with torch.no_grad():
            rows = torch.cat([pupil.rows(part) for part in pixels["train"].split(100)])
        pupil.train()

        def captioning() -> Tensor:
            batch = drawn()
            return said(rows[batch], batch)

        learn(pupil, chosen.steps, captioning)
        written = pupil.write(pixels["val"])
        true = [check(c, e.scene).true for c, e in zip(written, examples["val"], strict=True)]
        print(f"true {np.mean(true):.3f} of {len(true)}; {written[0]!r}", flush=True)
    pupil.model.save_pretrained(chosen.out)
    pupil.tokenizer.save_pretrained(chosen.out)
    pupil.processor.save_pretrained(chosen.out)


if __name__ == "__main__":
    main()
