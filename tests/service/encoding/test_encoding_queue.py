"""The queue: batches of what waits, order, errors, refusals, cancellations, death and closing."""

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from models.contracts import Float32Array, TextReading
from service.encoding import (
    EncodedText,
    EncodingBroken,
    EncodingLimits,
    EncodingOverloaded,
    EncodingQueue,
    EncodingStopped,
    encoding_queue,
)
from tests.fakes import COLOURS, ColourEncoder
from tests.service.encoding.conftest import (
    PATIENCE_S,
    CountedEvents,
    HeldEncoder,
    encoding,
    started,
    until,
    within_patience,
)

RED = np.array(COLOURS["red"]) / np.sqrt(3)


async def behind(
    queue: EncodingQueue, encoder: HeldEncoder, texts: Sequence[str], events: CountedEvents
) -> list[EncodedText | BaseException]:
    """Have texts wait in line while another is encoded; return how each of them ended."""
    encoder.go.clear()
    first = asyncio.ensure_future(queue.encode("first"))
    await encoding(encoder)
    tasks = [asyncio.ensure_future(queue.encode(text)) for text in texts]
    await until(lambda: events.depths["text"] == len(texts))
    encoder.go.set()
    await first
    return list(await asyncio.gather(*tasks, return_exceptions=True))


def test_a_text_becomes_its_vector_and_what_is_read_of_it() -> None:
    encoder = HeldEncoder()
    with started(encoder) as queue:
        encoded = within_patience(lambda: queue.encode("  woman in \n red "))
    np.testing.assert_allclose(encoded.vector, RED, atol=1e-6)
    assert encoded.reading.words == ("woman", "in", "red")
    assert (encoded.batch_size, encoded.cached) == (1, False)
    assert encoded.waited_s >= 0
    assert encoded.encoded_s > 0
    assert encoder.calls == [["woman in red"]]
    assert encoder.threads == {"encoder"}


def test_an_idle_queue_encodes_at_once_and_a_busy_one_what_waits_together() -> None:
    encoder, events = HeldEncoder(), CountedEvents()
    with started(encoder, EncodingLimits(batch_texts=3), events) as queue:
        texts = ["red one two", "blue", "green one", "black", "white"]
        ended = within_patience(lambda: behind(queue, encoder, texts, events))
    assert [call for call in encoder.calls if len(call) == 3] == [
        ["blue", "green one", "red one two"]
    ]
    assert encoder.calls[0] == ["first"]
    assert events.sizes == [("text", 1), ("text", 3), ("text", 2)]
    sizes = [each.batch_size for each in ended if isinstance(each, EncodedText)]
    assert sizes == [3, 3, 3, 2, 2]
    for text, each in zip(texts, ended, strict=True):
        assert isinstance(each, EncodedText)
        colour = np.array(COLOURS[text.split()[0]]) / np.sqrt(3)
        np.testing.assert_allclose(each.vector, colour, atol=1e-6)


def test_the_same_text_is_encoded_once_and_kept() -> None:
    encoder, events = HeldEncoder(), CountedEvents()
    with started(encoder, events=events) as queue:
        texts = ["red", " red", "red ", "blue"]
        ended = within_patience(lambda: behind(queue, encoder, texts, events))
        again = within_patience(lambda: queue.encode("red"))
    assert encoder.calls == [["first"], ["red", "blue"]]
    assert all(isinstance(each, EncodedText) and not each.cached for each in ended)
    assert again.cached
    assert (again.batch_size, again.encoded_s) == (0, 0.0)
    np.testing.assert_allclose(again.vector, RED, atol=1e-6)
    assert (queue.cache.hits, queue.cache.misses) == (1, 5)
    assert (events.counts["hit"], events.counts["miss"]) == (1, 5)


def test_what_was_answered_while_the_same_text_waited_is_not_encoded_again() -> None:
    encoder, events = HeldEncoder(), CountedEvents()
    with started(encoder, events=events) as queue:
        (ended,) = within_patience(lambda: behind(queue, encoder, ["first"], events))
    assert isinstance(ended, EncodedText)
    assert ended.cached
    assert encoder.calls == [["first"]]


