"""The loop anybody would write first: open_clip in fp32, one folder, an exact FAISS index."""

from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

# isort: off
import models.encoders  # noqa: F401 - declares what open_clip's torchvision may lack
import open_clip
from open_clip.transform import image_transform
# isort: on

ARCHITECTURE = "ViT-B-16-quickgelu"
IMAGE_SIZE = (384, 128)
BATCH_SIZE = 32


class PlainLoop:
    """CLIP ViT-B/16 at 384x128 with random weights, used without any care for speed."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.model = open_clip.create_model(ARCHITECTURE, force_image_size=IMAGE_SIZE).eval()
        self._transform = image_transform(IMAGE_SIZE, is_train=False, resize_mode="squash")
        self._tokenizer = open_clip.get_tokenizer(ARCHITECTURE)

    @torch.inference_mode()
    def build(self, crops: Path) -> faiss.IndexFlatIP:
        """Encode every crop of a folder and put the rows into an exact index."""
        paths = sorted(crops.rglob("*.jpg"))
        rows = []
        for start in range(0, len(paths), BATCH_SIZE):
            batch = paths[start : start + BATCH_SIZE]
            images = torch.stack([self._transform(Image.open(path)) for path in batch])
            rows.append(self.model.encode_image(images, normalize=True).numpy())
        index = faiss.IndexFlatIP(rows[0].shape[1])
        index.add(np.concatenate(rows))
        return index

    @torch.inference_mode()
    def search(self, index: faiss.IndexFlatIP, text: str, limit: int) -> npt.NDArray[np.int64]:
        """Return the row numbers of the crops that fit a description best."""
        query = self.model.encode_text(self._tokenizer([text]), normalize=True).numpy()
        found: npt.NDArray[np.int64] = index.search(query, limit)[1][0]
        return found
