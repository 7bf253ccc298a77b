"""What the encoder's thread does with a batch of texts, of images, or with other work."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image

from models.contracts import PersonEncoder
from service.encoding.answers import EncodedImage, EncodedText
from service.encoding.batches import encode_each, length_of, runs_of_similar_length
from service.encoding.events import Kind
from service.encoding.text_cache import KeptText, TextCache
from service.encoding.waiting import Job


@dataclass(frozen=True)
class TextAsked:
    """A normalised text; a ``fresh`` answer is one that was kept from no earlier request."""

    text: str
    fresh: bool = False


@dataclass(frozen=True)
class TextLane:
    """Texts: equal ones are encoded once, and the answers are kept."""

    encoder: PersonEncoder
    cache: TextCache
    capacity: int
    batch_limit: int
    kind: Kind = "text"

    def answer(self, jobs: Sequence[Job[TextAsked]]) -> list[object]:
        """Return an ``EncodedText`` for each, or why there is none."""
        started = time.perf_counter()
        kept = self._kept_meanwhile(jobs)
        texts = dict.fromkeys(job.asked.text for job in jobs)
        encoded = self._encode([text for text in texts if text not in kept])
        seconds = time.perf_counter() - started
        answers: list[object] = []
        for job in jobs:
            text, waited_s = job.asked.text, started - job.arrived_s
            found = encoded.get(text)
            if isinstance(found, Exception):
                answers.append(found)
            elif found is None:
                answers.append(EncodedText(*kept[text], waited_s, 0.0, 0, cached=True))
            else:
                answer = EncodedText(*found, waited_s, seconds, len(jobs), cached=False)
                answers.append(answer)
        return answers

    def _kept_meanwhile(self, jobs: Sequence[Job[TextAsked]]) -> dict[str, KeptText]:
        """Return the answers that came while the same text waited here."""
        fresh = {job.asked.text for job in jobs if job.asked.fresh}
        asked = {job.asked.text for job in jobs} - fresh
        found = {text: self.cache.look_again(text) for text in asked}
        return {text: answer for text, answer in found.items() if answer is not None}

    def _encode(self, texts: Sequence[str]) -> dict[str, KeptText | Exception]:
        outcomes: dict[str, KeptText | Exception] = {}
        readings = {}
        for text in texts:
            try:
                readings[text] = self.encoder.read_text(text)
            except Exception as error:  # noqa: BLE001 - it is the answer to this text alone
                outcomes[text] = error
        readable = list(readings)
        lengths = [length_of(text, reading) for text, reading in readings.items()]
        for run in runs_of_similar_length(lengths):
            together = [readable[position] for position in run]
            width = self.encoder.card.embedding_width
            rows = encode_each(self.encoder.encode_texts, together, width)
            for text, row in zip(together, rows, strict=True):
                if isinstance(row, Exception):
                    outcomes[text] = row
                else:
                    outcomes[text] = KeptText(row, readings[text])
                    self.cache.keep(text, KeptText(row, readings[text]))
        return outcomes


@dataclass(frozen=True)
class ImageLane:
    """Images; nothing of them is kept."""

    encoder: PersonEncoder
    capacity: int
    batch_limit: int
    kind: Kind = "image"

    def answer(self, jobs: Sequence[Job[Image.Image]]) -> list[object]:
        """Return an ``EncodedImage`` for each, or why there is none."""
        started = time.perf_counter()
        width = self.encoder.card.embedding_width
        rows = encode_each(self.encoder.encode_images, [job.asked for job in jobs], width)
        seconds = time.perf_counter() - started
        return [
            row
            if isinstance(row, Exception)
            else EncodedImage(row, started - job.arrived_s, seconds, len(jobs))
            for job, row in zip(jobs, rows, strict=True)
        ]


@dataclass(frozen=True)
class CallLane:
    """Other work that needs the encoder for itself, one piece at a time."""

    capacity: int
    batch_limit: int = 1
    kind: Kind = "call"

    def answer(self, jobs: Sequence[Job[Callable[[], object]]]) -> list[object]:
        """Return what each returned or raised."""
        return [_outcome(job.asked) for job in jobs]


def _outcome(work: Callable[[], object]) -> object:
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - raised again where the answer is awaited
        return error
