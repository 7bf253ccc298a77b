from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from models.card import ImagePreprocessing
from models.images import preprocess
from models.layers.nafs_network import NafsNetwork, NafsSizes, network_shapes
from models.layers.staircase_resnet import StaircaseFeatures, StripeOrders
from models.nafs_checkpoints import IMAGE
from models.tokenizers.nafs_phrases import PieceRows
from tests.models.det_weights import sha16
from tests.models.filled_weights import worst
from tests.models.nafs.recorded_nafs import (
    SIZES,
    case,
    crop,
    fingerprint_error,
    layout,
    network_tensors,
    recording,
)

EQUAL = 1e-5
# Behind the norms of the heads, which divide by deviations down to 0.03 here, the recorded elements
# are themselves up to 1.2e-5 off their values in float64: vectors are as equal there as anything
# else, single elements nearly so.
EQUAL_ELEMENTS = 2e-5
POOLER = {
    "language_model.textExtractor.pooler.dense.weight",
    "language_model.textExtractor.pooler.dense.bias",
}


def require_equal_vectors(found: torch.Tensor, recorded: torch.Tensor) -> None:
    """Compare rows ``(..., d)``: each difference is small beside the recorded row's length."""
    lengths = torch.linalg.vector_norm(recorded, dim=-1)
    errors = torch.linalg.vector_norm(found - recorded, dim=-1) / lengths
    assert float(errors.max()) <= EQUAL
    assert worst(found, recorded) <= EQUAL_ELEMENTS


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    return case("forward_eval")


@pytest.fixture(scope="module")
def pixels(recorded: dict[str, Any]) -> torch.Tensor:
    scaled = recorded["pixels_uint8_NHWC"].permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in (IMAGE.mean, IMAGE.std))
    return torch.as_tensor((scaled - mean) / std)


@pytest.fixture(scope="module")
def features(network: NafsNetwork, pixels: torch.Tensor) -> StaircaseFeatures:
    with torch.inference_mode():
        found: StaircaseFeatures = network.image_model(pixels)
        return found


@pytest.fixture(scope="module")
def words(network: NafsNetwork, recorded: dict[str, Any]) -> torch.Tensor:
    with torch.inference_mode():
        return network.word_states(PieceRows(recorded["tokens"], recorded["mask"]))


@pytest.fixture(scope="module")
def phrases(network: NafsNetwork, recorded: dict[str, Any]) -> torch.Tensor:
    """First word states of the two phrases, padded no further than needed: (4, 2, 768)."""
    pieces = PieceRows(recorded["sep_tokens"], recorded["sep_mask"]).trimmed()
    with torch.inference_mode():
        return network.word_states(pieces)[:, 0].reshape(4, 2, -1)


def test_names_and_shapes_are_those_of_published_checkpoints_but_for_the_pooler() -> None:
    expected = layout()
    assert len(expected) == 647
    assert network_shapes(SIZES, 768) == {n: s for n, s in expected.items() if n not in POOLER}
    assert expected.keys() >= POOLER


def test_a_network_with_bert_base_has_the_published_number_of_weights() -> None:
    base = {
        "text_layers": 12, "text_inner_width": 3072, "text_positions": 512,
        "vocabulary_size": 30522,
    }  # fmt: skip
    shapes = network_shapes(NafsSizes.model_validate(SIZES.model_dump() | base), 768)
    assert len(shapes) + len(POOLER) == 807
    assert sum(torch.Size(s).numel() for n, s in shapes.items() if n.startswith("language")) == (
        109_482_240 - 768 * 769  # bert-base-uncased, without its pooler
    )


def test_the_stand_in_weights_are_the_recorded_ones() -> None:
    checksums = recording()["weights_sha256_16"]
    assert len(checksums) == 365
    tensors = network_tensors()
    assert {name: sha16(tensors[name].numpy()) for name in checksums} == checksums


def test_pixels_are_those_of_the_recording(pixels: torch.Tensor, recorded: dict[str, Any]) -> None:
    assert fingerprint_error(pixels, recorded["input_sample"]) <= 1e-6


def test_crops_of_any_size_and_grey_ones_become_the_recorded_tensors() -> None:
    data = case("data")
    pictures = list(data["raw_pixels"])
    for path in pictures:
        assert np.array_equal(np.asarray(crop(path)), data["raw_pixels"][path].numpy())
    assert data["raw_pixels"]["cam_a/0002_1.png"].ndim == 2  # the grey one
    found = preprocess([crop(path) for path in pictures], IMAGE)
    for tensor, recorded in zip(found, data["tensor_of_first4"], strict=True):
        assert fingerprint_error(tensor, recorded) <= 1e-6


