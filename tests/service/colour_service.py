"""The service with the predictable encoder: ``python -m tests.service.colour_service``."""

import sys

from models.contracts import PersonEncoder
from service.cli import main
from tests.fakes import ColourEncoder


def load_colours(source: str, *, device: str, precision: str) -> PersonEncoder:
    assert (device, precision) == ("auto", "auto")
    return ColourEncoder(name=source, weights_sha256=("0" if source == "colour" else "1") * 64)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], load_colours))
