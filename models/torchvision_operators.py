"""Makes torchvision importable where its compiled operators do not fit the installed PyTorch.

A CPU build of PyTorch beside a CUDA build of torchvision cannot load torchvision's operators, and
then the mere import of torchvision (so of open_clip and timm) fails, because it attaches shapes
to operators that nobody declared. Declaring their schemas is enough; nobody here calls them.
The packages ``models.encoders`` and ``models.tokenizers`` do so in their ``__init__``, which
Python runs before any module of theirs and so before any import of torchvision.
"""

import functools
from importlib.machinery import PathFinder
from importlib.util import find_spec

import torch

_OPERATORS = ("nms", "qnms")


@functools.cache  # keeps the library object alive: its declarations go when it is collected
def declare_missing_operators() -> torch.library.Library | None:
    """Declare torchvision's operators, unless its own compiled extension can be loaded.

    Returns:
        The declarations, or None where none were missing.
    """
    package = find_spec("torchvision")  # finds the folder without running its __init__
    if package is None or _extension_loads(package.submodule_search_locations):
        return None
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for operator in _OPERATORS:
        schema = f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        library.define(schema)  # type: ignore[no-untyped-call]
    return library


def _extension_loads(folders: list[str] | None) -> bool:
    extension = PathFinder.find_spec("_C", folders)
    if extension is None or extension.origin is None:
        return False
    try:
        torch.ops.load_library(extension.origin)  # type: ignore[no-untyped-call]
    except OSError:
        return False
    return hasattr(torch.ops.torchvision, _OPERATORS[0])
