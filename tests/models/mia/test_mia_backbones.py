import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from models.images import preprocess
from models.layers.mia_backbones import (
    CAPTION_LENGTH,
    MAX_PHRASES,
    PHRASE_LENGTH,
    ImageTower,
    MiaNetwork,
    MiaSizes,
    build_network,
    network_shapes,
    place,
)
from tests.models.det_weights import sha16
from tests.models.mia.recorded_mia import (
    WIDTH,
    build,
    encoder_of,
    networks,
    recording,
    sizes,
    worst,
)

CASE = recording()["cases"]["forward_eval"]
CPU = torch.device("cpu")


def pixels(network: MiaNetwork) -> torch.Tensor:
    """The three recorded crops: (3, 3, 384, 128)."""
    stored = CASE["pixels_uint8_NHWC"].numpy()
    recipe = encoder_of(network).card.image
    return preprocess([Image.fromarray(crop) for crop in stored], recipe)


def test_names_and_shapes_are_those_of_the_published_layout() -> None:
    layout = recording()["checkpoint_layout"]
    expected = dict(layout["model"])
    for module in ("rga_img_mlp", "rga_cap_mlp"):
        expected |= {f"{module}.{name}": shape for name, shape in layout[module].items()}
    assert network_shapes(sizes(), WIDTH) == expected


def test_every_weight_has_the_recorded_checksum(network: MiaNetwork) -> None:
    state = {f"model.{name}": tensor for name, tensor in network.state_dict().items()}
    for module in ("rga_img_mlp", "rga_cap_mlp"):
        for name in networks()[module]:
            state[f"{module}.{name}"] = state.pop(f"model.{module}.{name}")
    state |= {f"id_cls.{name}": tensor for name, tensor in networks()["id_cls"].items()}
    recorded = recording()["weights_sha256_16"]
    assert len(recorded) == 186
    assert {name: sha16(state[name].numpy()) for name in recorded} == recorded
    statistics = recording()["bn_buffers"]
    assert all(torch.equal(state[name], statistics[name]) for name in statistics)
    rest = state.keys() - recorded.keys() - statistics.keys()
    assert {name.rpartition(".")[2] for name in rest} == {"num_batches_tracked"}


@torch.inference_mode()
def test_crops_have_the_recorded_features(network: MiaNetwork) -> None:
    given = pixels(network)
    sample = CASE["input_sample"]
    assert torch.equal(given.flatten()[sample["idx"]], sample["val"])
    tower = network.img_backbone
    maps = tower.feature_maps(given)
    assert tuple(maps.shape) == CASE["layer4_shape"]
    sample = CASE["layer4_map_sample"]
    assert worst(maps.contiguous().flatten()[sample["idx"]], sample["val"]) <= 1e-5
    assert worst(tower.global_features(maps), CASE["img_global"]) <= 1e-5
    stripes = tower.stripes(maps)
    assert worst(stripes, CASE["img_regional_before_mlp"]) <= 1e-5
    assert worst(network.rga_img_mlp(stripes), CASE["img_regional_after_rga_img_mlp"]) <= 1e-5


@torch.inference_mode()
def test_captions_and_phrases_have_the_recorded_features(network: MiaNetwork) -> None:
    tower = network.cap_backbone
    assert CASE["cap_tokens"].shape[1] == CAPTION_LENGTH
    assert CASE["np_tokens"].shape[1:] == (MAX_PHRASES, PHRASE_LENGTH)
    assert worst(tower.caption_features(CASE["cap_tokens"]), CASE["cap_sent"]) <= 1e-5
    phrases = tower.phrase_features(CASE["np_tokens"].flatten(0, 1))
    assert worst(phrases, CASE["np_embed_np_fc"]) <= 1e-5
    mapped = network.rga_cap_mlp(phrases).view(4, MAX_PHRASES, WIDTH)
    assert worst(mapped, CASE["np_after_rga_cap_mlp"]) <= 1e-5


@torch.inference_mode()
def test_the_filling_of_a_caption_counts(network: MiaNetwork) -> None:
    """The recurrence reads it: a caption filled to 40 words is another vector."""
    shorter = network.cap_backbone.caption_features(CASE["cap_tokens"][1:2, :40])
    assert float((shorter - CASE["cap_sent"][1:2]).abs().max()) > 1e-3


