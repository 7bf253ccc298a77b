"""Crops of a data set, opened one at a time."""

from pathlib import Path

from PIL import Image

from models.errors import CropUnreadable
from models.upright_images import upright_rgb


def open_image(path: Path) -> Image.Image:
    """Return the upright RGB image of a crop, as the indexer sees it.

    Raises:
        CropUnreadable: If the file is missing, empty, broken or no image.
    """
    try:
        with Image.open(path) as image:
            return upright_rgb(image)
    except (
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise CropUnreadable(
            f"crop {path} cannot be read: {error}. Put the file back, or take it out of the data"
        ) from error
