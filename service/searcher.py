"""From a query to a page of ranked crops; knows no HTTP."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from indexer.gallery import ALL_CROPS, Crop, Filters, Gallery
from models.contracts import Float32Array, PersonEncoder
from service.candidates import Candidates
from service.cursors import CursorSigner
from service.encoding import EncodingBroken
from service.explanations import phrases_of
from service.fusion import WeightedMean, fuse
from service.pages import PageMaker, PageRequest
from service.queries import ImageSearchRequest, QueryRefused, SearchOptions, is_crop_id
from service.query_encoding import EncodedQuery, LockedEncoder, QueryEncoder
from service.ranking import Ranking
from service.reranking import RerankDefaults, Reranker

__all__ = ["EncodingBroken", "QueryImage", "Ranking", "SearchQuery", "Searcher"]


def _everything(_: Crop) -> bool:
    return True


@dataclass(frozen=True)
class RankingOptions:
    """What makes cursors, and the second stage where a request is silent.

    Without a signer cursors hold in this process alone; without ``rerank`` there is one stage.
    """

    signer: CursorSigner | None = None
    rerank: RerankDefaults | None = None


DEFAULT_RANKING = RankingOptions()


@dataclass(frozen=True)
class QueryImage:
    """A picture of a person, upright and RGB, and the checksum of its bytes."""

    image: Image.Image
    sha256: str


@dataclass(frozen=True)
class SearchQuery:
    """A request, a picture if it has one, and what whoever asks may see.

    ``filters`` are the request's conditions and the caller's; ``may_see`` says of a stored crop
    that the request names whether it exists for the caller.
    """

    request: SearchOptions
    filters: Filters = ALL_CROPS
    image: QueryImage | None = None
    may_see: Callable[[Crop], bool] = _everything


def _shareable(encoder: PersonEncoder | QueryEncoder) -> QueryEncoder:
    return LockedEncoder(encoder) if isinstance(encoder, PersonEncoder) else encoder


class Searcher:
    """An encoder over a gallery built with it; safe to use from many threads."""

    def __init__(
        self,
        encoder: PersonEncoder | QueryEncoder,
        gallery: Gallery,
        signer: CursorSigner | None = None,
        defaults: RerankDefaults | None = None,
    ) -> None:
        self._encoder = _shareable(encoder)
        self._gallery = gallery
        self._reranker = Reranker(self._encoder, gallery, defaults)
        self._pages = PageMaker(gallery, self._encoder, self._reranker, signer or CursorSigner())

    def search(self, text: str, limit: int) -> Ranking:
        """Return the ``limit`` crops that fit ``text`` best, by the first stage alone.

        Raises:
            EncodingBroken: If the encoder's answer cannot be searched with.
        """
        started = time.perf_counter()
        encoded = self._encoder.encode_text(text)
        ready = time.perf_counter()
        hits = Candidates(self._gallery, encoded.vector, depth=limit).first(limit)
        ended = time.perf_counter()
        return Ranking(hits, encoded.reading, ready - started, ended - ready, ended - started)

    def answer(self, query: SearchQuery) -> Ranking:
        """Return the page that a query asks for.

        Raises:
            EncodingBroken: If the encoder's answer cannot be searched with.
            QueryRefused: If the index or the model lacks what the query needs.
            CursorExpired: If the ranking that the cursor goes on with is no longer there.
            ConfigurationInvalid: If a filter names no column, or compares it with what it is not.
        """
        started = time.perf_counter()
        return self.rank(query, self.encode(query), started)

    def texts_of(self, query: SearchQuery) -> list[str]:
        """Return every text that must be encoded before the query can be ranked."""
        request = query.request
        wanted = [request.text] if request.text else []
        unwanted = [each for each in request.unlike if not is_crop_id(each)]
        phrases = []
        if request.explain and not self._pages.explains_by_parts:
            phrases = [each.text for each in phrases_of(request.text, unwanted)]
        return list(dict.fromkeys([*wanted, *unwanted, *phrases]))

    def encode(self, query: SearchQuery) -> EncodedQuery:
        """Return the vectors of all parts of a query that are not stored.

        Raises:
            EncodingBroken: If the encoder's answer cannot be searched with.
        """
        started = time.perf_counter()
        texts = {text: self._encoder.encode_text(text) for text in self.texts_of(query)}
        image = None if query.image is None else self._encoder.encode_image(query.image.image)
        return EncodedQuery(texts, image, time.perf_counter() - started)

    def rank(self, query: SearchQuery, encoded: EncodedQuery, started: float) -> Ranking:
        """Return the page that an encoded query asks for.

        Args:
            query: What was asked.
            encoded: What ``encode`` gives; another encoder may give it for ``texts_of`` the query.
            started: When the search began, by ``time.perf_counter``: deadlines count from there.

        Raises:
            QueryRefused: If the index or the model lacks what the query needs.
            CursorExpired: If the ranking that the cursor goes on with is no longer there.
            ConfigurationInvalid: If a filter names no column, or compares it with what it is not.
        """
        image_sha256 = "" if query.image is None else query.image.sha256
        asked = PageRequest(
            query.request, query.filters, image_sha256, self._vector(query, encoded), started
        )
        return self._pages.make(asked, encoded)

    def _vector(self, query: SearchQuery, encoded: EncodedQuery) -> Float32Array:
        request = query.request
        texts = [encoded.texts[request.text].vector] if request.text else []
        image_weight = request.image_weight if isinstance(request, ImageSearchRequest) else 0.0
        unliked = [each for each in request.unlike if is_crop_id(each)]
        unwanted = [encoded.texts[each].vector for each in request.unlike if not is_crop_id(each)]
        return fuse(
            [
                WeightedMean(texts, request.text_weight),
                WeightedMean([] if encoded.image is None else [encoded.image], image_weight),
                WeightedMean(self._stored(query, "like", request.like), request.like_weight),
                WeightedMean(
                    [*unwanted, *self._stored(query, "not", unliked)], -request.not_weight
                ),
            ]
        )

    def _stored(
        self, query: SearchQuery, field: str, crop_ids: tuple[str, ...] | list[str]
    ) -> list[Float32Array]:
        for each in crop_ids:
            crop = self._gallery.crop(each)
            if crop is None or not query.may_see(crop):
                raise QueryRefused(
                    field, f"no crop has the id {each!r}; ids come from the results of a search"
                )
        return list(self._gallery.vectors(crop_ids)) if crop_ids else []
