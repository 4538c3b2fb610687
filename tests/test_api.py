"""Captioner: what people call from Python."""

import inspect
import json

import numpy as np
import pytest
import torch
from PIL import Image

from saccade import Caption, Captioner, evaluate
from saccade.errors import CheckpointError, PictureError, UsageError
from saccade.evaluation import split
from saccade.files import replace_folder


@pytest.fixture(scope="module")
def captioner(run) -> Captioner:
    return Captioner.from_pretrained(run / "best", device="cpu")


@pytest.fixture(scope="module")
def photos(data):
    return sorted((data / "images").iterdir())[18:]  # the validation pictures


def test_it_says_what_it_sees(captioner, photos):
    for index, photo in enumerate(photos, 18):
        colour, place = ["red", "green", "blue"][index % 3], ["left", "right"][index // 3 % 2]
        words = captioner.caption(photo, beams=3).words
        assert colour in words
        assert place in words


def test_a_caption_carries_everything(captioner, photos):
    caption = captioner.caption(photos[0], beams=2, keep=2)
    assert isinstance(caption, Caption)
    count = len(caption.words)
    assert caption.text == " ".join(caption.words)
    assert len(caption.ids) == len(caption.logprobs) == len(caption.betas) == count
    assert caption.alphas.shape == (count, 8, 12)
    np.testing.assert_allclose(caption.alphas.sum((1, 2)), 1, rtol=1e-4)
    assert ((caption.betas > 0) & (caption.betas < 1)).all()
    assert caption.score == pytest.approx(caption.logprob, abs=1e-4)
    assert (caption.where.width, caption.where.height) == (48, 32)
    assert caption.photo == photos[0]
    assert caption.finished
    assert all(entry[0][1] >= entry[-1][1] for entry in caption.runners_up)
    (other,) = caption.others
    assert other.score <= caption.score
    assert other.words != caption.words
    told = json.loads(json.dumps(caption.to_json()))
    assert told["caption"] == caption.text
    assert np.array(told["alphas"]).shape == caption.alphas.shape
    assert told["others"][0]["caption"] == other.text


def test_log_probabilities_are_those_of_teacher_forcing(captioner, photos):
    caption = captioner.caption(photos[1], beams=3)
    encoded = captioner.encode([photos[1]])
    ids = [captioner.engine.vocabulary.bos, *caption.ids]
    with torch.no_grad():
        taught = captioner.engine.model.decoder.teach(
            encoded.features, torch.tensor([[ids]]), torch.tensor([[len(ids)]])
        )
    logprobs = taught.logits.log_softmax(-1)
    expected = [logprobs[t, word].item() for t, word in enumerate(caption.ids)]
    np.testing.assert_allclose(caption.logprobs, expected, atol=1e-4)
    assert caption.end_logprob == pytest.approx(
        logprobs[-1, captioner.engine.vocabulary.eos].item(), abs=1e-4
    )
    np.testing.assert_allclose(
        caption.alphas.reshape(len(caption.ids), -1), taught.attention.weights[0, 0, :-1], atol=1e-5
    )
    np.testing.assert_allclose(caption.betas, taught.attention.gate[0, 0, :-1], atol=1e-5)


def test_many_photos_are_captioned_as_each_alone(captioner, photos):
    together = captioner.caption(photos, beams=3, batch=4)
    assert [c.photo for c in together] == photos
    for photo, caption in zip(photos, together, strict=True):
        alone = captioner.caption(str(photo), beams=3)
        assert alone.words == caption.words
        np.testing.assert_allclose(alone.alphas, caption.alphas, atol=1e-5)


def test_a_picture_in_memory_gives_the_same(captioner, photos):
    picture = Image.open(photos[0])
    caption = captioner.caption(picture)
    assert caption.photo is None
    assert caption.image is picture
    assert caption.text == captioner.caption(photos[0]).text


def test_a_damaged_photo_among_many_is_reported_and_skipped(captioner, photos, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_text("text")
    results = dict(captioner.stream([photos[0], bad, photos[1]]))
    assert isinstance(results[bad], PictureError)
    assert "bad.jpg" in str(results[bad])
    assert [isinstance(results[p], Caption) for p in photos[:2]] == [True, True]
    with pytest.raises(PictureError, match=r"bad\.jpg"):
        captioner.caption([photos[0], bad])


def test_unk_is_said_only_when_asked(captioner, photos):
    decoder = captioner.engine.model.decoder
    bias = decoder.output.bias.detach().clone()
    try:
        with torch.no_grad():
            decoder.output.bias[captioner.engine.vocabulary.unk] += 100
        assert "<unk>" not in captioner.caption(photos[0]).words
        assert "<unk>" in captioner.caption(photos[0], allow_unk=True).words
    finally:
        with torch.no_grad():
            decoder.output.bias.copy_(bias)


def test_a_saved_captioner_is_the_same(captioner, photos, tmp_path):
    captioner.save_pretrained(tmp_path / "copy")
    copy = Captioner.from_pretrained(str(tmp_path / "copy"), device="cpu")
    one, other = captioner.caption(photos[0]), copy.caption(photos[0])
    assert one.words == other.words
    np.testing.assert_array_equal(one.alphas, other.alphas)


def test_a_run_stands_for_its_best_checkpoint(run, captioner, photos):
    assert (
        Captioner.from_pretrained(run).caption(photos[0]).text == captioner.caption(photos[0]).text
    )


def test_a_name_that_is_nothing_is_told_so(tmp_path, monkeypatch):
    with pytest.raises(CheckpointError, match="no such checkpoint folder"):
        Captioner.from_pretrained(tmp_path / "nothing")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        CheckpointError, match="nobody/nothing: there is no such folder, and the hub"
    ):
        Captioner.from_pretrained("nobody/nothing")


def test_pushing_uploads_a_folder_that_loads(captioner, monkeypatch, tmp_path, photos):
    """The hub itself can't be reached from a test: the library's client is stood in for, and what
    it is handed must be a checkpoint that loads."""
    import shutil

    from huggingface_hub import HfApi

    calls = []

    def create(self, repo_id, private, exist_ok):
        calls.append((repo_id, private, exist_ok))
        return f"hub:{repo_id}"

    def upload(self, repo_id, folder_path):
        shutil.copytree(folder_path, tmp_path / "hub")

    monkeypatch.setattr(HfApi, "create_repo", create)
    monkeypatch.setattr(HfApi, "upload_folder", upload)
    assert captioner.push_to_hub("me/squares", private=True) == "hub:me/squares"
    assert calls == [("me/squares", True, True)]
    copy = Captioner.from_pretrained(tmp_path / "hub", device="cpu")
    assert copy.caption(photos[0]).text == captioner.caption(photos[0]).text

    def refuse(self, repo_id, private, exist_ok):
        raise OSError("401 Client Error\nmore")

    monkeypatch.setattr(HfApi, "create_repo", refuse)
    with pytest.raises(
        CheckpointError, match=r"me/squares could not be uploaded \(401 Client Error\)"
    ):
        captioner.push_to_hub("me/squares")


def test_evaluate_takes_what_its_engine_twin_takes():
    ours, engines = inspect.signature(evaluate), inspect.signature(split.evaluate)
    assert next(iter(ours.parameters)) == "captioner"
    assert list(ours.parameters.values())[1:] == list(engines.parameters.values())[1:]
    assert evaluate.__doc__ == split.evaluate.__doc__


def test_evaluation_equals_a_plain_loop(captioner, data):
    found = evaluate(captioner, data, "val", batch=4, show=False)
    assert found.pictures == 6
    assert found.truth is None
    nll, words = 0.0, 0
    vocabulary = captioner.engine.vocabulary
    for item in found.captioned:
        features = captioner.encode([item.example.image]).features
        for caption in item.example.captions:
            ids = vocabulary.encode(caption)
            inputs = torch.tensor([[[vocabulary.bos, *ids]]])
            with torch.no_grad():
                taught = captioner.engine.model.decoder.teach(
                    features, inputs, torch.tensor([[inputs.size(2)]])
                )
            logprobs = taught.logits.log_softmax(-1)
            nll -= sum(logprobs[t, w].item() for t, w in enumerate([*ids, vocabulary.eos]))
            words += len(ids) + 1
    assert found.loss == pytest.approx(nll / words, abs=1e-4)
    assert found.perplexity == pytest.approx(np.exp(nll / words), rel=1e-3)
    assert found.scores["BLEU-1"] > 80
    assert json.dumps(found.to_json())


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path):
    target = tmp_path / "folder"
    replace_folder(target, lambda fresh: (fresh / "a").write_text("1") and None)

    def fail(fresh):
        (fresh / "a").write_text("2")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace_folder(target, fail)
    assert (target / "a").read_text() == "1"
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_photos_come_in_every_plain_form(captioner, photos):
    """A path, text, Pillow, arrays, bytes, open files: one caption each, the same."""
    import io

    path = photos[0]
    data = path.read_bytes()
    array = np.asarray(Image.open(path).convert("RGB"))
    expected = captioner.caption(path).text
    with path.open("rb") as file:
        forms = [
            path,
            str(path),
            Image.open(path),
            array,
            data,
            bytearray(data),
            io.BytesIO(data),
            file,
        ]
        for form in forms:
            caption = captioner.caption(form)
            assert isinstance(caption, Caption)
            assert caption.text == expected
            assert (caption.photo is not None) == isinstance(form, type(path) | str)
            assert caption.photo is not None or caption.image is not None  # can be drawn
    assert [c.text for c in captioner.caption((array, data))] == [expected] * 2
    assert [c.text for c in captioner.caption(iter([path]))] == [expected]


