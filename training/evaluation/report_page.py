"""A report as one page of HTML: figures, curves, and what queries found.

Nothing is loaded from elsewhere: styles and pictures are in the file. Whatever comes from a data
set or a model is escaped.
"""

import base64
import io
from collections.abc import Iterator
from functools import lru_cache
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from PIL import Image

from models.errors import ConfigurationInvalid
from training.crop_images import open_image
from training.evaluation.captioned import RetrievalEvaluation
from training.evaluation.report import Measured, RankingFigures, RetrievalGain, RetrievalReport
from training.evaluation.report_examples import choose_queries

PAGE_FILE = "index.html"

_TEMPLATE = "report_page.html"
_LARGEST_CROP = (160, 320)  # twice what a crop takes on a wide screen
_QUALITY = 80
_PNG = b"\x89PNG\r\n\x1a\n"

_METRICS = {
    "recall_at_1": "R@1",
    "recall_at_5": "R@5",
    "recall_at_10": "R@10",
    "mean_average_precision": "mAP",
    "mean_inverse_negative_penalty": "mINP",
}
_SELECTED = {
    True: "on this data, so that the figures are too good",
    False: "without this data",
    None: "not stated",
}


def write_report(
    evaluation: RetrievalEvaluation,
    directory: Path,
    *,
    curves: Path | None,
    examples: int,
    seed: int,
) -> Path:
    """Write ``index.html`` into a directory, and return its path.

    Args:
        evaluation: What to show.
        directory: Made where it is missing; an older page in it is replaced.
        curves: A PNG of how the training went.
        examples: How many queries to show each of the best, the worst and the random ones.
        seed: Decides the random queries, and which of equally good ones are shown.

    Raises:
        ConfigurationInvalid: If the curves are no PNG, or the number of examples is negative.
    """
    if examples < 0:
        raise ConfigurationInvalid(f"{examples} examples: use 0 for none, or more")
    page = _template().substitute(
        title=escape(f"{evaluation.report.model} on {_place(evaluation.report)}"),
        lead=_lead(evaluation.report),
        warning=_warning(evaluation.report),
        headline=_headline(evaluation.report.first_stage.text_to_image),
        headline_note=_headline_note(evaluation.report),
        table="\n".join(_groups(evaluation.report)),
        curves=_curves(curves),
        facts=_facts(evaluation.report),
        examples="\n".join(_examples(evaluation, examples, seed)),
        json=escape(evaluation.report.model_dump_json(indent=2)),
    )
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / PAGE_FILE
    path.write_text(page, encoding="utf-8")
    return path


def _template() -> Template:
    return Template(files(__package__).joinpath(_TEMPLATE).read_text(encoding="utf-8"))


def _place(report: RetrievalReport) -> str:
    return f"{report.data}, {report.split}"


def _lead(report: RetrievalReport) -> str:
    return (
        f"{report.captions:,} captions ask for {report.people:,} people among "
        f"{report.crops:,} crops."
    )


def _warning(report: RetrievalReport) -> str:
    if not report.selected_on_test:
        return ""
    return (
        '<p class="warning"><strong>Selected on this data.</strong> The weights were chosen by '
        "their figures on these very queries: expect lower ones on other people.</p>"
    )


def _headline(measured: Measured) -> str:
    return "\n".join(
        f"<div><dt>{label}</dt><dd>{value}</dd><dd>{interval or 'no interval'}</dd></div>"
        for label, value, interval in _numbers(measured)
    )


def _headline_note(report: RetrievalReport) -> str:
    return (
        "First stage, the source crop of each caption in the gallery, in percent. Intervals: 95 %, "
        f"{report.bootstrap_replicates:,} bootstrap draws of people with all of their queries; "
        "differences within an interval mean little."
    )


def _numbers(measured: Measured) -> Iterator[tuple[str, str, str]]:
    """Yield the label, the value and the interval of each metric, in percent."""
    metrics = measured.metrics.model_dump()
    intervals = None if measured.intervals is None else measured.intervals.model_dump()
    for name, label in _METRICS.items():
        interval = ""
        if intervals is not None:
            low, high = 100 * intervals[name]["low"], 100 * intervals[name]["high"]
            interval = f"{low:.1f} &ndash; {high:.1f}"
        yield label, f"{100 * metrics[name]:.2f}", interval


def _groups(report: RetrievalReport) -> Iterator[str]:
    yield _group("First stage", "dot products of rows", report.first_stage)
    second, reranked = report.second_stage, report.reranked
    if second is not None:
        note = (
            f"parts of {second.model}, weight {second.weight:g}, score the best "
            f"{second.candidates:,} crops of each caption"
        )
        yield _group("Second stage", note, second)
    if reranked is not None:
        note = (
            f"{reranked.method}, alpha {reranked.alpha:g}, k {reranked.k}, "
            f"after the {reranked.stage} stage"
        )
        yield _group(
            "Re-ranked", note if reranked.note is None else f"{note}; {reranked.note}", reranked
        )


def _group(name: str, note: str, figures: RankingFigures) -> str:
    lines = [
        ("Captions find crops", figures.text_to_image),
        ("… source crop removed", figures.text_to_image_without_source),
        ("Crops find captions", figures.image_to_text),
    ]
    head = f'<tr><th scope="rowgroup" colspan="8">{name}<small>{escape(note)}</small></th></tr>'
    rows = [_line(label, measured) for label, measured in lines if measured is not None]
    if figures.gain is not None:
        rows.insert(1, _gain_line(figures.gain))
    return '<tbody class="group">\n' + "\n".join([head, *rows]) + "\n</tbody>"


