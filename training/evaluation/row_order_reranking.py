"""What the published code of NAFS computes as re-ranking; its result depends on row order.

For parity with published figures only: nothing that answers a user may use it. The code takes
similarities of crops (rows) to texts (columns) and intersects two sets of numbers that count
different things: the K best *texts* of crop i, and the K crops nearest to *crop* j. What they
share is added to the similarity of crop i and *text* j. Where crops and texts are both sorted by
person, nearby numbers are the same people and the order of the rows lets the answer leak; where
the rows are shuffled, nothing is gained. Texts numbered beyond the last crop never change.

Sources: Gao et al., Contextual Non-Local Alignment over Full-Scale Representation for
Text-Based Person Search, 2021 (https://arxiv.org/abs/2101.03036);
https://github.com/TencentYoutuResearch/PersonReID-NAFS at efaf477 and
https://github.com/TencentYoutuResearch/PersonReID-YouReID at 4c6a75d ship the same arithmetic.
The method as it is meant is in ``models/visual_neighbours.py``. Departs from their code in that
equal scores stand in the order of their ids, and that fewer texts than crops are refused.
"""

import numpy as np

from models.errors import ConfigurationInvalid
from models.visual_neighbours import Scores, best_ids, intersection_over_union

NOTE = "depends on row order"
PUBLISHED_ALPHA = 1.0
PUBLISHED_NEIGHBOURS = 5


def require_enough_texts(texts: int, crops: int) -> None:
    """Check that ``nafs_shipped`` can be computed: where it cannot, its authors' code crashes.

    Raises:
        ConfigurationInvalid: If there are fewer texts than crops.
    """
    if texts < crops:
        raise ConfigurationInvalid(
            f"nafs_shipped ({NOTE}) takes the number of a crop for that of a text and needs at "
            f"least as many texts as crops, not {texts} and {crops}: write more captions a "
            "person, or use rvn"
        )


def nafs_shipped(
    text_to_image: Scores,
    image_to_image: Scores,
    *,
    alpha: float = PUBLISHED_ALPHA,
    k: int = PUBLISHED_NEIGHBOURS,
) -> Scores:
    """Return the similarities ``(q, g)`` as NAFS' code changes them: depends on row order.

    ``image_to_image`` ``(g, g)`` are cosines of the crops' global rows.

    Raises:
        ConfigurationInvalid: If there are fewer texts than crops, the shapes do not fit, or k is
            not within 1..g.
    """
    texts, crops = len(text_to_image), len(image_to_image)
    if text_to_image.shape != (texts, crops) or image_to_image.shape != (crops, crops):
        raise ConfigurationInvalid(
            f"similarities of texts to crops {text_to_image.shape} and of crops to crops "
            f"{image_to_image.shape} do not fit: (q, g) and (g, g) are needed"
        )
    require_enough_texts(texts, crops)
    texts_of_crops = best_ids(np.ascontiguousarray(text_to_image.T), k=k)  # (g, k) texts
    crops_of_crops = best_ids(image_to_image, k=k)  # (g, k) crops
    overlap = intersection_over_union(texts_of_crops, crops_of_crops)  # (g, g)
    changed = text_to_image.copy()
    changed[:crops] += np.float32(alpha) * overlap.T
    return changed
