"""What an explanation costs, relative to decoding its caption with beam 5, in one run:

    python benchmarks/explain.py

One caption of 12 words, 196 cells of 2,048 features, a vocabulary of 9,488 words (random weights,
which do not change the cost), features encoded beforehand, default settings: seen or guessed,
curves of three maps with their control, the maps themselves and their agreement."""

import argparse

import torch
from timing import best

from saccade.checkpoint import Checkpoint
from saccade.cli.allocator import keep_memory
from saccade.config import SMALL_CONV, EncoderConfig
from saccade.decoding import BeamSettings
from saccade.engine import Encoded, ModelEngine, Prepared
from saccade.explain import Explainer, Settings
from saccade.models.build import DECODERS, build_decoder
from saccade.models.captioner import CaptionModel
from saccade.models.contract import Features
from saccade.models.encoders.loading import load_encoder
from saccade.text import Vocabulary
from saccade.values.places import Grid

WORDS = 12


def engine_of(cells: int, device: str) -> ModelEngine:
    """Random weights of the recipe's size; the small encoder is only there to make a blank."""
    torch.manual_seed(0)
    side = round(cells**0.5)
    encoder = load_encoder(
        EncoderConfig(
            SMALL_CONV,
            image_size=(8 * side, 8 * side),
            freeze="none",
            widths=(8, 8, 8, 2048),
        )
    )
    words = Vocabulary.build([f"word{n}" for n in range(9484)], 1)
    decoder = build_decoder(DECODERS["soft_attention"].settings(), len(words), encoder.features)
    with torch.no_grad():
        decoder.output.bias[words.eos] = -100.0  # so that every caption has the full length
    mean = torch.rand(cells, encoder.features)
    config = BeamSettings(beams=5, max_words=WORDS)
    return ModelEngine(
        Checkpoint(CaptionModel(encoder, decoder), words, config, mean_grid=mean), device
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    keep_memory()
    print(f"{'cells':>6} {'beam 5':>9} {'explained':>10} {'ratio':>6}   attention's curves only")
    for cells in (49, 196, 576):
        engine = engine_of(cells, asked.device)
        side = round(cells**0.5)
        where = Grid(side, side, (0, 0, side, side), (side, side))
        features = Features(torch.rand(1, cells, 2048, device=asked.device))
        encoded = Encoded(features, (Prepared("photo", torch.zeros(0), where),))
        (caption,) = engine.write(encoded)
        assert len(caption.words) == WORDS
        whole = Explainer(engine)
        few = Explainer(engine, settings=Settings(curves=("attention",)))
        decode, explain, short = best(
            lambda engine=engine, encoded=encoded: engine.write(encoded),
            lambda whole=whole, caption=caption, at=features: whole.evidence(caption, at),
            lambda few=few, caption=caption, at=features: few.evidence(caption, at),
            times=asked.times,
        )
        print(
            f"{cells:6} {1000 * decode:6.1f} ms {1000 * explain:7.0f} ms {explain / decode:6.1f}"
            f"   {1000 * short:.0f} ms, {short / decode:.1f}"
        )


if __name__ == "__main__":
    main()