def test_a_probe_goes_first_past_the_cache_and_into_a_full_queue() -> None:
    encoder, events = HeldEncoder(), CountedEvents()
    limits = EncodingLimits(batch_texts=1, waiting_texts=2)

    async def probe(queue: EncodingQueue) -> EncodedText:
        await queue.encode("red")
        encoder.go.clear()
        encoder.entered = threading.Semaphore(0)
        tasks = [asyncio.ensure_future(queue.encode("first"))]
        await encoding(encoder)
        tasks += [asyncio.ensure_future(queue.encode(text)) for text in ("blue", "green")]
        await until(lambda: events.depths["text"] == 2)
        probing = asyncio.ensure_future(queue.encode("red", probe=True))
        await until(lambda: events.depths["text"] == 3)
        encoder.go.set()
        await asyncio.gather(*tasks)
        return await probing

    with started(encoder, limits, events) as queue:
        assert not within_patience(lambda: probe(queue)).cached
    assert encoder.calls == [["red"], ["first"], ["red"], ["blue"], ["green"]]


def test_a_poisoned_text_fails_alone() -> None:
    encoder, events = HeldEncoder(), CountedEvents()
    with started(encoder, events=events) as queue:
        texts = ["red", "poison", "nan", "blue"]
        ended = within_patience(lambda: behind(queue, encoder, texts, events))
        assert queue.fault() is None
        with pytest.raises(ValueError, match="cannot encode 1 texts"):  # an error is not kept
            within_patience(lambda: queue.encode("poison"))
    red, poisoned, not_finite, blue = ended
    assert isinstance(red, EncodedText)
    assert isinstance(blue, EncodedText)
    assert repr(poisoned) == "ValueError('cannot encode 1 texts')"
    assert isinstance(not_finite, EncodingBroken)
    assert events.counts["failed text"] == 3


class Unreadable(ColourEncoder):
    def read_text(self, text: str) -> TextReading:
        if text == "odd":
            raise StopIteration
        return super().read_text(text)


def test_a_text_that_cannot_be_read_fails_alone_whatever_is_raised() -> None:
    async def both(queue: EncodingQueue) -> list[EncodedText | BaseException]:
        tasks = (queue.encode("odd"), queue.encode("red"))
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    with started(Unreadable()) as queue:
        odd, red = within_patience(lambda: both(queue))
    assert isinstance(odd, RuntimeError)
    assert isinstance(red, EncodedText)


def test_a_full_queue_refuses_and_says_when_to_come_again() -> None:
    encoder, events = HeldEncoder(), CountedEvents()

    async def overload(queue: EncodingQueue) -> None:
        encoder.go.clear()
        tasks = [asyncio.ensure_future(queue.encode("first"))]
        await encoding(encoder)
        tasks += [asyncio.ensure_future(queue.encode(f"red {n}")) for n in range(3)]
        await until(lambda: events.depths["text"] == 3)
        with pytest.raises(EncodingOverloaded, match="3 requests wait") as refused:
            await queue.encode("one too many")
        assert refused.value.retry_after_s >= 1
        encoder.go.set()
        await asyncio.gather(*tasks)
        assert (await queue.encode("one too many")).batch_size == 1

    with started(encoder, EncodingLimits(waiting_texts=3), events) as queue:
        within_patience(lambda: overload(queue))
    assert events.counts["refused text"] == 1


def test_the_cancelled_are_not_encoded() -> None:
    encoder, events = HeldEncoder(), CountedEvents()

    async def cancel_some(queue: EncodingQueue) -> None:
        encoder.go.clear()
        tasks = [asyncio.ensure_future(queue.encode("first"))]
        await encoding(encoder)
        tasks += [asyncio.ensure_future(queue.encode(text)) for text in ("red", "blue", "green")]
        await until(lambda: events.depths["text"] == 3)
        tasks[1].cancel()
        tasks[3].cancel()
        await asyncio.wait([tasks[1], tasks[3]])
        encoder.go.set()
        assert (await tasks[2]).batch_size == 1
        await tasks[0]

    with started(encoder, events=events) as queue:
        within_patience(lambda: cancel_some(queue))
    assert encoder.calls == [["first"], ["blue"]]
    assert events.counts["skipped text"] == 2


