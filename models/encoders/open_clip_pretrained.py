"""Any pretrained model of open_clip, by its name: ``open_clip:ARCH/TAG``.

Source: open_clip, https://github.com/mlfoundations/open_clip, with each model's own image size,
normalisation and tokenizer. Departs from it in one place: a crop is resized to the model's size
as a whole, because cutting a square out of it would lose head and feet.
"""

import difflib
import pickle
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch
from huggingface_hub import hf_hub_url, try_to_load_from_cache
from open_clip import create_model, get_model_config, get_tokenizer, list_models
from open_clip.constants import (
    HF_SAFE_WEIGHTS_NAME,
    HF_WEIGHTS_NAME,
    OPENAI_DATASET_MEAN,
    OPENAI_DATASET_STD,
)
from open_clip.pretrained import (
    download_pretrained,
    get_pretrained_cfg,
    list_pretrained_tags_by_model,
)
from open_clip.tokenizer import SimpleTokenizer
from PIL import Image
from pydantic import JsonValue

from models.card import ImagePreprocessing, ModelCard, file_sha256
from models.contracts import Float32Array, NumberFormat, TextReading
from models.devices import choose_device, choose_dtype, number_format
from models.errors import (
    CheckpointMismatch,
    CheckpointUnreadable,
    ModelNotFound,
)
from models.images import preprocess
from models.schema import Schema
from models.state_dicts import require_fit
from models.stored_model import PublishedModel, StoredModel
from models.tokenizers.clip_bpe import ClipBpe
from models.tokenizers.whole_words import whole_words
from models.unit_rows import unit_rows

SCHEME = "open_clip"

_REACH_TIMEOUT_S = 5.0
_PRECISIONS = {torch.float32: "fp32", torch.bfloat16: "bf16"}


class OpenClipSizes(Schema):
    """Which of open_clip's configurations a model is; they hold the dimensions."""

    configuration: str
    quick_gelu: bool


class OpenClipModel(Protocol):
    """What is used of open_clip's model classes."""

    def encode_image(self, image: torch.Tensor) -> torch.Tensor:
        """Map normalised pixels ``(n, 3, h, w)`` to ``(n, d)``."""
        ...

    def encode_text(self, text: torch.Tensor) -> torch.Tensor:
        """Map word numbers ``(n, t)`` to ``(n, d)``."""
        ...

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the weights by name."""
        ...


class _Tokenizer:
    """The tokenizer of a configuration; a special word in a user's text is ordinary in CLIP's."""

    def __init__(self, configuration: str) -> None:
        self._tokenizer = get_tokenizer(configuration)
        self._bpe: ClipBpe | None = None
        if isinstance(self._tokenizer, SimpleTokenizer):
            self._bpe = ClipBpe(self._tokenizer.context_length)

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        """Return word numbers ``(n, t)``."""
        if self._bpe is not None:
            return self._bpe.tokenize(texts, honour_special=False)
        return torch.as_tensor(self._tokenizer(list(texts)))

    def read(self, text: str) -> TextReading:
        """Return how much of a text is read; tokenizers other than CLIP's do not tell."""
        if self._bpe is None:
            return TextReading(whole_words(text), None, None, None)
        tokens = len(self._bpe.encode(text, honour_special=False))
        return TextReading(whole_words(text), None, tokens, self._bpe.limit)


