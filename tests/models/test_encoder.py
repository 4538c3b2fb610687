"""Encoders: several families of transformers through the same code, and where cells lie."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image
from transformers import (
    AutoModel,
    CLIPConfig,
    CLIPVisionConfig,
    ConvNextConfig,
    Dinov2Config,
    Dinov2WithRegistersConfig,
    MobileNetV2Config,
    ResNetConfig,
    SiglipVisionConfig,
    SwinConfig,
    ViTConfig,
)

from saccade.config import SMALL_CONV, EncoderConfig, from_dict
from saccade.errors import UsageError
from saccade.models.encoders.loading import describe_backbone, load_encoder, rebuild_encoder
from saccade.photos.fitting import fit_box, to_input
from saccade.photos.opening import open_photo

VIT = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "patch_size": 8,
    "image_size": 32,
}
FAMILIES = {
    "resnet": (
        ResNetConfig(embedding_size=8, hidden_sizes=[8, 12, 16, 20], depths=[1, 1, 1, 1]),
        64,
        -1,
        (2, 2, 20),
    ),
    "resnet stage 3": (
        ResNetConfig(embedding_size=8, hidden_sizes=[8, 12, 16, 20], depths=[1, 1, 1, 1]),
        64,
        3,
        (4, 4, 16),
    ),
    "resnet, two stages": (
        ResNetConfig(embedding_size=8, hidden_sizes=[8, 12, 16, 20], depths=[1, 1, 1, 1]),
        64,
        (-1, 2),
        (8, 8, 32),
    ),
    "mobilenet": (MobileNetV2Config(depth_multiplier=0.35, output_stride=16), 64, -1, (4, 4, 1280)),
    "convnext": (
        ConvNextConfig(hidden_sizes=[8, 8, 12, 16], depths=[1, 1, 1, 1]),
        64,
        -1,
        (2, 2, 16),
    ),
    "swin": (
        SwinConfig(
            image_size=32, patch_size=2, embed_dim=8, depths=[1, 1], num_heads=[1, 2], window_size=2
        ),
        32,
        -1,
        (8, 8, 16),
    ),
    "dinov2": (Dinov2Config(**VIT), 32, -1, (4, 4, 16)),
    "dinov2 with registers": (
        Dinov2WithRegistersConfig(**VIT, num_register_tokens=4),
        32,
        -1,
        (4, 4, 16),
    ),
    "vit": (ViTConfig(**VIT), 32, 1, (4, 4, 16)),
    "vit, two stages": (ViTConfig(**VIT), 32, (1, -1), (4, 4, 32)),
    "clip vision": (CLIPVisionConfig(**VIT), 32, -1, (4, 4, 16)),
    "clip": (
        CLIPConfig(
            vision_config=VIT,
            text_config={k: v for k, v in VIT.items() if "size" not in k or k == "hidden_size"},
        ),
        32,
        -1,
        (4, 4, 16),
    ),
    "siglip": (SiglipVisionConfig(**VIT), 32, -1, (4, 4, 16)),
}


def saved_backbone(config, folder):
    torch.manual_seed(0)
    model = AutoModel.from_config(config).eval()
    model.save_pretrained(folder)
    return model


@pytest.mark.parametrize("family", FAMILIES)
def test_a_backbone_of_each_family_gives_grid_features(family, tmp_path):
    config, size, stage, (h, w, features) = FAMILIES[family]
    saved_backbone(config, tmp_path)
    encoder = load_encoder(
        EncoderConfig(backbone=str(tmp_path), image_size=(size, size), stage=stage)
    )
    assert encoder.grid == (h, w)
    assert encoder.features == features
    pixels = torch.randint(0, 256, (3, 3, size, size), dtype=torch.uint8)
    with torch.no_grad():
        grid = encoder(pixels)
        assert grid.shape == (3, h * w, features)
        assert torch.isfinite(grid).all()
        assert not any(p.requires_grad for p in encoder.parameters())
        shape = (features, h, w)
        twin = rebuild_encoder(encoder.config, describe_backbone(encoder), shape).eval()
        assert (twin.features, *twin.grid) == shape
        assert twin.digest() != encoder.digest()
        twin.load_state_dict(encoder.state_dict())
        assert twin.digest() == encoder.digest()
        torch.testing.assert_close(twin(pixels), grid)


def test_cells_are_rows_first_and_normalised_as_the_backbone_says(tmp_path):
    """Against the backbone called by hand: a convolutional map and a token sequence."""
    for name in ("mobilenet", "clip vision"):
        config, size, _, (h, w, _) = FAMILIES[name]
        model = saved_backbone(config, tmp_path / name)
        (tmp_path / name / "preprocessor_config.json").write_text(
            '{"image_processor_type": "ViTImageProcessor", "image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.6, 0.7]}'
        )
        encoder = load_encoder(
            EncoderConfig(backbone=str(tmp_path / name), image_size=(size, size))
        )
        pixels = torch.randint(0, 256, (1, 3, size, size), dtype=torch.uint8)
        mean = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)
        std = torch.tensor([0.5, 0.6, 0.7]).view(1, 3, 1, 1)
        with torch.no_grad():
            states = model(pixel_values=(pixels / 255 - mean) / std).last_hidden_state
            found = encoder(pixels)[0]
        for row in range(h):
            for column in range(w):
                cell = (
                    states[0, :, row, column]
                    if states.dim() == 4
                    else states[0, 1 + row * w + column]
                )
                torch.testing.assert_close(found[row * w + column], cell, rtol=1e-4, atol=1e-4)


def test_stages_stand_beside_each_other_on_the_finest_grid(tmp_path):
    """Against the backbone called by hand and a plain loop over the finer grid's centres."""
    config, size, stages, (h, w, _) = FAMILIES["resnet, two stages"]
    model = saved_backbone(config, tmp_path)
    settings = {"backbone": str(tmp_path), "image_size": [size, size], "stage": list(stages)}
    encoder = load_encoder(from_dict(EncoderConfig, settings, "encoder"))
    assert encoder.config.stage == stages
    pixels = torch.randint(0, 256, (1, 3, size, size), dtype=torch.uint8)
    with torch.no_grad():
        scaled = (pixels / 255 - encoder.mean) / encoder.std
        output = model(pixel_values=scaled, output_hidden_states=True)
        coarse, fine = output.last_hidden_state[0], output.hidden_states[2][0]
        found = encoder(pixels)[0]
    assert coarse.shape[1:] == (2, 2)
    for row in range(h):
        for column in range(w):
            y, x = (  # the cell's centre among the centres of 2 x 2 cells
                min(max((place + 0.5) * 2 / h - 0.5, 0.0), 1.0) for place in (row, column)
            )
            top = (1 - x) * coarse[:, 0, 0] + x * coarse[:, 0, 1]
            bottom = (1 - x) * coarse[:, 1, 0] + x * coarse[:, 1, 1]
            cell = torch.cat([(1 - y) * top + y * bottom, fine[:, row, column]])
            torch.testing.assert_close(found[row * w + column], cell, rtol=1e-4, atol=1e-4)
    alone = load_encoder(replace(encoder.config, stage=-1))
    assert alone.digest() != encoder.digest()
    # A list of one is that one, the cached features too.
    assert load_encoder(replace(encoder.config, stage=(-1,))).digest() == alone.digest()


