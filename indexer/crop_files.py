"""Read one file below a folder, and nothing outside it."""

import os
import stat
from pathlib import Path

from models.errors import CropUnreadable

MAX_FILE_BYTES = 64 * 2**20


def is_inside(root: Path, path: Path) -> bool:
    """Tell whether the file a path leads to, links followed, lies in the resolved ``root``.

    Raises:
        OSError: If the path leads nowhere or round in a loop.
    """
    try:
        return path.resolve(strict=True).is_relative_to(root)
    except RuntimeError as error:  # how pathlib reports a loop of links before Python 3.13
        raise OSError(str(error)) from error


def read_crop_file(root: Path, relative: str) -> bytes:
    """Return the content of a regular file; ``root`` must be resolved.

    Raises:
        CropUnreadable: If it is gone, outside ``root``, no regular file, or too large; the
            message is the reason alone.
    """
    path = root / relative
    try:
        if not is_inside(root, path):
            raise CropUnreadable("a link leads out of the crops folder")
        # Without O_NONBLOCK the opening of a named pipe would wait for a writer for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise CropUnreadable("not a regular file")
            if status.st_size > MAX_FILE_BYTES:
                raise CropUnreadable(too_large(status.st_size))
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise CropUnreadable("the file is gone") from error
    except OSError as error:
        raise CropUnreadable(f"the file cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_FILE_BYTES:
        raise CropUnreadable(too_large(len(content)))
    return content


def too_large(size_bytes: int) -> str:
    """Say that a file has more bytes than is read."""
    return f"too large: {size_bytes:,} bytes, at most {MAX_FILE_BYTES:,}"
