"""The page in a real browser."""

import json
import re
import shutil
import time
from collections.abc import Iterator, Sequence

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from indexer.gallery import Gallery
from models.contracts import Float32Array
from tests.fakes import ColourEncoder
from tests.service.conftest import HOSTILE, Service, serving

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
GENDER_WORDS = {
    "man", "men", "woman", "women", "male", "female", "boy", "girl", "lady", "gentleman", "guy",
    "he", "she", "him", "her", "his", "gender", "sex",
}  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(
            f"no browser: none of {', '.join(NAMES)} is installed (apt-get install chromium)"
        )
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield launched
        launched.close()


class Watch:
    """What a page must not do: log errors, or ask another host."""

    def __init__(self, page: Page, service: Service) -> None:
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("request", lambda request: self._check(request.url, service.url))

    def _check(self, url: str, own: str) -> None:
        if not url.startswith(own):
            self.complaints.append(f"asked another host: {url}")


@pytest.fixture
def page(browser: Browser, service: Service) -> Iterator[Page]:
    """Open the start page; nothing may be logged, nobody else asked."""
    context = browser.new_context(viewport={"width": 1000, "height": 700})
    opened = context.new_page()
    opened.set_default_timeout(10_000)
    watch = Watch(opened, service)
    opened.goto(service.url)
    yield opened
    context.close()
    assert watch.complaints == []


def api_ids(service: Service, text: str, limit: int = 24) -> list[str]:
    answer = service.client.post("/search", json={"text": text, "limit": limit}).json()
    return [result["id"] for result in answer["results"]]


def shown_ids(page: Page) -> list[str | None]:
    expect(page.locator("body")).to_have_attribute("data-view", "results")
    return [tile.get_attribute("data-id") for tile in page.locator(".tile").all()]


def ask(page: Page, text: str) -> None:
    page.get_by_label("Description of a person").fill(text)
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("best first")


def test_enter_shows_the_ranked_crops_in_the_order_of_the_api(page: Page, service: Service) -> None:
    ask(page, "woman in red coat")
    assert shown_ids(page) == api_ids(service, "woman in red coat")
    assert page.url == f"{service.url}/?q=woman+in+red+coat"
    expect(page).to_have_title("woman in red coat · Descry")
    expect(page.get_by_role("status")).to_contain_text("24 crops of 24, best first")
    first = page.locator(".tile").first
    expect(first.locator(".rank")).to_have_text("1")
    expect(first.locator(".camera")).to_have_text("gate 0")
    expect(first.locator("time")).to_have_attribute("datetime", "2026-03-14T08:00:00Z")
    page.wait_for_function("document.querySelector('.tile img').naturalWidth > 0")


def test_the_header_names_index_size_and_model(page: Page) -> None:
    expect(page.locator("#served")).to_have_text("drawn24 cropsmodel colour")


def test_the_address_is_the_state(page: Page, service: Service) -> None:
    ask(page, "red")
    red = shown_ids(page)
    ask(page, "blue")
    assert shown_ids(page) == api_ids(service, "blue") != red
    page.go_back()
    expect(page.get_by_label("Description of a person")).to_have_value("red")
    expect(page.locator(".tile").first).to_have_attribute("data-id", str(red[0]))
    page.go_back()
    expect(page.get_by_role("heading", name="Describe a person")).to_be_visible()
    expect(page.locator(".tile")).to_have_count(0)
    page.go_forward()
    expect(page.locator(".tile").first).to_have_attribute("data-id", str(red[0]))
    page.reload()
    assert shown_ids(page) == red


def test_a_suggestion_searches(page: Page, service: Service) -> None:
    page.get_by_role("link", name="person in a red coat").click()
    assert shown_ids(page) == api_ids(service, "person in a red coat")