def test_resnet_101_at_its_full_size_gives_the_recipes_grid(tmp_path):
    config = ResNetConfig(depths=[3, 4, 23, 3])  # ResNet-101's own configuration, random weights
    torch.manual_seed(0)
    AutoModel.from_config(config).save_pretrained(tmp_path)
    encoder = load_encoder(EncoderConfig(backbone=str(tmp_path)))  # 448 pixels, last stage
    assert encoder.grid == (14, 14)
    assert encoder.features == 2048
    assert sum(p.numel() for p in encoder.parameters()) == 42_500_160
    half = load_encoder(EncoderConfig(backbone=str(tmp_path), image_size=(224, 224), stage=3))
    assert (half.grid, half.features) == ((14, 14), 1024)


def test_a_frozen_backbone_stays_in_evaluation_mode_and_a_trained_one_does_not(tmp_path):
    saved_backbone(FAMILIES["resnet"][0], tmp_path)
    frozen = load_encoder(EncoderConfig(backbone=str(tmp_path), image_size=(64, 64))).train()
    assert not any(module.training for module in frozen.backbone.modules())
    config = EncoderConfig(backbone=str(tmp_path), image_size=(64, 64), freeze="none")
    trained = load_encoder(config).train()
    # the statistics of batch normalisation rest, unless they are to move
    for module in trained.backbone.modules():
        assert module.training is not isinstance(module, torch.nn.BatchNorm2d)
    moving = load_encoder(replace(config, frozen_statistics=False)).train()
    assert all(module.training for module in moving.backbone.modules())
    assert all(p.requires_grad for p in trained.parameters())


def test_the_small_encoder_knows_where_cells_lie():
    encoder = load_encoder(
        EncoderConfig(
            backbone=SMALL_CONV, image_size=(32, 48), freeze="none", widths=(8, 8, 8), halvings=2
        )
    )
    assert encoder.grid == (8, 12)
    grid = encoder(torch.full((1, 3, 32, 48), 77, dtype=torch.uint8))[0].unflatten(0, (8, 12))
    assert not torch.allclose(grid[4, 4], grid[4, 7], atol=1e-3)
    assert not torch.allclose(grid[3, 6], grid[5, 6], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nowhere/at/all", "no such folder"),
        ("./missing", "no such folder"),
        ("justaword", "no such folder"),
    ],
)
def test_a_backbone_that_is_not_there_is_named(name, says):
    with pytest.raises(UsageError, match=says) as caught:
        load_encoder(EncoderConfig(backbone=name))
    assert name in str(caught.value)


def test_a_folder_without_a_backbone_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"config\.json and model\.safetensors"):
        load_encoder(EncoderConfig(backbone=str(tmp_path)))


SIZES = st.tuples(st.integers(1, 300), st.integers(1, 300))


