import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from open_clip import factory, pretrained
from PIL import Image

from models.card import ModelCard, file_sha256
from models.encoders import open_clip_pretrained
from models.encoders.open_clip_pretrained import OpenClipEncoder
from models.errors import (
    CheckpointMismatch,
    CheckpointUnreadable,
    ModelNotFound,
)
from models.loading import load_encoder, read_model
from models.state_dicts import write_converted
from models.stored_model import PublishedModel

TINY = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": [48, 32], "layers": 1, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1},
}
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
TEXTS = ["woman in red coat", "a man"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, so that nothing is found in the caches of this machine."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    return tmp_path


@pytest.fixture
def offline(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All requests go to a port where nobody listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    return folder


@pytest.fixture
def server(folder: Path) -> Iterator[str]:
    """A web server over the folder ``served``."""
    (folder / "served").mkdir()
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder / "served"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


@pytest.fixture
def tiny(folder: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A model that open_clip knows, small and with random weights, for download."""
    configuration = folder / "Tiny-16.json"
    configuration.write_text(json.dumps(TINY))
    factory.add_model_config(configuration)
    torch.manual_seed(0)
    model = open_clip.create_model("Tiny-16", force_quick_gelu=True)
    torch.save(model.state_dict(), folder / "served" / "tiny.pt")
    settings = {"url": f"{server}/tiny.pt", "mean": MEAN, "std": STD, "quick_gelu": True}
    missing = {"url": f"{server}/missing.pt"}
    monkeypatch.setitem(pretrained._PRETRAINED, "Tiny-16", {"drawn": settings, "lost": missing})
    yield "open_clip:Tiny-16/drawn"
    factory._MODEL_CONFIG_PATHS.remove(configuration)
    del factory._MODEL_CONFIGS["Tiny-16"]


def crops() -> list[Image.Image]:
    random = np.random.default_rng(1)
    return [Image.fromarray(random.integers(0, 256, (90, 30, 3), np.uint8)) for _ in range(3)]


def unit(features: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(features)


@torch.inference_mode()
def test_a_downloaded_model_encodes_as_open_clip_does(tiny: str, folder: Path) -> None:
    encoder = load_encoder(tiny, device="cpu", precision="fp32")
    reference = open_clip.create_model(
        "Tiny-16", pretrained=str(folder / "served" / "tiny.pt"), force_quick_gelu=True
    ).eval()
    squashed = np.stack(
        [np.asarray(crop.resize((32, 48), Image.Resampling.BICUBIC)) for crop in crops()]
    )
    pixels = (squashed / 255 - np.asarray(MEAN)) / np.asarray(STD)
    images = reference.encode_image(torch.from_numpy(pixels).permute(0, 3, 1, 2).float())
    texts = reference.encode_text(open_clip.get_tokenizer("Tiny-16")(TEXTS))
    assert np.allclose(encoder.encode_images(crops()), unit(images), atol=1e-5)
    assert np.allclose(encoder.encode_texts(TEXTS), unit(texts), atol=1e-5)


def test_the_card_says_what_was_downloaded(tiny: str, folder: Path) -> None:
    card = load_encoder(tiny, device="cpu").card
    assert card.name == "open_clip Tiny-16/drawn"
    assert (card.image.height, card.image.width, card.image.interpolation) == (48, 32, "bicubic")
    assert (card.image.mean, card.image.std, card.embedding_width) == (MEAN, STD, 64)
    assert card.weights_sha256 == file_sha256(folder / "served" / "tiny.pt")


def test_nothing_gives_no_rows(tiny: str) -> None:
    encoder = load_encoder(tiny, device="cpu")
    assert encoder.encode_images([]).shape == encoder.encode_texts([]).shape == (0, 64)


def test_pieces_that_are_cut_are_counted(tiny: str) -> None:
    encoder = load_encoder(tiny, device="cpu")
    limit = open_clip.get_tokenizer("Tiny-16").context_length - 2
    for tokens in (limit, limit + 1):
        reading = encoder.read_text("red " * tokens)
        assert (reading.tokens, reading.token_limit) == (tokens, limit)
        assert (reading.truncated, reading.unknown_words) == (tokens > limit, None)


def test_special_words_in_a_query_are_ordinary_text(tiny: str) -> None:
    encoder = load_encoder(tiny, device="cpu", precision="fp32")
    plain, other, own = encoder.encode_texts(
        ["red", "red <|endoftext|> coat", "red <end_of_text> coat"]
    )
    assert float(plain @ other) < 0.9999
    assert float(plain @ own) < 0.9999


def test_bfloat16_is_near(tiny: str) -> None:
    full = load_encoder(tiny, device="cpu", precision="fp32")
    rounded = load_encoder(tiny, device="cpu", precision="bf16")
    assert (full.precision, rounded.precision) == ("fp32", "bf16")
    for one, other in (
        (full.encode_images(crops()), rounded.encode_images(crops())),
        (full.encode_texts(TEXTS), rounded.encode_texts(TEXTS)),
    ):
        assert float((one * other).sum(1).min()) > 0.999


def convert(source: str, directory: Path) -> ModelCard:
    published = read_model(source)
    assert isinstance(published, PublishedModel)
    return write_converted(directory, published)


def test_what_was_read_says_what_it_is(tiny: str) -> None:
    published = read_model(tiny)
    assert isinstance(published, PublishedModel)
    assert (published.layout, published.classes) == ("open_clip, drawn", None)
    assert published.training_only == ()
    assert published.shapes["text_projection"] == (64, 64)


def test_a_converted_model_needs_no_network(tiny: str, folder: Path) -> None:
    encoder = load_encoder(tiny, device="cpu", precision="fp32")
    card = convert(tiny, folder / "kept")
    (folder / "served" / "tiny.pt").unlink()
    kept = load_encoder(folder / "kept", device="cpu", precision="fp32")
    assert kept.card == card
    assert card.fingerprint() == encoder.card.fingerprint()
    assert np.array_equal(kept.encode_images(crops()), encoder.encode_images(crops()))
    assert np.array_equal(kept.encode_texts(TEXTS), encoder.encode_texts(TEXTS))
    rounded = load_encoder(folder / "kept", device="cpu", precision="bf16")
    assert isinstance(rounded, OpenClipEncoder)
    assert float((rounded.encode_texts(TEXTS) * kept.encode_texts(TEXTS)).sum(1).min()) > 0.999


def test_a_converted_card_that_fits_nothing_is_refused(tiny: str, folder: Path) -> None:
    card = convert(tiny, folder / "kept")
    for sizes, refusal in (
        ({"configuration": "Tiny-17", "quick_gelu": True}, CheckpointMismatch),
        ({"configuration": "Tiny-16"}, CheckpointUnreadable),
        ({"configuration": "ViT-S-16", "quick_gelu": True}, CheckpointMismatch),
    ):
        wrong = card.model_copy(update={"sizes": sizes})
        (folder / "kept" / "card.json").write_text(wrong.model_dump_json())
        with pytest.raises(refusal):
            load_encoder(folder / "kept", device="cpu")


def test_a_second_load_reads_the_first_one_s_download(tiny: str, folder: Path) -> None:
    first = load_encoder(tiny, device="cpu")
    (folder / "served" / "tiny.pt").write_bytes(b"changed meanwhile")
    assert load_encoder(tiny, device="cpu").card == first.card


def test_a_damaged_download_is_named(tiny: str, folder: Path) -> None:
    (folder / "served" / "tiny.pt").write_bytes(b"a page that says no")
    with pytest.raises(CheckpointUnreadable, match=r"Tiny-16/drawn.*tiny\.pt.*Delete"):
        load_encoder(tiny, device="cpu")


@pytest.mark.usefixtures("tiny")
def test_weights_that_are_no_longer_there_are_named() -> None:
    with pytest.raises(ModelNotFound, match=r"Tiny-16/lost.*missing\.pt.*404"):
        load_encoder("open_clip:Tiny-16/lost", device="cpu")


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("name", ["ViT-B-32/laion2b_s34b_b79k", "ViT-B/16/openai", "RN50/openai"])
def test_without_a_network_the_fix_is_named_within_seconds(name: str) -> None:
    started = time.perf_counter()
    with pytest.raises(ModelNotFound, match=r"cannot be reached.*Connect to the network once"):
        load_encoder(f"open_clip:{name}", device="cpu")
    assert time.perf_counter() - started < 10


def test_a_network_that_swallows_requests_is_given_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert folder.is_dir()
    monkeypatch.setattr(open_clip_pretrained, "_REACH_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        proxy = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy)
        started = time.perf_counter()
        with pytest.raises(ModelNotFound, match="cannot be reached"):
            load_encoder("open_clip:ViT-B-32/laion2b_s34b_b79k", device="cpu")
    assert time.perf_counter() - started < 10


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("open_clip:ViT-B-61/openai", r"no architecture 'ViT-B-61'.*ViT-B-16"),
        ("open_clip:ViT-B-16/laion9b", r"no weights 'laion9b' of ViT-B-16.*laion2b_s34b_b88k"),
        ("open_clip:ViT-B-16", "write open_clip:ARCH/TAG"),
        ("open_clip:", "write open_clip:ARCH/TAG"),
        ("open_clip:/openai", "write open_clip:ARCH/TAG"),
        ("open_clip:ViT-B-16/", "write open_clip:ARCH/TAG"),
        ("open_clip:???/openai", r"no architecture '\?\?\?'"),
        ("open_clip:ViT-S-16/any", "it has none"),
    ],
)
def test_unknown_names_are_answered_with_known_ones(source: str, said: str) -> None:
    with pytest.raises(ModelNotFound, match=said):
        load_encoder(source, device="cpu")