@pytest.mark.parametrize("nothing", [None, 3.0, object(), {"a": 1}.get("b"), "https://x.org/a.jpg"])
def test_what_is_no_photo_is_told_what_is(captioner, nothing):
    with pytest.raises(PictureError, match=r"web address|a photo is a path"):
        captioner.caption(nothing)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"beams": "3"}, r"decode\.beams is a whole number, not '3'"),
        ({"beams": 0}, r"decode\.beams is 1 to 1000, not 0"),
        ({"beams": 2.5}, "whole number"),
        ({"length_power": float("nan")}, "finite"),
        ({"max_words": -1}, r"decode\.max_words"),
        ({"keep": 0}, "keep is a number from 1 on"),
    ],
)
def test_settings_of_a_caption_are_checked(captioner, photos, wrong, says):
    with pytest.raises(UsageError, match=says):
        captioner.caption(photos[0], **wrong)


def test_a_photo_is_opened_once_on_its_way_to_a_picture(captioner, photos, monkeypatch):
    """Captioned with `keep_photos`, its attention picture needs the file no more."""
    import sys

    import saccade

    opened = []

    def listen(event, arguments):
        if event == "open" and str(arguments[0]) == str(photos[0]):
            opened.append(arguments[0])

    sys.addaudithook(listen)
    ((_, caption),) = captioner.stream([photos[0]], keep_photos=True)
    saccade.figure(caption)
    assert len(opened) == 1


