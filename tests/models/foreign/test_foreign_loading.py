"""What a folder can lack or hold: one sentence each, with the name and the cure."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import transformers
from huggingface_hub.errors import GatedRepoError
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import BlipImageProcessorPil, CLIPImageProcessorPil, LlavaImageProcessorPil

from saccade import soup
from saccade.api import Captioner
from saccade.checkpoint import read_config
from saccade.errors import CheckpointError, UsageError
from saccade.models.foreign.geometry import Processed, check_geometry, input_box
from saccade.models.foreign.loading import is_foreign, load_foreign
from saccade.models.foreign.table import FAMILIES
from tests.models.foreign.makers import MAKERS


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("foreign") / "blip"
    MAKERS["blip"](folder)
    return folder


@pytest.fixture
def folder(whole, tmp_path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "model"))


def edit(path: Path, **changes) -> None:
    content = json.loads(path.read_text())
    content |= changes
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))


def refused(folder: Path, *parts: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        Captioner.from_pretrained(folder, device="cpu")
    message = str(caught.value)
    assert str(folder) in message
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_without_a_tokenizer(folder):
    (folder / "tokenizer.json").unlink()
    refused(folder, "has no tokenizer (tokenizer.json, vocab.json or vocab.txt); save")


def test_without_an_image_processor(folder):
    (folder / "preprocessor_config.json").unlink()
    refused(folder, "has no image processor (preprocessor_config.json)", "save_pretrained")


def test_without_weights_that_are_safe(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    refused(folder, "pytorch_model.bin and the like are never opened", "can run code")


def test_weights_that_are_missing(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["vision_model.post_layernorm.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    refused(folder, "1 of its weights are missing (first vision_model.post_layernorm.weight)")


def test_weights_of_another_shape(folder):
    weights = load_file(folder / "model.safetensors")
    weights["vision_model.post_layernorm.weight"] = torch.zeros(5)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    refused(
        folder,
        "another shape than its config.json says (vision_model.post_layernorm.weight is [5], not",
    )


def test_weights_that_are_no_numbers(folder):
    weights = load_file(folder / "model.safetensors")
    weights["vision_model.post_layernorm.weight"][3] = torch.nan
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    refused(folder, "non-finite weights (vision_model.post_layernorm.weight)")


def test_weights_that_are_cut_off(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    refused(folder, "model.safetensors is damaged or cut off", "get the file again")


def test_a_text_model(folder):
    edit(folder / "config.json", model_type="gpt2")
    refused(folder, "is a gpt2, not a captioner that Saccade can read", "blip", "git", "llava")


def test_a_model_of_two_hops(folder):
    edit(folder / "config.json", model_type="blip-2")
    refused(folder, "is a blip-2, which sees the picture through a second set of vectors")


def test_python_code_in_a_folder_is_never_run(folder):
    (folder / "evil.py").write_text("raise SystemExit('ran')\n")
    auto = dict.fromkeys(("AutoConfig", "AutoModel", "AutoModelForCausalLM"), "evil.Evil")
    edit(folder / "config.json", model_type="evil", auto_map=auto)
    refused(folder, "brings its own Python code (auto_map in its config.json), which is never run")
    edit(folder / "config.json", model_type="blip", auto_map=auto)
    edit(folder / "preprocessor_config.json", auto_map={"AutoImageProcessor": "evil.Evil"})
    edit(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.Evil", "evil.Evil"]})
    Captioner.from_pretrained(folder, device="cpu")  # transformers' own classes read it


def test_a_processor_that_needs_torchvision(folder, monkeypatch):
    edit(folder / "preprocessor_config.json", image_processor_type="DINOv3ViTImageProcessor")
    refused(folder, "its image processor needs torchvision", "pip install torchvision")


def test_a_tokenizer_that_is_damaged(folder):
    (folder / "tokenizer.json").write_text("{")
    refused(folder, "its tokenizer can't be loaded")


def test_a_tokenizer_loaded_as_another_kind(folder):
    edit(folder / "tokenizer_config.json", tokenizer_class="LlamaTokenizer")
    refused(folder, "another kind of tokenizer (LlamaTokenizer, BPE) than tokenizer.json (WordPi")


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("image_mean", [0.5, 0.5], "image_mean is (0.5, 0.5), not three numbers"),
        ("image_std", [0.0, 0.0, 0.0], "not three numbers above 0"),
        ("image_std", [0.5, 0.5, 1e-9], "not three numbers above 0"),
        ("image_mean", [1e300] * 3, "not three numbers"),
        ("rescale_factor", 0, "rescale_factor is 0, not a number above 0"),
        ("do_rescale", False, "image_mean is of pixels from 0 to 1, but do_rescale is off"),
        ("resample", "x", "resample is 'x', not one of Pillow's filters"),
        ("size", {"height": 64, "width": 64}, "gives pictures of 64x64 pixels, its encoder takes"),
        ("size", {"height": 30, "width": 30}, "gives pictures of 30x30 pixels, its encoder takes"),
        ("size", {"height": 32, "width": 10**9}, "size is 1000000000, not 1 to 4096 pixels"),
    ],
)
def test_a_processor_that_does_not_fit(folder, setting, value, says):
    edit(folder / "preprocessor_config.json", **{setting: value})
    refused(folder, says)


def test_a_caption_longer_than_the_model_has_places(folder):
    """32 places, one of which is the first piece's."""
    (folder / "generation_config.json").unlink()  # which says 8
    captioner = Captioner.from_pretrained(folder, device="cpu")
    photo = Image.effect_noise((50, 40), 80).convert("RGB")
    assert captioner.engine.decoding.max_words == 31
    assert len(captioner.caption(photo, max_words=31).ids) <= 31
    with pytest.raises(UsageError, match="at most 31 pieces of words, not 32; make it shorter"):
        captioner.caption(photo, max_words=32)
    with pytest.raises(UsageError, match="at most 31 pieces of words, not 60"):
        captioner.explain(photo, "a dog " * 20)
    with pytest.raises(
        UsageError, match="32 places, of which the picture and the prompt take all; make"
    ):
        Captioner.from_pretrained(folder, device="cpu", prompt="a " * 40)