def test_nothing_to_click_or_choose_sorts_people_by_gender(page: Page) -> None:
    ask(page, "red")
    offered = page.evaluate(
        """() => [...document.querySelectorAll('a, button, option, label, summary, [role=option]')]
            .map((each) => `${each.textContent} ${each.ariaLabel ?? ''}`)"""
    )
    assert any("person in a red coat" in text for text in offered)
    words = {word for text in offered for word in re.findall("[a-z]+", text.lower())}
    assert not words & GENDER_WORDS
    assert page.locator("select, input[type=checkbox], input[type=radio]").count() == 0


def test_warnings_are_shown_in_plain_words_and_never_as_markup(page: Page) -> None:
    told = [
        f"unknown_words: {HOSTILE} (the model never learned them, only the others)",
        "text_truncated: the model reads the first 62 of 250 tokens",
        f"new_code: {HOSTILE}",
    ]

    def doubtful(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"warnings": told})

    page.route("**/v1/search", doubtful)
    ask(page, "red")
    warnings = page.get_by_role("list", name="Warnings")
    expect(warnings.get_by_role("listitem")).to_have_text(
        [
            f"Unknown words: {HOSTILE} (the model never learned them, only the others)",
            "Description too long: the model reads the first 62 of 250 tokens",
            f"new_code: {HOSTILE}",
        ]
    )
    assert page.locator("img[onerror]").count() == 0
    page.unroute("**/v1/search")
    ask(page, "blue")
    expect(page.locator(".tile").first).to_be_visible()
    expect(page.locator("#warnings")).to_be_hidden()


def test_the_service_s_own_warning_reaches_the_page(page: Page) -> None:
    ask(page, "the of with")
    expect(page.get_by_role("list", name="Warnings")).to_contain_text(
        "Nothing to go by: the, of, with"
    )


def test_slash_and_control_k_go_to_the_search_box(page: Page) -> None:
    ask(page, "red")
    box = page.get_by_label("Description of a person")
    for keys in ("/", "Control+k"):
        page.locator(".tile button").nth(2).focus()
        expect(box).not_to_be_focused()
        page.keyboard.press(keys)
        expect(box).to_be_focused()
        expect(box).to_have_value("red")
    page.keyboard.press("End")
    page.keyboard.type("/")
    expect(box).to_have_value("red/")


def test_arrow_keys_walk_the_tiles(page: Page) -> None:
    ask(page, "red")
    buttons = page.locator(".tile button")
    page.keyboard.press("ArrowDown")
    expect(buttons.first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(buttons.nth(1)).to_be_focused()
    page.keyboard.press("End")
    expect(buttons.last).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(buttons.last).to_be_focused()
    page.keyboard.press("Home")
    expect(buttons.first).to_be_focused()


def test_the_dialog_shows_a_crop_and_is_driven_by_keys(page: Page, service: Service) -> None:
    ask(page, "red")
    ids = api_ids(service, "red")
    page.locator(".tile button").first.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_have_text("Rank 1 of 24")
    expect(dialog.get_by_role("button", name="Previous crop")).to_be_disabled()
    expect(dialog.locator("dl")).to_contain_text("track-0")
    expect(dialog.locator("dl")).to_contain_text(HOSTILE)
    assert page.locator("dl img").count() == 0
    expect(dialog.locator("img")).to_have_attribute("src", f"/v1/crops/{ids[0]}")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("heading")).to_have_text("Rank 3 of 24")
    page.keyboard.press("ArrowLeft")
    expect(dialog.locator("img")).to_have_attribute("src", f"/v1/crops/{ids[1]}")
    dialog.get_by_role("button", name="Next crop").click()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator(".tile button").nth(2)).to_be_focused()


def test_more_crops_are_shown_on_demand(page: Page) -> None:
    def many(route: Route) -> None:
        limit: int = json.loads(route.request.post_data or "{}")["limit"]
        body = route.fetch().json()
        body["index"]["size"] = 1000
        body["results"] = [
            body["results"][n % 24] | {"id": f"crop{n}", "rank": n + 1} for n in range(limit)
        ]
        route.fulfill(json=body)

    page.route("**/v1/search", many)
    ask(page, "red")
    expect(page.locator(".tile")).to_have_count(24)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".tile")).to_have_count(60)
    assert page.url.endswith("/?q=red&n=60")
    page.go_back()
    expect(page.locator(".tile")).to_have_count(24)