def test_images_are_encoded_together_apart_from_texts() -> None:
    encoder, events = HeldEncoder(), CountedEvents()

    async def mixed(queue: EncodingQueue) -> None:
        encoder.go.clear()
        first = asyncio.ensure_future(queue.encode("first"))
        await encoding(encoder)
        colours = ((255, 0, 0), (0, 0, 255))
        images = [
            asyncio.ensure_future(queue.encode_image(Image.new("RGB", (4, 8), colour)))
            for colour in colours
        ]
        text = asyncio.ensure_future(queue.encode("red"))
        await until(lambda: events.depths.get("image", 0) == 2)
        encoder.go.set()
        red, blue = await asyncio.gather(*images)
        np.testing.assert_allclose(red.vector, RED, atol=1e-6)
        np.testing.assert_allclose(blue.vector, np.array(COLOURS["blue"]) / np.sqrt(3), atol=1e-6)
        assert (red.batch_size, (await text).batch_size) == (2, 1)
        await first

    with started(encoder, events=events) as queue:
        within_patience(lambda: mixed(queue))
    assert encoder.image_calls == [2]
    assert events.sizes == [("text", 1), ("image", 2), ("text", 1)]
    assert encoder.threads == {"encoder"}


def test_a_huge_image_fills_the_line_that_small_ones_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder, events = HeldEncoder(), CountedEvents()
    monkeypatch.setattr(encoding_queue, "PIXELS_A_WEIGHT", 100)
    small, huge = Image.new("L", (4, 8)), Image.new("L", (10, 20))  # weights 1 and 3

    async def fill(queue: EncodingQueue) -> None:
        encoder.go.clear()
        tasks = [asyncio.ensure_future(queue.encode_image(huge))]
        await encoding(encoder)
        tasks += [asyncio.ensure_future(queue.encode_image(each)) for each in (huge, small)]
        await until(lambda: events.depths["image"] == 2)
        with pytest.raises(EncodingOverloaded):
            await queue.encode_image(small)
        encoder.go.set()
        await asyncio.gather(*tasks)
        await queue.encode_image(small)

    with started(encoder, EncodingLimits(waiting_images=4), events) as queue:
        within_patience(lambda: fill(queue))


