"""What a run tells while it goes on: one JSON line a report, TensorBoard events, curves."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

METRICS_FILE = "metrics.jsonl"
CURVES_FILE = "curves.png"
EVENTS_FOLDER = "events"

_COLUMNS = 3
_PANEL_INCHES = (4.2, 2.6)


class Tracker:
    """Appends records to ``metrics.jsonl`` and the same numbers to TensorBoard's events.

    ``step`` is where the run goes on; TensorBoard then hides the events of later steps.
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        self._path = folder / METRICS_FILE
        self._file = self._path.open("a", encoding="utf-8")
        self._events = SummaryWriter(
            str(folder / EVENTS_FOLDER), purge_step=step + 1 if step else None
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._events.close()

    def record(self, step: int, values: Mapping[str, float], *, group: str) -> None:
        """Write numbers of one moment; ``group`` is ``train`` or ``validation``."""
        line = {"step": step, "group": group, **values}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        for name, value in values.items():
            self._events.add_scalar(f"{group}/{name}", value, step)


def forget_after(folder: Path, step: int) -> None:
    """Drop records of later steps than the one a run resumes from: they will come again.

    So is the rest of a record that was not written to its end.
    """
    path = folder / METRICS_FILE
    if not path.is_file():
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    partial = path.with_suffix(".partial")
    partial.write_text(
        "".join(line for line in whole if json.loads(line)["step"] <= step), encoding="utf-8"
    )
    partial.replace(path)


def draw_curves(folder: Path) -> None:
    """Draw every number of ``metrics.jsonl`` over the steps as a panel of ``curves.png``."""
    series: dict[str, list[tuple[int, float]]] = {}
    for line in (folder / METRICS_FILE).read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        for name, value in record.items():
            if name not in ("step", "group"):
                series.setdefault(f"{record['group']}: {name}", []).append((record["step"], value))
    if not series:
        return
    rows = math.ceil(len(series) / _COLUMNS)
    # Agg draws to files; a figure made without pyplot is kept by nobody and needs no closing.
    figure = Figure((_COLUMNS * _PANEL_INCHES[0], rows * _PANEL_INCHES[1]))
    for position, (name, points) in enumerate(series.items(), 1):
        axes = figure.add_subplot(rows, _COLUMNS, position)
        # A line through one point would be nothing to see.
        axes.plot(*zip(*points, strict=True), linewidth=1, marker="." if len(points) < 2 else "")
        axes.set_title(name, fontsize=9)
        axes.grid(alpha=0.3)
        axes.tick_params(labelsize=7)
    figure.tight_layout()
    figure.savefig(folder / CURVES_FILE, dpi=90)