@settings(max_examples=60, deadline=None)
@given(size=SIZES, target=SIZES, fit=st.sampled_from(["stretch", "crop", "pad"]))
def test_the_box_has_the_inputs_aspect_and_is_centred(size, target, fit):
    x0, y0, x1, y1 = fit_box(size, target, fit)
    width, height = size
    assert (x0 + x1) / 2 == pytest.approx(width / 2)
    assert (y0 + y1) / 2 == pytest.approx(height / 2)
    if fit == "stretch":
        assert (x0, y0, x1, y1) == (0, 0, width, height)
        return
    assert (x1 - x0) / (y1 - y0) == pytest.approx(target[1] / target[0])
    inside = x0 >= -1e-6 and y0 >= -1e-6 and x1 <= width + 1e-6 and y1 <= height + 1e-6
    outside = x0 <= 1e-6 and y0 <= 1e-6 and x1 >= width - 1e-6 and y1 >= height - 1e-6
    assert inside if fit == "crop" else outside
    touches = (abs(x0) < 1e-6, abs(y0) < 1e-6)
    assert any(touches)


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("size", [(400, 100), (100, 400), (240, 240), (640, 427)])
def test_a_marker_is_seen_in_the_cell_that_maps_back_to_it(fit, size):
    """A red square drawn at a known place of the photo reddens the cell whose box holds it."""
    for fx, fy in ((0.5, 0.5), (0.42, 0.55), (0.55, 0.38)):
        x, y = int(size[0] * fx), int(size[1] * fy)
        photo = Image.new("RGB", size)
        photo.paste((255, 0, 0), (x - 3, y - 3, x + 4, y + 4))
        pixels, where = to_input(photo, (128, 128), fit, (8, 8))
        red = (pixels[0].float() - pixels[2].float()).clamp(min=0)
        light = red.unfold(0, 16, 16).unfold(1, 16, 16).sum((-1, -2)).numpy()
        row, column = np.unravel_index(light.argmax(), light.shape)
        x0, y0, x1, y1 = where.cell_box(int(row), int(column))
        slack = 4 + max(size) / 128
        assert x0 - slack <= x <= x1 + slack
        assert y0 - slack <= y <= y1 + slack
        assert (where.width, where.height) == size


def test_padding_is_grey_and_a_one_pixel_photo_fits():
    pixels, where = to_input(Image.new("RGB", (100, 50), (255, 0, 0)), (64, 64), "pad", (4, 4))
    assert pixels[:, 0, 0].tolist() == [128, 128, 128]
    assert pixels[:, 32, 32].tolist() == [255, 0, 0]
    assert where.box == (0.0, -25.0, 100.0, 75.0)
    for fit in ("stretch", "crop", "pad"):
        pixels, where = to_input(Image.new("RGB", (1, 1), (9, 8, 7)), (32, 16), fit, (2, 1))
        assert pixels.shape == (3, 32, 16)
        assert (where.width, where.height) == (1, 1)


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_large_jpeg_decoded_small_looks_the_same(tmp_path, fit, turned):
    """The where is that of the whole photo, to the digit, and the pixels nearly those of a photo
    decoded whole; also where EXIF says that width and height change places."""
    encoder = load_encoder(EncoderConfig(backbone=SMALL_CONV, freeze="none", fit=fit))
    encoder.config = replace(encoder.config, image_size=(32, 48))
    y, x = np.mgrid[0:601, 0:803]
    picture = np.stack((x * 255 // 803, y * 255 // 601, 128 + 100 * np.sin(x / 40)), 2)
    photo = Image.fromarray(picture.astype(np.uint8))
    exif = photo.getexif()
    exif[ExifTags.Base.Orientation] = 6 if turned else 1
    photo.save(tmp_path / "large.jpg", quality=95, exif=exif)
    assert open_photo(tmp_path / "large.jpg", draft=(96, 64)).width < 601  # it can be decoded small
    pixels, where = encoder.prepare(tmp_path / "large.jpg")
    whole = open_photo(tmp_path / "large.jpg")
    expected, where = to_input(whole, (32, 48), fit, encoder.grid)
    assert where == where
    assert where.width == (601 if turned else 803)
    assert (pixels.float() - expected.float()).abs().mean() < 0.8
    assert (pixels.float() - expected.float()).abs().max() < 6
    with Image.open(tmp_path / "large.jpg") as lazy:  # not decoded yet, and somebody else's
        encoder.prepare(lazy)
        assert lazy.size == (803, 601)


def test_photos_up_to_twice_the_input_are_decoded_whole(tmp_path):
    encoder = load_encoder(EncoderConfig(backbone=SMALL_CONV, freeze="none"))
    encoder.config = replace(encoder.config, image_size=(64, 64))
    noise = np.random.default_rng(0).integers(0, 256, (255, 255, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    pixels, _ = encoder.prepare(tmp_path / "a.jpg")
    expected, _ = to_input(open_photo(tmp_path / "a.jpg"), (64, 64), "stretch", encoder.grid)
    assert torch.equal(pixels, expected)
