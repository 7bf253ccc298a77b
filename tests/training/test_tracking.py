import json
from pathlib import Path

import numpy as np
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
    EventAccumulator,
)

from training.tracking import (
    CURVES_FILE,
    EVENTS_FOLDER,
    METRICS_FILE,
    Tracker,
    draw_curves,
    forget_after,
)


def lines(folder: Path) -> list[dict[str, float | str]]:
    return [json.loads(line) for line in (folder / METRICS_FILE).read_text().splitlines()]


def scalars(folder: Path, name: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder / EVENTS_FOLDER))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(name)]


def dark_pixels(folder: Path) -> float:
    """The share of the picture that is neither white nor nearly so."""
    with Image.open(folder / CURVES_FILE) as image:
        assert image.format == "PNG"
        return float((np.asarray(image.convert("L")) < 160).mean())


def test_records_are_lines_and_events(tmp_path: Path) -> None:
    with Tracker(tmp_path) as tracker:
        tracker.record(1, {"loss": 2.5, "rate": 0.5}, group="train")
        assert len(lines(tmp_path)) == 1  # at once, for who looks on
        tracker.record(2, {"loss": 1.25, "rate": 0.25}, group="train")
        tracker.record(2, {"recall_at_1": 0.5}, group="validation")
    assert lines(tmp_path) == [
        {"step": 1, "group": "train", "loss": 2.5, "rate": 0.5},
        {"step": 2, "group": "train", "loss": 1.25, "rate": 0.25},
        {"step": 2, "group": "validation", "recall_at_1": 0.5},
    ]
    assert scalars(tmp_path, "train/loss") == [(1, 2.5), (2, 1.25)]
    assert scalars(tmp_path, "validation/recall_at_1") == [(2, 0.5)]


def test_a_run_that_goes_on_replaces_what_came_after(tmp_path: Path) -> None:
    with Tracker(tmp_path) as tracker:
        for step in range(1, 6):
            tracker.record(step, {"loss": step}, group="train")
    forget_after(tmp_path, 3)
    with Tracker(tmp_path, 3) as tracker:
        for step in (4, 5, 6):
            tracker.record(step, {"loss": 10 * step}, group="train")
    expected = [(1, 1), (2, 2), (3, 3), (4, 40), (5, 50), (6, 60)]
    assert [(line["step"], line["loss"]) for line in lines(tmp_path)] == expected
    assert scalars(tmp_path, "train/loss") == expected


def test_half_a_line_of_a_run_that_was_killed_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / METRICS_FILE
    path.write_text('{"step": 1, "group": "train"}\n{"step": 2, "gr', encoding="utf-8")
    forget_after(tmp_path, 7)
    assert lines(tmp_path) == [{"step": 1, "group": "train"}]
    assert [found.name for found in tmp_path.iterdir()] == [METRICS_FILE]


def test_there_is_nothing_to_forget_before_the_first_record(tmp_path: Path) -> None:
    forget_after(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []


def test_curves_show_every_number(tmp_path: Path) -> None:
    with Tracker(tmp_path) as tracker:
        for step in range(20):
            tracker.record(step, {"loss": 1 / (1 + step)}, group="train")
    draw_curves(tmp_path)
    with Image.open(tmp_path / CURVES_FILE) as image:
        width, height = image.size
    alone = dark_pixels(tmp_path)
    assert alone > 0.005
    with Tracker(tmp_path) as tracker:
        for name in "abc":
            tracker.record(20, {name: 1.0}, group="validation")
    draw_curves(tmp_path)
    with Image.open(tmp_path / CURVES_FILE) as image:
        assert image.size == (width, 2 * height)  # four panels, three a row
    assert dark_pixels(tmp_path) * 2 > 3 * alone


def test_a_single_point_can_be_seen(tmp_path: Path) -> None:
    with Tracker(tmp_path) as tracker:
        tracker.record(1, {"loss": 1.0}, group="train")
    draw_curves(tmp_path)
    with Image.open(tmp_path / CURVES_FILE) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    assert (pixels[..., 2] - pixels[..., 0] > 80).any()  # matplotlib's first blue


def test_without_a_record_nothing_is_drawn(tmp_path: Path) -> None:
    with Tracker(tmp_path):
        pass
    draw_curves(tmp_path)
    assert not (tmp_path / CURVES_FILE).exists()