def _line(label: str, measured: Measured) -> str:
    cells = "".join(
        f"<td>{value}<small>{interval}</small></td>" for _, value, interval in _numbers(measured)
    )
    metrics = measured.metrics
    counts = f"<td>{metrics.queries:,}</td><td>{metrics.queries_without_match:,}</td>"
    return f'<tr><th scope="row">{label}</th>{cells}{counts}</tr>'


def _gain_line(gain: RetrievalGain) -> str:
    differences = gain.model_dump()
    cells = ""
    for name in _METRICS:
        mean, low, high = (100 * differences[name][bound] for bound in ("mean", "low", "high"))
        cells += f"<td>{mean:+.2f}<small>{low:+.1f} &ndash; {high:+.1f}</small></td>"
    return f'<tr><th scope="row">… more than the first stage</th>{cells}<td></td><td></td></tr>'


def _facts(report: RetrievalReport) -> str:
    facts = {
        "Model": escape(report.model),
        "Architecture": escape(report.architecture),
        "Method": escape(report.method),
        "Fingerprint": f"<code>{report.fingerprint}</code>",
        "Weights, SHA-256": f"<code>{report.weights_sha256}</code>",
        "Data": escape(_place(report)),
        "Weights selected": _SELECTED[report.selected_on_test],
        "Captions asked": "every caption"
        if report.protocol == "all"
        else f"the last of each crop ({report.protocol})",
    }
    return "\n".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items())


def _curves(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationInvalid(
            f"curves {path} cannot be read ({error.strerror}): name a PNG, or leave them out"
        ) from error
    if not content.startswith(_PNG):
        raise ConfigurationInvalid(f"curves {path} are no PNG: name one, or leave them out")
    return (
        '<h2>Training</h2>\n<div class="curves" role="region" aria-label="Training curves" '
        f'tabindex="0"><img src="{_data_uri("png", content)}" '
        'alt="Losses and validation figures over the training, one panel each"></div>'
    )


def _examples(evaluation: RetrievalEvaluation, count: int, seed: int) -> Iterator[str]:
    gallery, best = evaluation.gallery, evaluation.best
    chosen = choose_queries(best.metrics, gallery.caption_person_ids, count=count, seed=seed)
    drawn = _Drawing(evaluation)
    for name, note, queries in (
        ("Best queries", "The highest average precision, one caption a person.", chosen.best),
        ("Worst queries", "The lowest average precision, one caption a person.", chosen.worst),
        ("Random queries", f"Drawn from all others with seed {seed}.", chosen.random),
    ):
        if not queries:
            continue
        yield f'<h2>{name}</h2>\n<p class="note">{note} {_legend(best.shown)}</p>'
        yield from (drawn.query(query) for query in queries)


def _legend(shown: str) -> str:
    return (
        f"Ranking shown: {shown}. A green frame and ✓ mark the right person; “source” marks "
        "the crop that the caption was written for."
    )


class _Drawing:
    """Draws queries; a crop that comes again is read once."""

    def __init__(self, evaluation: RetrievalEvaluation) -> None:
        self._gallery = evaluation.gallery
        self._best = evaluation.best
        self._picture = lru_cache(maxsize=1024)(
            lambda crop: _crop_uri(open_image(self._gallery.crops[crop]))
        )

    def query(self, query: int) -> str:
        gallery, best = self._gallery, self._best
        source = int(gallery.source_crops[query])
        person = int(gallery.caption_person_ids[query])
        found = zip(best.ids[query], best.scores[query], strict=True)
        ranked = "\n".join(
            self._ranked(rank, int(crop), float(score), (source, person))
            for rank, (crop, score) in enumerate(found, start=1)
        )
        return (
            f'<article class="query">\n<h3>“{escape(gallery.captions[query])}”</h3>\n'
            f"<p>{self._result(query)}</p>\n"
            f'<div class="found">\n<figure>{self._frame(source, "The source crop", "source")}'
            "<figcaption>asked for</figcaption></figure>\n"
            f"<ol>\n{ranked}\n</ol>\n</div>\n</article>"
        )

    def _result(self, query: int) -> str:
        metrics = self._best.metrics
        person = int(self._gallery.caption_person_ids[query])
        crops = int((self._gallery.person_ids == person).sum())
        return (
            f"Person {person}, {crops} {'crop' if crops == 1 else 'crops'} in the gallery · "
            f"first right crop at rank {int(metrics.first_match_ranks[query]):,} · "
            f"average precision {100 * metrics.average_precisions[query]:.1f} %"
        )

    def _ranked(self, rank: int, crop: int, score: float, asked: tuple[int, int]) -> str:
        source, person = asked
        right = int(self._gallery.person_ids[crop]) == person
        described = "the right person" if right else "another person"
        alt = f"Rank {rank}: {described}" + (", the source crop" if crop == source else "")
        frame = self._frame(crop, alt, "source" if crop == source else None)
        label = f"<b>{rank}{' ✓' if right else ''}</b> {score:.3f}"
        kind = ' class="right"' if right else ""
        return f"<li{kind}><figure>{frame}<figcaption>{label}</figcaption></figure></li>"

    def _frame(self, crop: int, alt: str, mark: str | None) -> str:
        label = "" if mark is None else f'<span class="mark">{mark}</span>'
        return (
            f'<div class="frame"><img src="{self._picture(crop)}" alt="{alt}" loading="lazy">'
            f"{label}</div>"
        )


def _crop_uri(image: Image.Image) -> str:
    image.thumbnail(_LARGEST_CROP, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=_QUALITY)
    return _data_uri("webp", buffer.getvalue())


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
