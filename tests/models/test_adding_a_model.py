import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import models.encoders
from models import loading
from models.contracts import PersonEncoder
from models.encoders.clip_global import ClipGlobalEncoder
from models.loading import load_encoder, read_model
from models.state_dicts import write_converted
from models.stored_model import PublishedModel
from tests.models.filled_weights import IRRA

CROP = Image.fromarray(np.random.default_rng(3).integers(0, 256, (64, 32, 3), np.uint8))


NEW_MODEL = """
from pathlib import Path

import numpy as np

from models.card import ImagePreprocessing, ModelCard
from models.contracts import TextReading
from models.stored_model import PublishedModel

SCHEME = "constant"


class Constant:
    part_scorer = None
    precision = "fp32"

    def __init__(self, card):
        self.card = card

    def encode_images(self, images):
        return np.ones((len(images), 1), np.float32)

    encode_texts = encode_images

    def read_text(self, text):
        return TextReading((), None, None, None)


def assemble(model, *, device, precision):
    return Constant(model.card)


def recognises(shapes):
    return "constant" in shapes


def understand(checkpoint):
    card = ModelCard(
        name=f"constant {checkpoint.path.stem}",
        architecture="zz_constant",
        method="none",
        embedding_width=1,
        image=ImagePreprocessing(height=8, width=8, mean=(0, 0, 0), std=(1, 1, 1)),
        sizes={},
        weights_sha256=checkpoint.sha256,
    )
    return PublishedModel(
        card, checkpoint.tensors, {}, checkpoint.path,
        layout="a constant", classes=None, training_only=(),
    )


def understand_name(name):
    from models.state_dicts import read_checkpoint

    return understand(read_checkpoint(Path(name)))
"""


def test_a_new_model_needs_one_file_and_no_edit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "encoders"
    shutil.copytree(Path(loading.__file__).parent / "encoders", folder)
    (folder / "zz_constant.py").write_text(NEW_MODEL)
    monkeypatch.setattr(loading, "_ENCODERS", folder)
    monkeypatch.setattr(models.encoders, "__path__", [*models.encoders.__path__, str(folder)])
    checkpoint = tmp_path / "seven.pth"
    torch.save({"constant": torch.ones(1)}, checkpoint)
    published = read_model(checkpoint)
    assert isinstance(published, PublishedModel)
    write_converted(tmp_path / "converted", published)
    for source in (checkpoint, f"constant:{checkpoint}", tmp_path / "converted"):
        encoder = load_encoder(source)
        assert isinstance(encoder, PersonEncoder)
        assert (encoder.card.architecture, encoder.card.name) == ("zz_constant", "constant seven")
        assert encoder.encode_images([CROP, CROP]).tolist() == [[1], [1]]
    assert isinstance(load_encoder(IRRA / "best.pth", device="cpu"), ClipGlobalEncoder)
    sys.modules.pop("models.encoders.zz_constant")