def test_an_empty_index_says_so(page: Page) -> None:
    def none(route: Route) -> None:
        body = route.fetch().json()
        route.fulfill(json=body | {"results": []})

    page.route("**/v1/search", none)
    page.get_by_label("Description of a person").fill("red")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("No crops: the index is empty.")


def test_data_never_becomes_markup(page: Page) -> None:
    def hostile(route: Route) -> None:
        body = route.fetch().json()
        for result in body["results"]:
            result |= {"camera": HOSTILE, "path": HOSTILE, "track_id": HOSTILE}
        route.fulfill(json=body)

    page.route("**/v1/search", hostile)
    ask(page, HOSTILE)
    expect(page.locator(".tile .camera").first).to_have_text(HOSTILE)
    page.locator(".tile button").first.click()
    expect(page.locator("#viewer-list")).to_contain_text(HOSTILE)
    assert page.locator("img[onerror]").count() == 0


def test_the_page_fits_a_narrow_screen(page: Page) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    ask(page, "red")
    page.locator(".tile button").first.click()
    expect(page.get_by_role("button", name="Close")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") == 400


def test_every_control_has_a_name(page: Page) -> None:
    ask(page, "red")
    page.locator(".tile button").first.click()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, a, input, img')].filter((each) =>
            !(each.ariaLabel || each.textContent.trim() || each.labels?.length
              || each.getAttribute('alt') !== null)).map((each) => each.outerHTML)"""
    )
    assert nameless == []


def test_the_api_page_describes_the_search(page: Page) -> None:
    page.get_by_role("link", name="API").click()
    expect(page.locator("#operations")).to_contain_text("woman in red coat")
    expect(page.locator("#types")).to_contain_text("SearchResponse")


class BrokenEncoder(ColourEncoder):
    """Works until it is told to break."""

    broken = False

    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        if self.broken:
            raise RuntimeError("out of memory")
        if "slow" in texts[0]:
            time.sleep(3.5)
        return super().encode_texts(texts)


def test_errors_and_slow_answers_are_told(browser: Browser, gallery: Gallery) -> None:
    encoder = BrokenEncoder()
    with serving(encoder, gallery) as service:
        page = browser.new_page(base_url=service.url)
        page.goto("/")
        encoder.broken = True
        page.get_by_label("Description of a person").fill("red")
        page.keyboard.press("Enter")
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("The service failed")
        expect(alert).to_contain_text("the log of the service has it as query")
        encoder.broken = False
        page.get_by_role("button", name="Try again").click()
        expect(page.locator(".tile")).to_have_count(24)
        expect(alert).to_be_hidden()

        page.goto("/?q=%00red")
        expect(alert).to_contain_text("text has the control character U+0000 at position 0")
        expect(page.get_by_role("button", name="Try again")).to_be_hidden()

        page.goto("/?q=slow+red")
        expect(page.get_by_role("status")).to_contain_text("slow to answer")
        expect(page.locator(".tile:not(.blank)")).to_have_count(24)
        expect(page.get_by_role("status")).to_contain_text("best first")

        page.route("**/v1/search", lambda route: route.abort())
        page.goto("/?q=red")
        expect(alert).to_contain_text("The service cannot be reached")
        page.close()


def test_a_crop_whose_file_is_gone_is_told(browser: Browser, service: Service) -> None:
    page = browser.new_page(base_url=service.url)
    page.goto("/")
    page.route("**/v1/crops/*", lambda route: route.fulfill(status=410, body="{}"))
    page.route("**/thumbnail", lambda route: route.fulfill(status=404, body="{}"))
    ask(page, "red")
    expect(page.locator(".tile").first).to_contain_text("No image")
    page.locator(".tile button").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("gone or has changed")
    page.close()
