"""``GET /crops/{id}``: the bytes of a crop, and its thumbnail."""

from fastapi import APIRouter, Request, Response

from indexer.gallery import Crop, Gallery
from models.errors import CropUnreadable
from service.access.granted import Access, access_of
from service.byte_responses import (
    FOREVER,
    bytes_response,
    etag_of,
    is_known,
    not_modified,
    sha256_of,
)
from service.openapi import Responses, problems
from service.problems import CROP_GONE, CROP_UNKNOWN, ProblemRaised, shorten

IMAGE: Responses = {
    200: {"description": "The image", "content": {"image/*": {}}},
    304: {"description": "The client has it already"},
}


def crop_routes(gallery: Gallery) -> APIRouter:
    """Return the routes that hand out images; only ids of the gallery lead to a file."""
    router = APIRouter(tags=["crops"], default_response_class=Response)

    def read_crop(crop_id: str, request: Request) -> Response:
        crop = _find(gallery, crop_id, access_of(request))
        etag = etag_of(crop.content_sha256)
        if is_known(request, etag):
            return not_modified(etag, FOREVER)
        try:
            content = gallery.read_crop(crop_id)
        except CropUnreadable as error:
            raise ProblemRaised(
                CROP_GONE,
                f"crop {shorten(crop_id)} ({shorten(crop.path)}) cannot be shown: its file is "
                "gone or has changed since it was indexed; build the index again",
            ) from error
        return bytes_response(content, crop.media_type, etag, FOREVER)

    def read_thumbnail(crop_id: str, request: Request) -> Response:
        content = gallery.read_thumbnail(_find(gallery, crop_id, access_of(request)).id)
        etag = etag_of(sha256_of(content))
        if is_known(request, etag):
            return not_modified(etag, FOREVER)
        return bytes_response(content, "image/webp", etag, FOREVER)

    router.get(
        "/crops/{crop_id}",
        summary="The image of a crop, as it was indexed",
        responses=IMAGE | problems(CROP_UNKNOWN, CROP_GONE),
    )(read_crop)
    router.get(
        "/crops/{crop_id}/thumbnail",
        summary="A small WebP of a crop",
        responses=IMAGE | problems(CROP_UNKNOWN),
    )(read_thumbnail)
    router.head("/crops/{crop_id}", include_in_schema=False)(read_crop)
    router.head("/crops/{crop_id}/thumbnail", include_in_schema=False)(read_thumbnail)
    return router


def _find(gallery: Gallery, crop_id: str, access: Access) -> Crop:
    crop = gallery.crop(crop_id)
    if crop is None or not access.sees(crop):
        raise ProblemRaised(
            CROP_UNKNOWN,
            f"no crop has the id {shorten(crop_id)}; ids come from the results of a search",
        )
    return crop
