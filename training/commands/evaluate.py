"""``evaluate``: how well a model finds people."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from models.command_lines import one_line_errors
from models.contracts import PersonEncoder
from models.errors import ConfigurationInvalid
from models.loading import load_encoder
from training.commands.progress_bars import console, progress_bar
from training.data_fingerprints import fingerprint_of
from training.datasets.captioned_crops import Split
from training.datasets.catalogue import CATALOGUE, reader_of
from training.datasets.rendered_people.settings import SettingName
from training.datasets.rendered_people.shards import RenderedCrops
from training.datasets.sources import gallery_of
from training.evaluation.captioned import (
    EvaluatedSplit,
    RetrievalEvaluation,
    RetrievalOptions,
    evaluate_retrieval,
)
from training.evaluation.ranking import Reranking, RerankingMethod, SecondStage
from training.evaluation.rendered import evaluate
from training.evaluation.report_page import write_report
from training.evaluation.row_order_reranking import NOTE, PUBLISHED_ALPHA, PUBLISHED_NEIGHBOURS
from training.preparation import prepare_people
from training.running import as_json
from training.selection import selected_on
from training.tracking import CURVES_FILE

RENDERED = "rendered-people"
HELD_OUT_SEED = 9001  # no shipped training's
OWN = "own"
EXAMPLES = 6  # of each kind on a report's page


def evaluate_model(  # noqa: PLR0913  one option each
    model: Annotated[str, typer.Argument(help="A model directory or name, as for the indexer.")],
    dataset: Annotated[
        str, typer.Argument(help=f"{RENDERED}, or one of {', '.join(CATALOGUE)}.")
    ] = RENDERED,
    root: Annotated[
        Path, typer.Argument(help="The data set's folder; where rendered people are kept.")
    ] = Path("runs/data"),
    split: Annotated[
        Literal["train", "val", "test"], typer.Option(help="Of a captioned data set.")
    ] = "test",
    protocol: Annotated[
        Literal["all", "wider_last_caption"],
        typer.Option(help="Which captions ask: all, or each crop's last as in WIDER."),
    ] = "all",
    report: Annotated[
        Path | None,
        typer.Option(help="Also write a page with examples of a captioned data set there."),
    ] = None,
    people: Annotated[int, typer.Option(min=2, help="Held-out rendered people.")] = 1000,
    sightings: Annotated[int, typer.Option(min=2, help="Crops of each.")] = 2,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, help=f"Of rendered people, by default {HELD_OUT_SEED}; else of the intervals, 0."
        ),
    ] = None,
    setting: Annotated[
        SettingName, typer.Option(help="Of rendered people; held_out flatters least.")
    ] = "training",
    captions: Annotated[int, typer.Option(min=1, help="Full captions of each person.")] = 1,
    rerank: Annotated[
        Literal["none", "rvn", "nafs_shipped"],
        typer.Option(
            help="Also re-rank: rvn by visual neighbours; nafs_shipped as NAFS' published code "
            f"does, which {NOTE}."
        ),
    ] = "none",
    alpha: Annotated[
        float | None, typer.Option(min=0.0, help="What full overlap of neighbours adds.")
    ] = None,
    neighbours: Annotated[int | None, typer.Option(min=1, help="Neighbours compared.")] = None,
    second_stage: Annotated[
        str | None,
        typer.Option(
            help=f"Also score the best crops by their parts: {OWN}, the model's, or those of "
            "another, named as the model is."
        ),
    ] = None,
    candidates: Annotated[
        int, typer.Option(min=1, help="Crops a query that the second stage scores.")
    ] = 100,
    weight: Annotated[
        float, typer.Option(min=0.0, help="What multiplies the second stage's score.")
    ] = 1.0,
) -> None:
    """Measure a model on people it has not seen; one JSON object on standard output."""
    with one_line_errors():
        reranking = _reranking(rerank, alpha, neighbours)
        if dataset == RENDERED:
            _require_no_page(report)
            drawn = HELD_OUT_SEED if seed is None else seed
            crops = _held_out_crops(root, (people, sightings, drawn), setting)
            encoder = load_encoder(model)
            figures = evaluate(
                encoder,
                crops,
                drawn,
                captions=captions,
                reranking=reranking,
                second_stage=_second_stage(encoder, second_stage, candidates, weight),
            )
            sys.stdout.write(as_json(figures) + "\n")
            return
        encoder = load_encoder(model)
        options = RetrievalOptions(
            protocol=protocol,
            reranking=reranking,
            second_stage=_second_stage(encoder, second_stage, candidates, weight),
            seed=seed or 0,
        )
        evaluation = _evaluate_captioned((model, encoder), (dataset, root), split, options)
        sys.stdout.write(as_json(evaluation.report) + "\n")
        if report is not None:
            page = write_report(
                evaluation, report, curves=_curves_of(model), examples=EXAMPLES, seed=seed or 0
            )
            console.print(f"wrote {page}", soft_wrap=True)


def _require_no_page(report: Path | None) -> None:
    if report is not None:
        raise ConfigurationInvalid(
            f"--report shows what captions of a data set find, and {RENDERED} are none: name one "
            f"of {', '.join(CATALOGUE)}"
        )


def _evaluate_captioned(
    named: tuple[str, PersonEncoder],
    data_set: tuple[str, Path],
    split: Split,
    options: RetrievalOptions,
) -> RetrievalEvaluation:
    model, encoder = named
    name, root = data_set
    data = reader_of(name).read(root)
    known = selected_on(Path(model), fingerprint_of(data), split)
    with progress_bar("encoding crops") as on_progress:
        return evaluate_retrieval(
            encoder,
            gallery_of(data, split),
            EvaluatedSplit(data.name, split, known),
            options,
            on_progress,
        )


def _second_stage(
    encoder: PersonEncoder, named: str | None, candidates: int, weight: float
) -> SecondStage | None:
    if named is None:
        return None
    return SecondStage(encoder if named == OWN else load_encoder(named), candidates, weight)


def _curves_of(model: str) -> Path | None:
    """Return the curves of the run that a model directory lies in, where it lies in one."""
    curves = Path(model).parent / CURVES_FILE
    return curves if curves.is_file() else None


def _held_out_crops(
    data: Path, held_out: tuple[int, int, int], setting: SettingName
) -> RenderedCrops:
    people, sightings, seed = held_out
    with progress_bar("rendering held-out people") as on_progress:
        return prepare_people(
            data,
            people=people,
            sightings=sightings,
            seed=seed,
            setting=setting,
            on_progress=on_progress,
        )


def _reranking(
    method: Literal["none"] | RerankingMethod, alpha: float | None, k: int | None
) -> Reranking | None:
    if method == "none":
        if alpha is not None or k is not None:
            raise ConfigurationInvalid(
                "--alpha and --neighbours belong to a re-ranking: add --rerank rvn"
            )
        return None
    if alpha is None or k is None:
        published = (
            f"; its authors' are {PUBLISHED_ALPHA:g} and {PUBLISHED_NEIGHBOURS}"
            if method == "nafs_shipped"
            else "; no values suit every model: tune them with another --seed than the report's"
        )
        raise ConfigurationInvalid(f"--rerank {method} needs --alpha and --neighbours{published}")
    return Reranking(method, alpha, k)
