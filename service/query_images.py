"""A picture that somebody searches by: from its bytes to what an encoder takes."""

import hashlib

from indexer.decoding import decode_crop
from service.searcher import QueryImage


def read_query_image(content: bytes) -> QueryImage:
    """Return the upright RGB picture, read as the indexer reads crops, for the same vector.

    Its size is judged by its header, before any pixel is decoded: at most 40 megapixels.

    Raises:
        CropUnreadable: If the bytes are no image, or one that is too small, too large or broken.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    return QueryImage(decode_crop("image", content, sha256).image, sha256)