@pytest.mark.parametrize(
    ("num_cut", "shape"), recording()["cases"]["stripe_count_by_num_cut_at_H12"].items()
)
def test_crops_are_cut_into_the_recorded_number_of_stripes(
    num_cut: int, shape: tuple[int, ...]
) -> None:
    """Not always ``num_cut``: 5 makes 6 of them, 7 makes 12."""
    with torch.device("meta"):
        stripes = ImageTower(sizes(2, num_cut), WIDTH).stripes(torch.zeros(1, 2048, 12, 4))
    assert tuple(stripes.shape) == shape
    assert sizes(2, num_cut).stripe_count(384) == shape[1]


@pytest.mark.parametrize(("height", "rows"), [(384, 12), (385, 13), (353, 12), (352, 11), (31, 1)])
def test_stripes_are_counted_as_the_feature_map_has_rows(height: int, rows: int) -> None:
    with torch.device("meta"):
        tower = ImageTower(sizes(2, 5), WIDTH).eval()
        maps = tower.feature_maps(torch.zeros(1, 3, height, 64))
    assert maps.shape[2] == rows
    assert sizes(2, 5).stripe_count(height) == tower.stripes(maps).shape[1]


@torch.inference_mode()
def test_a_stripe_is_the_mean_of_its_rows_after_the_convolution(network: MiaNetwork) -> None:
    """Against the order of the authors' code: first the convolution, then the mean."""
    tower = network.img_backbone
    maps = torch.randn(2, 2048, 12, 4, generator=torch.Generator().manual_seed(0))
    weight, bias = (tensor.double() for tensor in tower.conv_regional.state_dict().values())
    regional = torch.einsum("nchw,dc->ndhw", maps.double(), weight[:, :, 0, 0])
    regional += bias.view(1, -1, 1, 1)
    stripes = tower.stripes(maps)
    for p in range(6):
        expected = regional[:, :, 2 * p : 2 * p + 2].mean((2, 3)).float()
        assert worst(stripes[:, p], expected) <= 1e-5


@torch.inference_mode()
def test_bfloat16_is_near_and_touches_convolutions_alone(network: MiaNetwork) -> None:
    reduced = place(build(), CPU, torch.bfloat16)
    types = {name: tensor.dtype for name, tensor in reduced.state_dict().items()}
    rounded = {name for name, dtype in types.items() if dtype is torch.bfloat16}
    assert len(rounded) == 53  # what gives ResNet-50 its name, and its four shortcuts, less fc
    assert all("conv" in name or "downsample.0" in name for name in rounded)
    given = pixels(network)
    found = reduced.img_backbone.feature_maps(given)
    assert found.dtype is torch.float32
    rows = reduced.img_backbone.global_features(found)
    assert float(torch.cosine_similarity(rows, CASE["img_global"]).min()) > 0.999
    stripes = reduced.img_backbone.stripes(found)
    similar = torch.cosine_similarity(stripes, CASE["img_regional_before_mlp"], dim=-1)
    assert float(similar.min()) > 0.999


def test_weights_stored_in_half_precision_are_computed_in_full() -> None:
    stored = build().state_dict()
    halved = {n: t.half() if t.is_floating_point() else t for n, t in stored.items()}
    state = build_network(sizes(), WIDTH, halved).state_dict()
    assert {tensor.dtype for tensor in state.values()} == {torch.float32, torch.int64}
    name = "cap_backbone.rnn.weight_hh_l0_reverse"
    assert np.array_equal(state[name].numpy(), halved[name].float().numpy())


@pytest.mark.parametrize(("granularities", "num_cut"), [(1, 6), (2, 1), (3, 1), (4, 6), (2, 0)])
def test_sizes_that_contradict_each_other_are_refused(granularities: int, num_cut: int) -> None:
    stated = sizes().model_dump() | {"granularities": granularities, "num_cut": num_cut}
    with pytest.raises(ValidationError):
        MiaSizes.model_validate(stated)
