"""The page as a reader of HTML finds it, for a gallery of plain colours."""

import base64
import io
import json
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.errors import ConfigurationInvalid, CropUnreadable
from tests.fakes import ColourEncoder
from training.evaluation.captioned import (
    EvaluatedSplit,
    RetrievalEvaluation,
    RetrievalOptions,
    evaluate_retrieval,
)
from training.evaluation.captioned_gallery import CaptionedGallery
from training.evaluation.ranking import Reranking
from training.evaluation.report import RetrievalReport, SecondStageRanking
from training.evaluation.report_page import write_report

NASTY = """<script>alert(1)</script> & "quoted" $title red"""
SHADES = ((255, 20, 30), (255, 20, 160), (0, 220, 0), (10, 255, 200), (0, 0, 200))
PEOPLE = np.array([7, 7, 8, 8, 9])
SOURCES = np.array([0, 2, 4, 3])
VOID = {"meta", "img"}


@dataclass
class Page(HTMLParser):
    """Tags with their attributes, and texts by the tag they stand in."""

    open_tags: list[str] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open_tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open_tags.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.open_tags[-1], data))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def text(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag]


def parse(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    assert page.open_tags == []
    return page


def picture(source: str, kind: str) -> Image.Image:
    start = f"data:image/{kind};base64,"
    assert source.startswith(start)
    return Image.open(io.BytesIO(base64.b64decode(source[len(start) :], validate=True)))


@pytest.fixture
def evaluation(tmp_path: Path) -> RetrievalEvaluation:
    paths = []
    for number, shade in enumerate(SHADES):
        paths.append(tmp_path / f"{number}.png")
        Image.new("RGB", (400, 1000), shade).save(paths[-1])
    gallery = CaptionedGallery(
        tuple(paths), PEOPLE, (NASTY, "a green coat", "blue", "red too"), PEOPLE[SOURCES], SOURCES
    )
    split = EvaluatedSplit("colours & <more>", "test", selected_on_test=True)
    options = RetrievalOptions(reranking=Reranking("rvn", 0.25, 2), replicates=50)
    return evaluate_retrieval(ColourEncoder("a <b>model</b>"), gallery, split, options)


@pytest.fixture
def written(evaluation: RetrievalEvaluation, tmp_path: Path) -> Path:
    return write_report(evaluation, tmp_path / "deep" / "report", curves=None, examples=2, seed=0)


def test_the_page_is_well_formed_and_loads_nothing(written: Path) -> None:
    assert written.name == "index.html"
    page = parse(written)
    assert page.tags[0] == ("html", {"lang": "en"})
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object"}
    addresses = [value for _, attributes in page.tags for name, value in attributes.items()
                 if name in {"src", "href", "srcset"}]  # fmt: skip
    assert addresses
    assert all(address.startswith("data:image/") for address in addresses)
    assert "url(" not in written.read_text()
    (policy,) = [meta["content"] for meta in page.all("meta") if "http-equiv" in meta]
    assert "default-src 'none'" in policy


def test_captions_and_names_are_shown_and_never_obeyed(written: Path) -> None:
    page = parse(written)
    assert f"“{NASTY}”" in page.text("h3")
    assert page.text("h1") == ["a <b>model</b> on colours & <more>, test"]
    assert "b" not in {tag for tag, _ in page.tags[: page.tags.index(("main", {}))]}


def test_figures_stand_in_the_table_in_percent(
    evaluation: RetrievalEvaluation, written: Path
) -> None:
    cells = parse(written).text("td")
    metrics = evaluation.report.first_stage.text_to_image.metrics
    # By hand: red, green and blue find their own first; "red too" was written for cyan, which
    # stands last by red, and green before it.
    assert metrics.recall_at_1 == pytest.approx(3 / 4)
    precision = (1 + 1 + 1 + (1 / 4 + 2 / 5) / 2) / 4
    assert cells[:2] == ["75.00", "100.00"]
    assert f"{100 * precision:.2f}" in cells
    assert cells[5:7] == ["4", "0"]


def test_every_way_to_rank_has_its_lines(written: Path) -> None:
    page = parse(written)
    heads = page.text("th")
    assert [head for head in heads if head in {"First stage", "Second stage", "Re-ranked"}] == [
        "First stage",
        "Re-ranked",
    ]
    assert "rvn, alpha 0.25, k 2, after the first stage" in page.text("small")
    # Scores of different texts cannot be compared after rvn.
    assert heads.count("Captions find crops") == heads.count("… source crop removed") == 2
    assert heads.count("Crops find captions") == 1
    assert heads.count("… more than the first stage") == 1


def test_a_second_stage_tells_its_candidates(
    evaluation: RetrievalEvaluation, tmp_path: Path
) -> None:
    second = SecondStageRanking(
        **evaluation.report.first_stage.model_dump(),
        model="reader",
        weights_sha256="5" * 64,
        candidates=1234,
        weight=0.5,
    )
    report = evaluation.report.model_copy(update={"second_stage": second, "reranked": None})
    path = write_report(
        replace(evaluation, report=report), tmp_path, curves=None, examples=0, seed=0
    )
    page = parse(path)
    assert "parts of reader, weight 0.5, score the best 1,234 crops of each caption" in page.text(
        "small"
    )
    assert "Re-ranked" not in page.text("th")


def test_queries_show_the_right_crops_and_the_source(
    evaluation: RetrievalEvaluation, written: Path
) -> None:
    page = parse(written)
    assert {"Best queries", "Worst queries"} <= set(page.text("h2"))
    assert len(page.all("article")) == 4  # all that there are
    lists = written.read_text().split("<ol>")[1:]
    titles = [title.strip("“”") for title in page.text("h3")]
    for title, html in zip(titles, lists, strict=True):
        query = evaluation.gallery.captions.index(title)
        person, source = PEOPLE[SOURCES[query]], SOURCES[query]
        items = html.split("</ol>")[0].split("<li")[1:]
        ranked = evaluation.best.ids[query]
        assert len(items) == 5
        for rank, (item, crop) in enumerate(zip(items, ranked, strict=True), 1):
            right = PEOPLE[crop] == person
            assert ('class="right"' in item) == right
            assert (f"<b>{rank} ✓</b>" in item) == right
            assert ('class="mark">source<' in item) == (crop == source)
            assert f"{evaluation.best.scores[query, rank - 1]:.3f}" in item
            shade = picture(item.split('src="')[1].split('"')[0], "webp").getpixel((5, 5))
            assert shade == pytest.approx(SHADES[crop], abs=12)


def test_embedded_crops_are_small_and_described(written: Path) -> None:
    images = parse(written).all("img")
    assert len(images) == 4 * 6  # of each query the source and all five crops
    for attributes in images:
        assert picture(attributes["src"], "webp").size == (128, 320)
        assert attributes["alt"].startswith(("Rank ", "The source crop"))
    assert "Rank 1: the right person, the source crop" in {image["alt"] for image in images}


def test_curves_are_in_the_page(evaluation: RetrievalEvaluation, tmp_path: Path) -> None:
    Image.new("RGB", (30, 20), "teal").save(tmp_path / "curves.png")
    path = write_report(evaluation, tmp_path, curves=tmp_path / "curves.png", examples=0, seed=0)
    (image,) = parse(path).all("img")
    assert picture(image["src"], "png").size == (30, 20)
    assert "Losses" in image["alt"]
    assert base64.b64encode((tmp_path / "curves.png").read_bytes()).decode() in image["src"]


def test_curves_that_are_no_png_are_refused(
    evaluation: RetrievalEvaluation, tmp_path: Path
) -> None:
    (tmp_path / "odd.png").write_text("nothing")
    for name, message in (("odd.png", "are no PNG"), ("gone.png", "No such file")):
        with pytest.raises(ConfigurationInvalid, match=message):
            write_report(evaluation, tmp_path, curves=tmp_path / name, examples=0, seed=0)
    assert not (tmp_path / "index.html").exists()


def test_the_report_can_be_taken_from_the_page(
    evaluation: RetrievalEvaluation, written: Path
) -> None:
    (content,) = parse(written).text("code")[-1:]
    assert RetrievalReport.model_validate(json.loads(content)) == evaluation.report


@pytest.mark.parametrize(
    ("selected", "fact"),
    [
        (True, "on this data, so that the figures are too good"),
        (False, "without this data"),
        (None, "not stated"),
    ],
)
def test_a_selection_on_the_data_is_told(
    evaluation: RetrievalEvaluation,
    tmp_path: Path,
    fact: str,
    *,
    selected: bool | None,
) -> None:
    report = evaluation.report.model_copy(update={"selected_on_test": selected})
    page = parse(
        write_report(replace(evaluation, report=report), tmp_path, curves=None, examples=0, seed=0)
    )
    assert fact in page.text("dd")
    assert ("Selected on this data." in page.text("strong")) == (selected is True)


def test_the_same_seed_writes_the_same_page(
    evaluation: RetrievalEvaluation, tmp_path: Path, written: Path
) -> None:
    again = write_report(evaluation, tmp_path / "again", curves=None, examples=2, seed=0)
    assert again.read_bytes() == written.read_bytes()


def test_a_crop_that_has_gone_is_named(evaluation: RetrievalEvaluation, tmp_path: Path) -> None:
    evaluation.gallery.crops[0].unlink()
    with pytest.raises(CropUnreadable, match=r"0\.png cannot be read"):
        write_report(evaluation, tmp_path, curves=None, examples=1, seed=0)


def test_fewer_examples_than_none_are_refused(
    evaluation: RetrievalEvaluation, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationInvalid, match="-1 examples"):
        write_report(evaluation, tmp_path, curves=None, examples=-1, seed=0)
