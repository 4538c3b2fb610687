"""Every family of transformers' captioners against the library itself: tiny random models."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from saccade.decoding import BeamSettings, RuleSettings, SampleSettings
from saccade.engine import ForeignEngine, encode
from saccade.engine.coverings import ReadCoverings
from saccade.engine.generating import generation
from saccade.errors import UsageError
from saccade.models.contract import Features, Layers
from saccade.models.foreign.canvas import Canvas
from saccade.models.foreign.contract import look
from saccade.models.foreign.loading import load_foreign
from saccade.models.foreign.table import FAMILIES
from tests.models.foreign.makers import CROSS, MAKERS, photo

every = pytest.mark.parametrize("name", MAKERS)
FORCED = {"florence2": 1}  # first pieces that `generate` always writes


def test_every_family_of_the_table_is_tested():
    assert set(MAKERS) == set(FAMILIES)


@functools.cache
def untouched(name: str, folder: Path) -> Any:
    """The model as transformers loads it."""
    return getattr(transformers, FAMILIES[name].model).from_pretrained(folder).eval()


def plain_inputs(name: str, folder: Path, start: tuple[int, ...]) -> tuple[Any, dict[str, Any]]:
    """The model as transformers loads it, and its own inputs for two photos."""
    model = untouched(name, folder)
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    fitting = FAMILIES[name].fit(processor, name)
    photos = [photo(0), photo(1)]
    if isinstance(fitting, Canvas):
        photos = [fitting.place(picture) for picture in photos]
    whole = {"do_image_splitting": False} if name in ("idefics3", "smolvlm") else {}
    inputs: dict[str, Any] = dict(processor(images=photos, return_tensors="pt", **whole))
    inputs.pop("pixel_attention_mask", None)
    if whole:  # one photo of each of two sentences
        pixels = inputs["pixel_values"]
        inputs["pixel_values"] = pixels.reshape(2, 1, *pixels.shape[-3:])
    if name == "florence2":
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        asked = "<image>" * 17 + "<s>What does the image describe?</s>"
        ids = tokenizer([asked, asked], add_special_tokens=False, return_tensors="pt").input_ids
        inputs["input_ids"] = ids
    elif name not in CROSS:
        ids = torch.tensor(start).expand(2, -1)
        inputs |= {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if name == "qwen2_5_vl":
        inputs["mm_token_type_ids"] = (ids == model.config.image_token_id).int()
    if name not in (*CROSS, "git"):  # which would ask for another picture
        inputs["suppress_tokens"] = [model.config.image_token_id]
    if name == "paligemma":
        inputs["token_type_ids"] = torch.zeros_like(inputs["input_ids"])
    return model, inputs


@every
def test_one_pass_over_the_final_pieces_is_what_generate_said(name, folders, engines, encoded):
    """Captions, and each piece's log-probability, of the model untouched, from pixels."""
    engine = engines[name]
    start = engine.family.start
    model, inputs = plain_inputs(name, folders[name], start)
    forced = FORCED.get(name, 0)
    greedy = {"do_sample": False, "num_beams": 1, "max_new_tokens": 8 + forced}
    out = model.generate(**inputs, **greedy, return_dict_in_generate=True, output_logits=True)
    captions = engine.write(encoded[name], settings_of(engine))
    for row, caption in enumerate(captions):
        ids = out.sequences[row].tolist()[len(start) :]
        assert tuple(ids[: len(caption.ids)]) == caption.ids
        assert caption.finished == (len(caption.ids) < 8)
        said = torch.stack([step[row] for step in out.logits[forced:]]).float().log_softmax(-1)
        expected = [float(said[t, piece]) for t, piece in enumerate(caption.ids)]
        picture = encoded[name].pictures([row]).features
        read = engine.read(picture, caption.ids).logprobs[0]
        np.testing.assert_allclose(read[:-1], expected, atol=2e-5)
        np.testing.assert_allclose(sum(caption.logprobs), sum(expected), atol=1e-4)
    assert captions[0].ids != captions[1].ids  # or nothing was shown


def settings_of(engine: ForeignEngine, beams: int = 1) -> Any:
    return BeamSettings(beams=beams, max_words=8)


