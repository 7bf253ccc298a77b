"""Many crops in one picture, to look at."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from training.datasets.rendered_people.rendering import Rendering

_COLUMNS = 10
_LINE_ROWS = 11
_MOST_LINES = 14


def draw_sheet(renderings: Sequence[Rendering], captions: Sequence[str] | None, path: Path) -> None:
    """Save the crops side by side, each above its caption if there are any.

    Raises:
        ValueError: If there is nothing to draw, or not one caption per crop.
    """
    if not renderings:
        raise ValueError("a contact sheet needs at least one crop")
    if captions is not None and len(captions) != len(renderings):
        raise ValueError(f"{len(captions)} captions for {len(renderings)} crops")
    width = max(rendering.image.width for rendering in renderings)
    height = max(rendering.image.height for rendering in renderings)
    labels = [_wrapped(caption, max(8, width // 6)) for caption in captions or ()]
    label_rows = max((len(label) for label in labels), default=0) * _LINE_ROWS
    pitch = height + label_rows
    rows = -(-len(renderings) // _COLUMNS)
    columns = min(len(renderings), _COLUMNS)
    sheet = Image.new("RGB", (columns * width, rows * pitch), "white")
    for index, rendering in enumerate(renderings):
        left, top = index % _COLUMNS * width, index // _COLUMNS * pitch
        sheet.paste(rendering.image, (left, top))
        if captions is not None:
            sheet.paste(_label(labels[index], (width, label_rows)), (left, top + height))
    sheet.save(path)


def _label(lines: Sequence[str], size: tuple[int, int]) -> Image.Image:
    """Return a caption on a field of its own, so that it never runs into the next one."""
    field = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(field)
    for number, line in enumerate(lines):
        draw.text((2, number * _LINE_ROWS), line, fill="black", font_size=9)
    return field


def _wrapped(caption: str, letters: int) -> list[str]:
    """Break a caption into lines of about ``letters`` letters, as many as fit."""
    lines = [""]
    for word in caption.split():
        if lines[-1] and len(lines[-1]) + len(word) >= letters:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines[:_MOST_LINES]