class OpenClipEncoder:
    """Encodes crops and descriptions with a model that open_clip built."""

    def __init__(
        self, card: ModelCard, model: OpenClipModel, *, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._card = card
        self._precision = number_format(dtype)
        self._model = model
        self._tokenizer = _Tokenizer(OpenClipSizes.model_validate(card.sizes).configuration)
        self._device = device
        self._dtype = dtype

    @property
    def card(self) -> ModelCard:
        """What the weights are."""
        return self._card

    @property
    def precision(self) -> NumberFormat:
        """The numbers the networks multiply."""
        return self._precision

    @property
    def part_scorer(self) -> None:
        """It ranks by one vector alone."""
        return None

    def encode_images(self, images: Sequence[Image.Image]) -> Float32Array:
        """Return one unit row per crop: float32 ``(n, d)``."""
        return unit_rows(images, self._image_features, self._card.embedding_width)

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        """Return one unit row per description: float32 ``(n, d)``."""
        return unit_rows(texts, self._text_features, self._card.embedding_width)

    def read_text(self, text: str) -> TextReading:
        """Return how much of a description is read; CLIP cannot tell which words it learned."""
        return self._tokenizer.read(text)

    def _image_features(self, images: Sequence[Image.Image]) -> torch.Tensor:
        pixels = preprocess(images, self._card.image).to(self._device, self._dtype)
        return self._model.encode_image(pixels)

    def _text_features(self, texts: Sequence[str]) -> torch.Tensor:
        return self._model.encode_text(self._tokenizer(texts).to(self._device))


def assemble(model: StoredModel, *, device: str, precision: str) -> OpenClipEncoder:
    """Make an encoder of stored weights.

    Raises:
        CheckpointUnreadable: If the card's sizes make no model.
        CheckpointMismatch: If the tensors do not fit the card.
        ConfigurationInvalid: If the device or the precision is unknown or not there.
    """
    chosen = choose_device(device)
    dtype = choose_dtype(precision, chosen)
    card = model.card
    sizes = model.sizes(OpenClipSizes)
    if sizes.configuration not in list_models():
        raise CheckpointMismatch(_unknown_architecture(sizes.configuration))
    network = create_model(
        sizes.configuration,
        load_weights=False,
        pretrained_text=False,
        precision=_PRECISIONS[dtype],
        device=chosen,
        force_quick_gelu=sizes.quick_gelu,
    )
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    require_fit(model.shapes, expected, model.source)
    network.load_state_dict(model.tensors)
    return OpenClipEncoder(card, network.eval(), device=chosen, dtype=dtype)


def understand_name(name: str) -> PublishedModel:
    """Read ``ARCH/TAG``, from open_clip's cache or over the network.

    Raises:
        ModelNotFound: If the name is unknown, or the weights are neither cached nor in reach.
        CheckpointUnreadable: If the downloaded weights cannot be read into the model.
    """
    architecture, tag = _known(name)
    settings: dict[str, JsonValue] = get_pretrained_cfg(architecture, tag)
    weights = _weights_file(f"{architecture}/{tag}", settings)
    quick_gelu = bool(settings.get("quick_gelu", False))
    try:
        network = create_model(
            architecture, pretrained=str(weights), device="cpu", force_quick_gelu=quick_gelu
        )
    except (OSError, RuntimeError, ValueError, LookupError, pickle.UnpicklingError) as error:
        raise CheckpointUnreadable(
            f"open_clip could not read the weights of {architecture}/{tag} in {weights}: {error}. "
            "Delete that file, so that it is downloaded again."
        ) from error
    card = ModelCard(
        name=f"open_clip {architecture}/{tag}",
        architecture="open_clip_pretrained",
        method="CLIP",
        embedding_width=get_model_config(architecture)["embed_dim"],
        image=_image(network.visual.image_size, settings),
        sizes=OpenClipSizes(configuration=architecture, quick_gelu=quick_gelu).model_dump(),
        weights_sha256=file_sha256(weights),
        provenance={
            "file": weights.name,
            "layout": f"open_clip, pretrained tag {tag}",
            "image size": "that of the pretrained model; a crop is resized to it as a whole",
        },
    )
    tensors: dict[str, torch.Tensor] = network.state_dict()
    return PublishedModel(
        card, tensors, {}, weights, layout=f"open_clip, {tag}", classes=None, training_only=()
    )


def _known(name: str) -> tuple[str, str]:
    architecture, slash, tag = name.rpartition("/")
    architecture = architecture.replace("/", "-")  # as in ViT-B/32
    if not slash or not tag or not architecture:
        raise ModelNotFound(
            f"open_clip:{name} names no model: write open_clip:ARCH/TAG, "
            "as in open_clip:ViT-B-16/laion2b_s34b_b88k"
        )
    if architecture not in list_models():
        raise ModelNotFound(_unknown_architecture(architecture))
    if not get_pretrained_cfg(architecture, tag):
        tags = ", ".join(list_pretrained_tags_by_model(architecture))
        raise ModelNotFound(
            f"open_clip has no weights {tag!r} of {architecture}: "
            + (f"it has {tags}" if tags else "it has none; name another architecture")
        )
    return architecture, tag


def _unknown_architecture(architecture: str) -> str:
    known: list[str] = list_models()
    near = difflib.get_close_matches(architecture, known, n=5, cutoff=0.3) or known[:5]
    return (
        f"open_clip has no architecture {architecture!r}: the nearest of its {len(known)} are "
        f"{', '.join(near)}"
    )


def _weights_file(name: str, settings: Mapping[str, JsonValue]) -> Path:
    hub = str(settings.get("hf_hub", ""))
    repository, _, file = hub.rpartition("/")
    if hub:
        files = [file] if file else [HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME]
        for cached in (try_to_load_from_cache(repository, file) for file in files):
            if isinstance(cached, str):
                return Path(cached)
        address = hf_hub_url(repository, files[-1])
    else:
        address = str(settings.get("url", ""))
    # The hub's client repeats a failing request for most of a minute, and twice: ask once first.
    failure = _reach(address)
    if failure is not None:
        raise ModelNotFound(
            f"the weights of open_clip:{name} are not on this machine and {address} cannot be "
            f"reached ({failure}). Connect to the network once to download them, set HTTPS_PROXY "
            "if there is a proxy, or name a model that is a file here."
        )
    try:
        return Path(str(download_pretrained(dict(settings))))
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelNotFound(
            f"the weights of open_clip:{name} could not be downloaded from {address}: {error}. "
            "Try again, or name another model."
        ) from error


def _reach(address: str) -> str | None:
    """Return why nobody answers at an address, or None if somebody does."""
    request = urllib.request.Request(address, method="HEAD")  # noqa: S310 - open_clip's own table
    try:
        with urllib.request.urlopen(request, timeout=_REACH_TIMEOUT_S):  # noqa: S310
            return None
    except urllib.error.HTTPError:
        return None  # an answer; the download knows better what it means
    except OSError as error:
        return str(error)


def _image(size: int | tuple[int, int], settings: Mapping[str, JsonValue]) -> ImagePreprocessing:
    height, width = (size, size) if isinstance(size, int) else size
    return ImagePreprocessing.model_validate(
        {
            "height": height,
            "width": width,
            "mean": settings.get("mean", OPENAI_DATASET_MEAN),
            "std": settings.get("std", OPENAI_DATASET_STD),
            "interpolation": settings.get("interpolation", "bicubic"),
        }
    )