@every
def test_beams_are_the_librarys_own(name, folders, engines, encoded):
    engine = engines[name]
    start = engine.family.start
    model, inputs = plain_inputs(name, folders[name], start)
    most = 8 + FORCED.get(name, 0)
    out = model.generate(
        **inputs, num_beams=3, num_return_sequences=3, max_new_tokens=most, length_penalty=0.0
    )
    captions = engine.write(encoded[name], settings_of(engine, 3), keep=3)
    for row, caption in enumerate(captions):
        ids = [tuple(x[len(start) :]) for x in out[3 * row : 3 * row + 3].tolist()]
        found = [caption.ids, *(other.ids for other in caption.others)]
        assert [x[: len(f)] for x, f in zip(ids, found, strict=True)] == found
        assert caption.score == pytest.approx(caption.logprob, abs=1e-4)


@every
def test_samples_are_the_librarys_own(name, folders, engines, encoded):
    """By the same seed."""
    engine = engines[name]
    model, inputs = plain_inputs(name, folders[name], engine.family.start)
    for key, value in inputs.items():
        if isinstance(value, torch.Tensor):  # of the first of two photos
            inputs[key] = value[: len(value) // 2]
    drawn = {"temperature": 0.7, "top_k": 12, "top_p": 0.9}
    settings = SampleSettings(samples=3, max_words=6, seed=4, **drawn)
    own = generation(settings, engine.family.generation, engine.words, engine.family.ends)
    forced = FORCED.get(name, 0)
    torch.manual_seed(11)
    out = model.generate(
        **inputs,
        do_sample=True,
        num_return_sequences=3,
        num_beams=1,
        max_new_tokens=6 + forced,
        **drawn,
    )
    torch.manual_seed(11)
    for _ in range(forced):  # for the first piece, which is given, a number is drawn, too
        torch.multinomial(torch.ones(3, model.config.get_text_config().vocab_size), 1)
    found = engine.family.generate(encoded[name].pictures([0]).features, own)
    assert torch.equal(found, out[:, len(engine.family.start) :])
    assert len({tuple(row) for row in found.tolist()}) > 1


def coverings(engine: ForeignEngine, features: Features, runs: int) -> Any:
    generator = np.random.default_rng(3)
    masks = generator.random((runs, features.cells.size(1))) < 0.5
    masks[0], masks[1] = True, False
    wanted = generator.random((runs, 5)) < 0.6
    return masks, wanted


@every
def test_coverings_at_once_are_those_one_by_one(name, engines, encoded):
    """To rounding: the library that multiplies matrices sums in another order for other sizes."""
    engine = engines[name]
    features = encoded[name].pictures([0]).features
    fillers = torch.stack([encoded[name].features.rows()[1], torch.zeros_like(features.rows()[0])])
    ids = (7, 9, 11, 8, 10)
    masks, wanted = coverings(engine, features, 9)
    for filler in range(2):
        fast = engine.coverings(features, fillers)
        found = fast.logprobs(masks, ids, wanted, filler)
        assert (np.isnan(found) == ~wanted).all()
        plain = ReadCoverings(engine, features, fillers).logprobs(masks, ids, wanted, filler)
        np.testing.assert_allclose(found, plain, atol=2e-5)
        for run in range(len(masks)):
            one = fast.logprobs(masks[run : run + 1], ids, wanted[run : run + 1], filler)
            np.testing.assert_allclose(one[0], found[run], atol=2e-5)


@every
def test_covering_every_cell_changes_what_is_said(name, engines, encoded):
    engine = engines[name]
    features = encoded[name].pictures([0]).features
    other = encoded[name].features.rows()[1]
    L = features.cells.size(1)
    masks = torch.ones(2, L, dtype=torch.bool)
    masks[1, L // 2 :] = False
    covered = engine.cover(features, masks, other)
    assert torch.equal(covered.rows()[0], other)  # extra vectors as well
    said = engine.read(features, (7, 9, 11)).logprobs
    changed = engine.read(covered, (7, 9, 11)).logprobs
    assert (said - changed).abs().amax(1).min() > 1e-3
    if features.extra is not None:  # which know the whole picture, but belong to no cell
        assert torch.equal(covered.extra[1], features.extra[0])


@pytest.mark.parametrize("name", ["vision-encoder-decoder", "blip"])
def test_a_mask_over_the_picture_changes_nothing(name, folders, engines, encoded):
    """Why cells are covered by replacing their rows."""
    model, _ = plain_inputs(name, folders[name], engines[name].family.start)
    ids = torch.tensor([[0, 7, 9]]).expand(2, -1)
    rows = encoded[name].features.rows()
    masks = torch.ones(2, *rows.shape[:2])
    masks[1, :, 5:] = 0
    with torch.no_grad():
        if name == "blip":
            outputs = [
                model.text_decoder(
                    input_ids=ids, encoder_hidden_states=rows, encoder_attention_mask=mask
                )
                for mask in masks
            ]
        else:
            outputs = [
                model(decoder_input_ids=ids, encoder_outputs=(rows,), attention_mask=mask)
                for mask in masks
            ]
    assert torch.equal(outputs[0].logits, outputs[1].logits)


@every
def test_attention_and_elsewhere_are_all_of_it(name, engines, encoded):
    """A word's map is the mean over layers and heads of what the model itself returns."""
    engine = engines[name]
    features = encoded[name].features
    ids = (7, 9, 11, 8)
    reading = engine.read(features, ids, heads=True)
    attention, layers = reading.attention, reading.layers
    assert attention.weights.shape == (2, 5, features.cells.size(1))
    assert attention.heads.shape == (2, 5, 4, features.cells.size(1))
    torch.testing.assert_close(attention.weights + 0, attention.heads.mean(2))
    seen = layers.cross or layers.own
    torch.testing.assert_close(seen[0].sum(-1), torch.ones_like(seen[0].sum(-1)))
    torch.testing.assert_close(
        attention.weights.sum(-1) + attention.elsewhere, torch.ones(2, 5), atol=1e-5, rtol=0
    )
    assert (attention.elsewhere > 1e-4).any() or features.extra is None
    for part in layers.own:  # no place looks ahead of itself, but inside the picture and prompt
        ahead = part[:, :, layers.pieces][..., layers.pieces].triu(1)
        assert float(ahead.max()) == 0.0


@every
def test_gradients_at_the_cells_are_finite_differences(name, engines, request):
    engine = engines[name]
    engine.foreign.model.double()
    request.addfinalizer(engine.foreign.model.float)  # nothing is lost on the way
    features = encode(engine, [photo(0)]).features
    cells = features.cells.detach().double().requires_grad_()
    extra = None if features.extra is None else features.extra.double()
    ids = (7, 9, 11)

    def value(cells: torch.Tensor) -> torch.Tensor:
        return engine.read(Features(cells, None, extra), ids).logprobs[0, 1]

    # Language models norm and weigh in single precision, whatever theirs is.
    exact = name in (*CROSS, "git") and name != "pix2struct"
    size, tolerance = (1e-5, 1e-4) if exact else (3e-3, 0.03)
    torch.manual_seed(0)
    (gradient,) = torch.autograd.grad(value(cells), cells)
    assert gradient.abs().max() > 1e-4
    for cell in (0, 1, 3):
        step = torch.zeros_like(cells)
        step[0, cell] = size * torch.randn(cells.size(2), dtype=torch.double)
        with torch.no_grad():
            found = value(cells + step) - value(cells - step)
        torch.testing.assert_close(
            found, 2 * (gradient * step).sum(), rtol=tolerance, atol=1e-9 if exact else 1e-6
        )


@every
def test_gradients_run_by_run_are_those_at_once(name, engines, encoded, monkeypatch):
    """Large models hold the layers of few runs at a time and compute them again."""
    engine = engines[name]
    rows = encoded[name].features
    cells = torch.cat((rows.cells, rows.cells.flip(1)))
    extra = None if rows.extra is None else torch.cat((rows.extra, rows.extra))
    found = []
    for held in (10**9, 1):
        monkeypatch.setattr("saccade.engine.foreign.HELD", held)
        leaf = cells.clone().requires_grad_()
        reading = engine.read(Features(leaf, None, extra), (7, 9, 11))
        (gradient,) = torch.autograd.grad(reading.logprobs[:, 1].sum(), leaf)
        found.append((reading.logprobs.detach(), reading.attention.weights.detach(), gradient))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-3)


@every
def test_only_the_places_that_are_wanted_are_read(name, engines, encoded):
    engine = engines[name]
    features = encoded[name].features
    ids = (7, 9, 11, 8)
    whole = engine.read(features, ids, distribution=True)
    wanted = torch.zeros(2, 5, dtype=torch.bool)
    wanted[0, 1] = wanted[1, 2] = True
    part = engine.read(features, ids, wanted)
    assert (part.logprobs.isnan() == ~wanted).all()
    torch.testing.assert_close(part.logprobs[wanted], whole.logprobs[wanted], atol=2e-5, rtol=0)
    total = whole.distribution.exp().sum(-1)
    torch.testing.assert_close(total, torch.ones_like(total), atol=1e-4, rtol=0)
    nll, count = engine.likelihood(features, [[ids], [ids]])
    assert count == 10
    assert nll == pytest.approx(-float(whole.logprobs.sum()), abs=1e-3)


@every
def test_sampling_is_the_photos_own_and_rules_reach_generate(name, engines, encoded):
    engine = engines[name]
    settings = SampleSettings(samples=3, max_words=6, seed=1)
    both = engine.write(encoded[name], settings, keep=3)
    alone = engine.write(encoded[name].pictures([1]), settings, keep=3)
    assert both[1].ids == alone[0].ids
    assert both[0].score >= both[0].others[0].score >= both[0].others[1].score
    rules = RuleSettings(min_words=4)
    config = generation(
        SampleSettings(rules=rules), engine.family.generation, engine.words, engine.family.ends
    )
    assert config.min_new_tokens == 4
    with pytest.raises(UsageError, match=r"trigram_penalty works on Saccade's own models"):
        engine.write(encoded[name], SampleSettings(rules=RuleSettings(trigram_penalty=1.0)))


def test_prompts_reach_those_that_take_them(folders, engines):
    with pytest.raises(UsageError, match="takes no prompt"):
        load_foreign(folders["vision-encoder-decoder"], prompt="a red")
    for name in MAKERS:
        if name not in ("vision-encoder-decoder", "florence2"):
            foreign = load_foreign(folders[name], prompt="a red")
            assert "a red" in foreign.words.tokenizer.decode(foreign.family.start)
    said = []  # by Florence-2, whose encoder reads the prompt with the picture
    for prompt in (None, "<CAPTION>", "What does the image describe?", "<DETAILED_CAPTION>"):
        engine = ForeignEngine(load_foreign(folders["florence2"], prompt=prompt), "cpu")
        said.append(float(engine.read(encode(engine, [photo(0)]).features, (7, 9)).logprobs.sum()))
    assert said[0] == said[1] == said[2] != said[3]
    own = {
        name: engines[name].words.tokenizer.decode(engines[name].family.start) for name in MAKERS
    }
    question = "Describe the image in one sentence."
    assert own["llava"].startswith("USER: <image><image>")
    assert own["llava"].endswith(f"{question} ASSISTANT:")
    assert own["paligemma"].endswith("<image><|endoftext|>caption en\n")
    around = "<fake_token_around_image>"
    cells = "<image>" * 4
    assert f"User:{around}<global-img>{cells}{around}{question}" in own["smolvlm"]


def test_a_map_by_hand():
    """Two layers of one head over two rows of a class token and one cell."""
    cross = (
        torch.tensor([[[[0.25, 0.75], [0.5, 0.5]]]]),
        torch.tensor([[[[0.75, 0.25], [1.0, 0]]]]),
    )
    layers = Layers(torch.tensor([0, 1]), torch.tensor([1]), cross)
    found = look(layers, torch.tensor([0, 1]))
    torch.testing.assert_close(found.weights, torch.tensor([[[0.5], [0.25]]]))
    torch.testing.assert_close(found.elsewhere, torch.tensor([[0.5, 0.75]]))