def test_a_search_that_the_library_refuses(folder):
    edit(folder / "generation_config.json", bad_words_ids="x")
    captioner = Captioner.from_pretrained(folder, device="cpu")
    with pytest.raises(CheckpointError, match=r"as its generation_config.json has it .*bad_words"):
        captioner.caption(Image.new("RGB", (50, 40)))


def test_a_config_that_is_no_json(folder):
    (folder / "config.json").write_text('{"model_type": "blip"')
    with pytest.raises(CheckpointError, match=r"config\.json"):
        Captioner.from_pretrained(folder, device="cpu")


def test_a_processor_that_crops_in_an_unknown_way(folder):
    edit(folder / "preprocessor_config.json", do_center_crop=True, size={"longest_edge": 32})
    refused(folder, "its image processor can't be loaded", "crop_size")
    edit(folder / "preprocessor_config.json", crop_size={"height": 20, "width": 28}, size=None)
    edit(folder / "preprocessor_config.json", size={"shortest_edge": 40, "longest_edge": 50})
    refused(folder, "fits photos to the model in a way that Saccade does not know")


def test_a_prompt_for_a_captioner_of_saccade(run):
    with pytest.raises(UsageError, match="was trained by Saccade and takes no prompt"):
        Captioner.from_pretrained(run, device="cpu", prompt="Describe")
    assert not is_foreign(run / "best")


def test_a_gated_model_of_the_hub(monkeypatch):
    """The hub itself can't be reached from a test."""

    def refuse(*_, **options):
        assert not any(part.endswith((".py", ".bin")) for part in options["allow_patterns"])
        raise GatedRepoError.__new__(GatedRepoError)

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(CheckpointError, match=r"owner/name is gated: accept its terms .* `hf auth"):
        Captioner.from_pretrained("owner/name")


SQUARE = {"height": 32, "width": 32}
PROCESSORS = {
    "stretch": BlipImageProcessorPil(size=SQUARE),
    "crop": CLIPImageProcessorPil(size={"shortest_edge": 40}, crop_size=SQUARE),
    "pad": LlavaImageProcessorPil(
        do_pad=True, size={"shortest_edge": 32}, crop_size=SQUARE, do_center_crop=True
    ),
}


@pytest.mark.parametrize("kind", PROCESSORS)
def test_geometry_is_proven_by_pixels_that_say_where_they_are(kind):
    fitting = Processed(PROCESSORS[kind])
    check_geometry(fitting, kind)
    photo = Image.effect_noise((90, 60), 80).convert("RGB")
    own = PROCESSORS[kind](images=photo, return_tensors="pt").pixel_values
    ours = fitting.normalised(fitting.pixels(photo).unsqueeze(0))
    torch.testing.assert_close(ours, own.float(), atol=1e-5, rtol=0)
    zero = fitting.normalised(fitting.mean_colour().view(1, 3, 1, 1).expand(1, 3, 32, 32))
    assert float(zero.abs().max()) < 0.01


def test_boxes_by_hand():
    crop = {"do_center_crop": True, "size": {"shortest_edge": 40}, "crop_size": SQUARE}
    # 90 x 60 becomes 60 x 40; of that columns 14 to 46 and rows 4 to 36 are seen.
    assert input_box((90, 60), crop, (32, 32)) == (21.0, 6.0, 69.0, 54.0)
    pad = {"do_pad": True, "size": SQUARE}
    assert input_box((90, 60), pad, (32, 32)) == (0.0, -15.0, 90.0, 75.0)
    assert input_box((90, 60), {"size": SQUARE}, (32, 32)) == (0.0, 0.0, 90.0, 60.0)


def test_a_wrong_box_is_noticed(monkeypatch):
    fitting = Processed(PROCESSORS["crop"])
    fitting.settings["do_center_crop"] = False
    with pytest.raises(CheckpointError, match="no map could be drawn at the right place"):
        check_geometry(fitting, "model")


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_saved_again_is_the_same(name, folders, engines, tmp_path):
    """In shards, by the library."""
    photo = Image.effect_noise((50, 40), 80).convert("RGB")
    one = Captioner(engines[name]).caption(photo)
    foreign = load_foreign(folders[name])
    foreign.words.tokenizer.save_pretrained(tmp_path)
    foreign.fitting.processor.save_pretrained(tmp_path)
    kind = getattr(transformers, FAMILIES[name].model)
    kind.from_pretrained(folders[name]).save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    captioner = Captioner.from_pretrained(tmp_path, device="cpu")
    two = captioner.caption(photo)
    assert one.ids == two.ids
    assert one.logprobs == two.logprobs
    with pytest.raises(CheckpointError, match="only captioners that Saccade has trained"):
        captioner.save_pretrained(tmp_path / "third")


def test_what_needs_a_checkpoint_of_saccade_names_another_models_kind(folder, tmp_path):
    """Training from it, or averaging its weights."""
    with pytest.raises(CheckpointError, match=r"model is a blip of transformers, not a checkpoint"):
        soup([folder, folder], tmp_path / "soup")
    with pytest.raises(CheckpointError, match=r"model is a blip of transformers, not a checkpoint"):
        read_config(folder)