def test_the_hubs_options_reach_the_hub(monkeypatch, tmp_path):
    """What `from_pretrained` is told is passed on; the hub itself can't be reached from a test."""
    calls = []

    def refuse(name, **options):
        calls.append((name, options))
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(CheckpointError, match="no network"):
        Captioner.from_pretrained(
            "me/mine", token="t", cache_dir=tmp_path, local_files_only=True, revision="main"
        )
    ((name, options),) = calls
    assert name == "me/mine"
    assert options["token"] == "t"
    assert options["cache_dir"] == tmp_path
    assert options["local_files_only"] is True
    assert options["revision"] == "main"


def test_every_strategy_by_name_with_maps_of_its_own_words(captioner, photos):
    sampled = captioner.caption(photos[0], strategy="sample", num_return_sequences=4, keep=4)
    assert len(sampled.others) == 3
    again = captioner.caption([photos[1], photos[0]], strategy="sample", samples=4, keep=4)[1]
    assert [c.text for c in (again, *again.others)] == [
        c.text for c in (sampled, *sampled.others)
    ]  # whatever comes with it
    apart = captioner.caption(
        photos[0], strategy="diverse_beam", beams=4, groups=4, diversity=9.0, keep=4
    )
    assert len({c.text for c in (apart, *apart.others)}) == 4
    for caption in (sampled, *sampled.others, apart, *apart.others):
        assert caption.alphas.shape == (len(caption.words), 8, 12)
        np.testing.assert_allclose(caption.alphas.sum((1, 2)), 1, rtol=1e-4)
    colours = {"red", "green", "blue"}
    free = captioner.caption(photos[0], beams=3)
    banned = captioner.caption(photos[0], beams=3, banned=tuple(colours & set(free.words)))
    assert colours & set(free.words)
    assert not set(banned.words) & set(free.words) & colours
    with pytest.raises(UsageError, match="has no setting 'temprature'"):
        captioner.caption(photos[0], strategy="sample", temprature=2)
