"""The pages at ``/`` and ``/docs``: what is in the repository is what the browser runs."""

from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request, Response

from service.byte_responses import (
    ASK_AGAIN,
    bytes_response,
    etag_of,
    is_known,
    not_modified,
    sha256_of,
)
from service.problems import NOT_FOUND, ProblemRaised, shorten

PAGE_DIRECTORY = Path(__file__).parent.parent / "page"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class PageFile:
    """One file of the page, in memory."""

    content: bytes
    media_type: str
    etag: str


def read_page_files(directory: Path = PAGE_DIRECTORY) -> dict[str, PageFile]:
    """Read the files of the page, by name."""
    contents = {
        path.name: (path.read_bytes(), MEDIA_TYPES[path.suffix])
        for path in sorted(directory.iterdir())
        if path.suffix in MEDIA_TYPES
    }
    return {
        name: PageFile(content, media_type, etag_of(sha256_of(content)))
        for name, (content, media_type) in contents.items()
    }


def page_routes() -> APIRouter:
    """Return the routes of the page."""
    files = read_page_files()
    router = APIRouter(include_in_schema=False)

    def answer(file: PageFile, request: Request) -> Response:
        if is_known(request, file.etag):
            return not_modified(file.etag, ASK_AGAIN)
        return bytes_response(file.content, file.media_type, file.etag, ASK_AGAIN)

    async def index(request: Request) -> Response:
        return answer(files["index.html"], request)

    async def docs(request: Request) -> Response:
        return answer(files["docs.html"], request)

    async def page_file(name: str, request: Request) -> Response:
        if name not in files:
            raise ProblemRaised(NOT_FOUND, f"the page has no file {shorten(name)}")
        return answer(files[name], request)

    for path, endpoint in (("/", index), ("/docs", docs), ("/page/{name}", page_file)):
        router.add_api_route(path, endpoint, methods=["GET"], response_class=Response)
        router.add_api_route(path, endpoint, methods=["HEAD"], response_class=Response)
    return router
