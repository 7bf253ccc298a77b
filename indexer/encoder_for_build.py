"""The encoder of a build, in a precision that its crops bear, and what the build will take."""

from functools import partial
from typing import Protocol

from indexer.planning import plan, resources_at
from indexer.precision import encode_rate, first_images, parity_checked
from indexer.preparation import PreparedBuild
from models.contracts import PersonEncoder

_WORTH_TIMING = 1000  # crops: below, a build is over before its time is estimated


class LoadEncoder(Protocol):
    """How a model is loaded: ``models.loading.load_encoder``, or a test's stand-in."""

    def __call__(self, source: str, *, device: str, precision: str) -> PersonEncoder:
        """Return the encoder of that source."""
        ...


def load_for(
    prepared: PreparedBuild, load: LoadEncoder, device: str, precision: str
) -> tuple[PersonEncoder, str | None]:
    """Load the model of a build; where the precision is left to us, in one that keeps its vectors.

    Returns:
        The encoder, and what the user should know of its precision.

    Raises:
        ModelError: If the model cannot be loaded.
    """
    model = prepared.options.model_source
    encoder = load(model, device=device, precision=precision)
    if precision != "auto" or encoder.precision == "fp32":
        return encoder, None
    fp32 = partial(load, model, device=device, precision="fp32")
    encoder, parity = parity_checked(encoder, fp32, first_images(prepared.source))
    return encoder, parity.warning


def planned(prepared: PreparedBuild, encoder: PersonEncoder) -> list[str]:
    """Return what a build will take, for a reader, as far as that can be told.

    Raises:
        ConfigurationInvalid: If it does not fit the disk or the memory.
    """
    count = prepared.source.count()
    if count is None:
        return ["how many crops there are only the end of the archive will tell: no plan"]
    rate = None
    if count >= _WORTH_TIMING:
        rate = encode_rate(encoder, first_images(prepared.source))
    resources = resources_at(prepared.index, rate)
    return plan(count, encoder.card.embedding_width, resources, prepared.options.wishes).lines()
