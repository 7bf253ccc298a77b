import base64

import pytest

from indexer.gallery import Condition, Filters
from service.cursors import Cursor, CursorExpired, CursorSigner, query_digest, shown_digest
from service.queries import QueryRefused, SearchRequest


def cursor(expires_at: int = 1900) -> Cursor:
    return Cursor(
        generation="a" * 32,
        query="b" * 32,
        position=20,
        shown="c" * 32,
        depth=21,
        reranked=True,
        expires_at=expires_at,
    )


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_cursor_comes_back_as_it_was_written_and_fits_an_address() -> None:
    signer = CursorSigner(b"secret", clock=Clock())
    token = signer.write(cursor())
    assert signer.read(token) == cursor()
    assert token.replace("-", "").replace("_", "").isalnum()
    assert len(token) < 400


def test_a_process_with_the_same_secret_reads_it_and_another_does_not() -> None:
    token = CursorSigner(b"secret", clock=Clock()).write(cursor())
    assert CursorSigner(b"secret", clock=Clock()).read(token) == cursor()
    with pytest.raises(QueryRefused, match="none of this service"):
        CursorSigner(b"other", clock=Clock()).read(token)
    with pytest.raises(QueryRefused):
        CursorSigner(clock=Clock()).read(token)


def test_any_changed_bit_is_noticed() -> None:
    signer = CursorSigner(b"secret", clock=Clock())
    raw = base64.urlsafe_b64decode(signer.write(cursor()) + "==")
    for place in range(len(raw)):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        with pytest.raises(QueryRefused):
            signer.read(base64.urlsafe_b64encode(changed).rstrip(b"=").decode())


@pytest.mark.parametrize("token", ["x", "====", "é", "a" * 400, "\ud800", "AAAA AAAA", "-" * 43])
def test_what_is_no_cursor_is_refused(token: str) -> None:
    with pytest.raises(QueryRefused) as refused:
        CursorSigner(b"secret").read(token)
    assert refused.value.field == "cursor"


def test_a_cursor_expires_after_its_time() -> None:
    clock = Clock()
    signer = CursorSigner(b"secret", ttl_s=60, clock=clock)
    token = signer.write(cursor(signer.expiry()))
    clock.now = 1059.9
    assert signer.read(token).position == 20
    clock.now = 1060
    with pytest.raises(CursorExpired, match="first page"):
        signer.read(token)


def digest(more: dict[str, object], filters: Filters | None = None, image: str = "") -> str:
    request = SearchRequest.model_validate({"text": "red"} | more)
    return query_digest(request, filters or Filters(), image)


def test_what_may_change_from_page_to_page_is_no_part_of_the_query() -> None:
    rerank = {"method": "rvn"}
    same: list[dict[str, object]] = [
        {"limit": 3},
        {"explain": True},
        {"purpose": "lost child"},
        {"cursor": "abc"},
    ]
    assert {digest(each) for each in same} == {digest({})}
    assert digest({"rerank": rerank}) == digest({"rerank": rerank | {"deadline_ms": 5}})


def test_everything_else_is() -> None:
    others: list[dict[str, object]] = [
        {},
        {"text": "blue"},
        {"like": "0" * 20},
        {"not": ["hat"]},
        {"not_weight": 0.4},
        {"sort": "time"},
        {"min_score": 0.1},
        {"rerank": {"method": "rvn"}},
        {"rerank": {"method": "rvn", "k": 50}},
        {"rerank": {"method": "rvn", "beta": 0.2}},
    ]
    north = Filters(columns={"camera": Condition(among=("north",))})
    digests = [digest(each) for each in others] + [digest({}, north), digest({}, image="f" * 64)]
    assert len(set(digests)) == len(digests)


def test_the_digest_of_what_was_shown_is_one_of_a_set() -> None:
    assert shown_digest(["b", "a"]) == shown_digest(["a", "b"])
    assert len({shown_digest(each) for each in (["a"], ["a", "b"], ["ab"], [])}) == 4
