from pathlib import Path

import numpy as np
import pytest

from models.errors import ConfigurationInvalid
from models.tokenizers.bert_wordpiece import WordPieces
from training.captioning import CaptionSet
from training.compact.corpus import group_by_person, piece_captions


def test_crops_are_grouped_by_person_in_whatever_order_they_come() -> None:
    assert group_by_person([7, 3, 7, 3]).tolist() == [[1, 3], [0, 2]]


def test_people_with_unequal_numbers_of_crops_are_refused() -> None:
    with pytest.raises(ConfigurationInvalid, match="1 to 2 crops"):
        group_by_person([1, 1, 2])


def test_captions_become_padded_piece_numbers(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nred\nblue\ncoat\n", encoding="utf-8")
    captions = CaptionSet([["red coat", "blue"], ["coat", "a"]], np.zeros((2, 2, 3), np.int32))
    pieced = piece_captions(captions, WordPieces(path, 6), 6)
    assert pieced.ids.tolist() == [
        [[2, 5, 7, 3, 0, 0], [2, 6, 3, 0, 0, 0]],
        [[2, 7, 3, 0, 0, 0], [2, 1, 3, 0, 0, 0]],
    ]
