"""A gallery of drawn crops behind a real server."""

import csv
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from PIL import Image

from indexer.build import build
from indexer.gallery import Gallery, open_gallery
from indexer.preparation import BuildOptions
from models.contracts import PersonEncoder
from service.access.key_ring import Keys
from service.app import create_app
from service.cursors import CursorSigner
from service.listening import address_of, take_address
from service.searcher import RankingOptions
from tests.fakes import COLOURS, ColourEncoder
from tests.service.databases import any_database, any_url, database, postgres_url

__all__ = ["any_database", "any_url", "database", "postgres_url"]

# The coat takes this share of a crop: its mean colour lies between the two.
COAT_SHARES = (1.0, 0.75, 0.5)
BACKGROUND = (40, 90, 160)
CROP_SIZE = (32, 64)
HOSTILE = '<img src="x" onerror="alert(1)">'


@dataclass(frozen=True)
class Service:
    """A server that is running, and a client that does not follow or raise."""

    url: str
    client: httpx.Client

    @property
    def port(self) -> int:
        port = httpx.URL(self.url).port
        assert port is not None
        return port


@contextmanager
def serving(
    encoder: PersonEncoder,
    gallery: Gallery,
    keys: Keys | None = None,
    signer: CursorSigner | None = None,
) -> Iterator[Service]:
    """Run the application on a free port until the block ends."""
    with take_address("127.0.0.1", 0) as bound:
        url = address_of(bound)
        config = uvicorn.Config(
            create_app(encoder, gallery, keys, ranking=RankingOptions(signer)),
            log_config=None,
            access_log=False,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            with httpx.Client(base_url=url, timeout=30) as client:
                yield Service(url, client)
        finally:
            server.should_exit = True
            thread.join()


def draw_crop(colour: tuple[float, float, float], coat_share: float) -> Image.Image:
    width, height = CROP_SIZE
    image = Image.new("RGB", CROP_SIZE, BACKGROUND)
    red, green, blue = (round((value + 1) * 127.5) for value in colour)
    image.paste((red, green, blue), (0, 0, width, round(height * coat_share)))
    return image


def write_gallery(folder: Path) -> Path:
    """Draw three crops of each colour; return the metadata file beside them."""
    folder.mkdir()
    metadata = folder.parent / "metadata.csv"
    with metadata.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "camera", "captured_at", "track_id", "note"])
        for number, (name, colour) in enumerate(COLOURS.items()):
            for place, share in enumerate(COAT_SHARES):
                path = f"{name} {place}.png"
                draw_crop(colour, share).save(folder / path)
                time_of_day = f"2026-03-14T08:{number:02}:{place:02}+00:00"
                rows.writerow([path, f"gate {place}", time_of_day, f"track-{number}", HOSTILE])
    return metadata


def build_gallery(root: Path) -> Path:
    """Draw crops below ``root`` and index them; return the index."""
    metadata = write_gallery(root / "crops")
    index = root / "index"
    options = BuildOptions(model_source="colour", metadata=metadata, name="drawn", workers=1)
    build(root / "crops", index, ColourEncoder(), options)
    return index


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_gallery(tmp_path_factory.mktemp("gallery"))


@pytest.fixture(scope="session")
def gallery(index: Path) -> Iterator[Gallery]:
    with closing(open_gallery(index, ColourEncoder().card)) as opened:
        yield opened


@pytest.fixture(scope="session")
def service(gallery: Gallery) -> Iterator[Service]:
    with serving(ColourEncoder(), gallery) as running:
        yield running
