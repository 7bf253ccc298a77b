"""Images: their bytes, how long a browser may keep them, and what happens when a file is gone."""

import hashlib
import io
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from indexer.gallery import Crop, Gallery, open_gallery
from tests.fakes import ColourEncoder
from tests.service.conftest import Service, build_gallery, serving
from tests.service.test_bad_requests import assert_problem


@pytest.fixture
def crop(service: Service, gallery: Gallery) -> Crop:
    answer = service.client.post("/search", json={"text": "red", "limit": 1}).json()
    found = gallery.crop(answer["results"][0]["id"])
    assert found is not None
    return found


def crops_root(gallery: Gallery) -> Path:
    return Path(gallery.manifest.source)


def test_a_crop_is_the_indexed_file(service: Service, gallery: Gallery, crop: Crop) -> None:
    content = (crops_root(gallery) / crop.path).read_bytes()
    for path in (f"/crops/{crop.id}", f"/v1/crops/{crop.id}"):
        response = service.client.get(path)
        assert response.status_code == 200
        assert response.content == content
        assert response.headers["content-type"] == "image/png"
        assert response.headers["x-content-type-options"] == "nosniff"


def test_a_thumbnail_is_a_small_webp_of_the_crop(service: Service, crop: Crop) -> None:
    response = service.client.get(f"/v1/crops/{crop.id}/thumbnail")
    assert response.headers["content-type"] == "image/webp"
    image = Image.open(io.BytesIO(response.content))
    assert image.format == "WEBP"
    red, green, blue = image.convert("RGB").resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
    assert red > 200
    assert max(green, blue) < 60


@pytest.mark.parametrize("suffix", ["", "/thumbnail"])
def test_an_image_is_kept_for_a_year_and_not_sent_twice(
    service: Service, crop: Crop, suffix: str
) -> None:
    path = f"/v1/crops/{crop.id}{suffix}"
    first = service.client.get(path)
    assert first.headers["cache-control"] == "private, max-age=31536000, immutable"
    etag = first.headers["etag"]
    assert etag == f'"{hashlib.sha256(first.content).hexdigest()}"'
    for given in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        again = service.client.get(path, headers={"if-none-match": given})
        assert again.status_code == 304
        assert again.content == b""
        assert again.headers["etag"] == etag
        assert "immutable" in again.headers["cache-control"]
    other = service.client.get(path, headers={"if-none-match": '"other"'})
    assert other.status_code == 200


@pytest.mark.parametrize("suffix", ["", "/thumbnail"])
def test_head_gives_the_headers_alone(service: Service, crop: Crop, suffix: str) -> None:
    path = f"/crops/{crop.id}{suffix}"
    get, head = service.client.get(path), service.client.head(path)
    assert head.status_code == 200
    assert head.content == b""
    for name in ("content-type", "content-length", "etag", "cache-control"):
        assert head.headers[name] == get.headers[name]


def test_a_file_that_is_gone_or_changed_is_a_problem_naming_the_remedy(tmp_path: Path) -> None:
    encoder = ColourEncoder()
    index = build_gallery(tmp_path)
    with (
        closing(open_gallery(index, encoder.card)) as gallery,
        serving(encoder, gallery) as service,
    ):
        results = service.client.post("/search", json={"text": "red"}).json()["results"]
        gone, changed, linked = (f"/v1/crops/{result['id']}" for result in results[:3])
        paths = [tmp_path / "crops" / result["path"] for result in results[:3]]
        paths[0].unlink()
        Image.new("RGB", (32, 64), "blue").save(paths[1])
        secret = tmp_path / "secret.txt"
        secret.write_text("not a crop")
        paths[2].unlink()
        paths[2].symlink_to(secret)
        for path in (gone, changed, linked):
            for method in ("GET", "HEAD"):
                response = service.client.request(method, path)
                assert response.status_code == 410
            problem = assert_problem(service.client.get(path), 410, "crop-gone")
            assert "build the index again" in problem["detail"]
            assert str(tmp_path) not in problem["detail"]
        assert service.client.get(f"{gone}/thumbnail").status_code == 200
        assert service.client.post("/search", json={"text": "red"}).status_code == 200
