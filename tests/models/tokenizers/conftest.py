from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nltk.data
import pytest
import torch

from models.tokenizers import noun_phrases, part_of_speech, sentences

MIA = Path(__file__).parents[2] / "reference" / "mia" / "mia.pt"


@pytest.fixture(scope="session")
def mia() -> dict[str, Any]:
    """Inputs and outputs of MIA's own code, case by case."""
    cases: dict[str, Any] = torch.load(MIA, weights_only=True)["cases"]
    return cases


@pytest.fixture
def nltk_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder as the only place where NLTK finds data; nothing chosen before counts."""
    folder = tmp_path / "nltk_data"
    folder.mkdir(mode=0o700)
    monkeypatch.setattr(nltk.data, "path", [str(folder)])
    forget_choices()
    yield folder
    forget_choices()


def forget_choices() -> None:
    sentences.choose_sentence_splitter.cache_clear()
    part_of_speech.choose_tagger.cache_clear()
    part_of_speech._perceptron.cache_clear()
    noun_phrases.default_noun_phrases.cache_clear()
