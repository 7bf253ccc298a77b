"""Answers of bytes that a browser may keep: strong ETags and 304."""

import hashlib

from fastapi import Request, Response

FOREVER = "private, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"


def etag_of(content_sha256: str) -> str:
    """Return the strong ETag of content with that checksum."""
    return f'"{content_sha256}"'


def sha256_of(content: bytes) -> str:
    """Return the checksum as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def is_known(request: Request, etag: str) -> bool:
    """Tell whether the client says in If-None-Match that it has this content."""
    candidates = request.headers.get("if-none-match", "").split(",")
    return any(given.strip().removeprefix("W/") in (etag, "*") for given in candidates)


def not_modified(etag: str, cache_control: str) -> Response:
    """Return 304: what the client has is what it would get."""
    return Response(status_code=304, headers={"etag": etag, "cache-control": cache_control})


def bytes_response(content: bytes, media_type: str, etag: str, cache_control: str) -> Response:
    """Return the content with the headers under which it may be kept."""
    headers = {"etag": etag, "cache-control": cache_control}
    return Response(content, media_type=media_type, headers=headers)
