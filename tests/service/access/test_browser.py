"""A person in front of a browser: asked for the key once, then the page works with its images."""

import pytest
from playwright.sync_api import Browser, Error, expect

from indexer.gallery import Gallery
from service.access.key_ring import KeyRing
from service.access.key_store import KeyStore
from service.database import Database
from tests.fakes import ColourEncoder
from tests.service.conftest import serving
from tests.service.test_page import browser

__all__ = ["browser"]

pytestmark = pytest.mark.slow


def test_the_page_works_with_the_key_as_password(
    browser: Browser,
    gallery: Gallery,
    database: Database,
) -> None:
    store = KeyStore(database)
    _, key = store.create("desk", ["search"], ["gate 1"])
    with serving(ColourEncoder(), gallery, KeyRing(store)) as service:
        stranger = browser.new_page(base_url=service.url)
        with pytest.raises(Error, match="AUTH"):  # it asks, and there is nobody to answer
            stranger.goto("/")
        context = browser.new_context(
            base_url=service.url, http_credentials={"username": "anybody", "password": key}
        )
        page = context.new_page()
        page.goto("/?q=red")
        expect(page.locator(".tile:not(.blank)")).to_have_count(8)
        loaded = "(images) => images.every((each) => each.complete && each.naturalWidth > 0)"
        page.wait_for_load_state("networkidle")
        assert page.locator(".tile img").evaluate_all(loaded)
        page.get_by_role("link", name="API").click()
        expect(page.locator("#types")).to_contain_text("SearchResponse")
        context.close()
        stranger.close()