def test_every_feature_map_is_the_recorded_one(
    network: NafsNetwork, pixels: torch.Tensor, recorded: dict[str, Any]
) -> None:
    found: dict[str, torch.Tensor] = {}

    def keep(name: str) -> Callable[[nn.Module, object, torch.Tensor], None]:
        def hook(_module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
            found[name] = output

        return hook

    hooks = [
        network.image_model.get_submodule(name).register_forward_hook(keep(name))
        for name in recorded["maps"]
    ]
    with torch.inference_mode():
        network.image_model(pixels)
    for hook in hooks:
        hook.remove()
    assert len(found) == 7
    errors = {n: fingerprint_error(found[n], value) for n, value in recorded["maps"].items()}
    assert max(errors.values()) <= EQUAL, errors


def test_pooled_features_are_the_recorded_ones(
    features: StaircaseFeatures, recorded: dict[str, Any]
) -> None:
    assert worst(features.whole, recorded["b1"][:, :, 0, 0]) <= EQUAL
    assert worst(features.patches, recorded["patch_parts"]) <= EQUAL
    assert worst(features.regions, recorded["region_parts"]) <= EQUAL


@torch.inference_mode()
def test_shuffled_stripes_give_the_recorded_features(
    network: NafsNetwork,
    pixels: torch.Tensor,
    features: StaircaseFeatures,
    recorded: dict[str, Any],
) -> None:
    shuffled = network.image_model(pixels, StripeOrders((2, 0, 1), (1, 0)))
    assert worst(shuffled.patches, recorded["patch_parts_shuffled_201"]) <= EQUAL
    assert worst(shuffled.regions, recorded["region_parts_shuffled_10"]) <= EQUAL
    assert worst(shuffled.patches, features.patches) > 1e-3  # borders were seen differently
    assert torch.equal(shuffled.whole, features.whole)
    same = network.image_model(pixels, StripeOrders((0, 1, 2), (0, 1)))
    assert torch.equal(same.patches, features.patches)


@torch.inference_mode()
def test_the_trunk_alone_gives_the_feature_of_the_whole_crop(
    network: NafsNetwork, pixels: torch.Tensor, features: StaircaseFeatures
) -> None:
    assert torch.equal(network.image_model.whole(pixels), features.whole)


@torch.inference_mode()
def test_rows_that_stripes_do_not_share_evenly_go_to_the_last(network: NafsNetwork) -> None:
    draw = torch.Generator().manual_seed(0)
    pixels = torch.randn(1, 3, 112, 32, generator=draw)  # maps of 14 and 7 rows
    found: list[torch.Tensor] = []
    hook = network.image_model.branch3_layer4.register_forward_hook(
        lambda _module, _inputs, output: found.append(output)
    )
    regions = network.image_model(pixels).regions
    hook.remove()
    assert found[0].shape[2] == 7
    assert torch.allclose(regions[:, 0], found[0][:, :, :3].mean((2, 3)))
    assert torch.allclose(regions[:, 1], found[0][:, :, 3:].mean((2, 3)))


@torch.inference_mode()
def test_image_heads_give_the_recorded_features(
    network: NafsNetwork, features: StaircaseFeatures, recorded: dict[str, Any]
) -> None:
    outputs = network.image_outputs(features)
    require_equal_vectors(outputs.whole, recorded["global_img_feat"])
    require_equal_vectors(outputs.queries, recorded["local_img_query"])
    require_equal_vectors(outputs.values, recorded["local_img_value"])


@torch.inference_mode()
def test_image_heads_are_the_recorded_ones_on_recorded_features(
    network: NafsNetwork, recorded: dict[str, Any]
) -> None:
    given = StaircaseFeatures(
        recorded["b1"][:, :, 0, 0], recorded["patch_parts"], recorded["region_parts"]
    )
    outputs = network.image_outputs(given)
    require_equal_vectors(outputs.whole, recorded["global_img_feat"])
    assert worst(outputs.queries, recorded["local_img_query"]) <= EQUAL
    assert worst(outputs.values, recorded["local_img_value"]) <= EQUAL


def test_word_states_are_the_recorded_ones(
    words: torch.Tensor, phrases: torch.Tensor, recorded: dict[str, Any]
) -> None:
    positions = recorded["bert_full_sampled_positions"]
    assert positions[-1] == 99  # padding has word states too
    assert worst(words[:, positions], recorded["bert_full"]) <= EQUAL
    assert worst(phrases.reshape(8, -1), recorded["bert_sep_cls"]) <= EQUAL


@torch.inference_mode()
def test_text_heads_give_the_recorded_features(
    network: NafsNetwork, words: torch.Tensor, phrases: torch.Tensor, recorded: dict[str, Any]
) -> None:
    outputs = network.text_outputs(words, phrases)
    require_equal_vectors(outputs.whole, recorded["global_text_feat"])
    for found, name in ((outputs.keys, "key"), (outputs.values, "value")):
        require_equal_vectors(found[[0, 2]], recorded[f"local_text_{name}_rows0_2"])
        assert fingerprint_error(found, recorded[f"local_text_{name}_sample"]) <= EQUAL


@torch.inference_mode()
def test_padding_belongs_to_what_the_norms_of_keys_see(
    network: NafsNetwork, words: torch.Tensor, phrases: torch.Tensor
) -> None:
    without = words.clone()
    without[:, 24:] = 0
    changed = network.text_outputs(without, phrases).keys[:, :20]
    assert worst(changed, network.text_outputs(words, phrases).keys[:, :20]) > 0.01


def test_images_are_read_as_the_authors_do() -> None:
    assert (
        ImagePreprocessing(
            height=384,
            width=128,
            mean=(0.485, 0.456, 0.406),
            std=(0.229, 0.224, 0.225),
            interpolation="bilinear",
        )
        == IMAGE
    )