def test_other_work_runs_on_the_encoder_s_thread() -> None:
    with started(HeldEncoder()) as queue:
        name = within_patience(lambda: queue.run(lambda: threading.current_thread().name))
        with pytest.raises(ZeroDivisionError):
            within_patience(lambda: queue.run(lambda: 1 // 0))
    assert name == "encoder"


def test_a_queue_is_warmed_up_with_batches_of_every_power_of_two() -> None:
    encoder = HeldEncoder()
    with started(encoder, EncodingLimits(batch_texts=8)) as queue:
        within_patience(queue.warm_up)
    assert [len(call) for call in encoder.calls] == [1, 2, 4, 8]


class Dying(HeldEncoder):
    def encode_texts(self, texts: Sequence[str]) -> Float32Array:
        super().encode_texts(texts)
        raise SystemExit


def test_a_dead_thread_fails_everybody_and_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    encoder, events = Dying(), CountedEvents()

    async def die(queue: EncodingQueue) -> list[EncodedText | BaseException]:
        encoder.go.clear()
        tasks = [asyncio.ensure_future(queue.encode("secret first"))]
        await encoding(encoder)
        tasks += [asyncio.ensure_future(queue.encode(text)) for text in ("red", "blue")]
        await until(lambda: events.depths["text"] == 2)
        assert queue.fault() is None
        encoder.go.set()
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    with started(encoder, events=events) as queue:
        ended = within_patience(lambda: die(queue))
        assert [type(each) for each in ended] == [EncodingStopped] * 3
        assert queue.fault() == "the encoder's thread ended with SystemExit"
        with pytest.raises(EncodingStopped, match="SystemExit"):
            within_patience(lambda: queue.encode("green"))
    assert events.depths["text"] == 0
    logged = capsys.readouterr().out
    assert "encoder_died" in logged
    assert "secret" not in logged


def test_a_batch_that_never_ends_is_a_fault() -> None:
    encoder = HeldEncoder()

    async def hang(queue: EncodingQueue) -> None:
        encoder.go.clear()
        task = asyncio.ensure_future(queue.encode("red"))
        await encoding(encoder)
        await until(lambda: queue.fault() is not None)
        fault = queue.fault()
        encoder.go.set()
        await task
        await until(lambda: queue.fault() is None)
        assert fault == "the encoder has been busy with one batch for 0.02 s"

    with started(encoder, EncodingLimits(stuck_s=0.02)) as queue:
        within_patience(lambda: hang(queue))


def test_a_queue_that_was_not_started_has_a_fault() -> None:
    queue = EncodingQueue(ColourEncoder())
    assert queue.fault() == "the encoder's thread does not run"
    queue.close()


def test_closing_answers_those_in_line_and_admits_nobody() -> None:
    encoder, events = HeldEncoder(), CountedEvents()

    async def close(queue: EncodingQueue) -> list[EncodedText | BaseException]:
        encoder.go.clear()
        tasks = [asyncio.ensure_future(queue.encode("first"))]
        await encoding(encoder)
        tasks.append(asyncio.ensure_future(queue.encode("red")))
        await until(lambda: events.depths["text"] == 1)
        closing = asyncio.ensure_future(asyncio.to_thread(queue.close))
        await until(lambda: queue._line._closed is not None)
        with pytest.raises(EncodingStopped, match="closing"):
            await queue.encode("late")
        encoder.go.set()
        await closing
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    with started(encoder, events=events) as queue:
        ended = within_patience(lambda: close(queue))
    assert all(isinstance(each, EncodedText) for each in ended)


def test_closing_does_not_wait_for_ever() -> None:
    encoder, events = HeldEncoder(), CountedEvents()

    async def give_up(queue: EncodingQueue) -> list[EncodedText | BaseException]:
        encoder.go.clear()
        tasks = [asyncio.ensure_future(queue.encode("first"))]
        await encoding(encoder)
        tasks.append(asyncio.ensure_future(queue.encode("red")))
        await until(lambda: events.depths["text"] == 1)
        await asyncio.to_thread(queue.close, 0.01)
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    queue = EncodingQueue(encoder, events=events)
    queue.start()
    ended = within_patience(lambda: give_up(queue))
    assert [type(each) for each in ended] == [EncodingStopped] * 2
    encoder.go.set()
    within_patience(lambda: until(lambda: queue.fault() is not None))
    assert queue.fault() == "the encoder's thread does not run"


def test_an_answer_for_a_loop_that_has_closed_is_dropped() -> None:
    encoder = HeldEncoder()
    with started(encoder) as queue:
        encoder.go.clear()
        loop = asyncio.new_event_loop()
        task = loop.create_task(queue.encode("red"))
        loop.run_until_complete(asyncio.sleep(0.01))
        assert encoder.entered.acquire(timeout=PATIENCE_S)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()
        encoder.go.set()
        assert within_patience(lambda: queue.encode("blue")).batch_size == 1


def test_requests_of_many_loops_are_answered() -> None:
    vectors: list[Float32Array] = []
    with started(ColourEncoder()) as queue:

        def ask(number: int) -> None:
            text = f"red {number}"
            vectors.append(within_patience(lambda: queue.encode(text)).vector)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(vectors) == 8
    np.testing.assert_allclose(np.array(vectors), np.tile(RED, (8, 1)), atol=1e-6)
