"""What happens to requests in line, for whoever counts it."""

from typing import Literal, Protocol

Kind = Literal["text", "image", "call"]
"""What waits: a text, an image, or other work that needs the encoder for itself."""

KINDS: tuple[Kind, ...] = ("text", "image", "call")


class EncodingEvents(Protocol):
    """Told of everything that happens, from any thread; it must not block or raise."""

    def waiting(self, kind: Kind, number: int) -> None:
        """So many requests wait now."""
        ...

    def batch_encoded(self, kind: Kind, size: int, seconds: float) -> None:
        """A batch of so many requests took so long."""
        ...

    def waited(self, kind: Kind, seconds: float) -> None:
        """A request was in line for so long before its batch began."""
        ...

    def cache_asked(self, *, hit: bool) -> None:
        """A text was looked for among the answers that are kept."""
        ...

    def refused(self, kind: Kind) -> None:
        """A request was turned away from a full line."""
        ...

    def skipped(self, kind: Kind) -> None:
        """A request was cancelled while it waited, and not encoded."""
        ...

    def failed(self, kind: Kind) -> None:
        """The encoder could not encode a request."""
        ...


class Uncounted:
    """Nobody counts."""

    def waiting(self, kind: Kind, number: int) -> None:
        """Do nothing."""

    def batch_encoded(self, kind: Kind, size: int, seconds: float) -> None:
        """Do nothing."""

    def waited(self, kind: Kind, seconds: float) -> None:
        """Do nothing."""

    def cache_asked(self, *, hit: bool) -> None:
        """Do nothing."""

    def refused(self, kind: Kind) -> None:
        """Do nothing."""

    def skipped(self, kind: Kind) -> None:
        """Do nothing."""

    def failed(self, kind: Kind) -> None:
        """Do nothing."""
