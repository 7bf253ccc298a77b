"""How a run is measured while it goes on: by the first stage alone, which is fast."""

from models.contracts import PersonEncoder
from training.crop_images import open_image
from training.evaluation.captioned_gallery import CaptionedGallery
from training.evaluation.ranking import encode_in_batches
from training.metrics import retrieval_metrics

_COUNTS = ("queries", "queries_without_match")


def measure_gallery(encoder: PersonEncoder, gallery: CaptionedGallery) -> dict[str, float]:
    """Return the metrics of captions that rank all crops, in 0..1, by their names.

    Raises:
        CropUnreadable: If a crop cannot be read.
    """
    rows = encode_in_batches(
        encoder.encode_images, lambda crop: open_image(gallery.crops[crop]), len(gallery.crops)
    )
    similarity = encoder.encode_texts(gallery.captions) @ rows.T  # (q, g)
    metrics = retrieval_metrics(similarity, gallery.caption_person_ids, gallery.person_ids)
    return metrics.model_dump(exclude=set(_COUNTS))
