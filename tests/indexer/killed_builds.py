"""Builds that die: run as a program by the tests of publishing.

With CROPS INDEX it starts one build that says "encoding" and never ends. With CROPS BASE FOLDER
it copies the index BASE once for every step that a build takes on the file system, and builds in
each copy until just before that step, when the process kills itself; it prints the steps.
"""

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from indexer.build import build
from indexer.preparation import BuildOptions
from models.contracts import Float32Array
from tests.fakes import ColourEncoder

STEPS = ("open", "os.rename", "os.mkdir", "os.rmdir", "os.remove", "shutil.rmtree")


class EndlessEncoder(ColourEncoder):
    def encode_images(self, images: Sequence[Image.Image]) -> Float32Array:
        sys.stdout.write("encoding\n")
        sys.stdout.flush()
        time.sleep(3600)
        return super().encode_images(images)


def die_before_step(number: int, index: Path, report: int) -> None:
    """Kill this process before the step of that number below ``index``; tell which it was."""
    steps = 0

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal steps
        if event in STEPS and str(index) in str(arguments[0]):
            if steps == number:
                os.write(report, event.encode())
                os.kill(os.getpid(), signal.SIGKILL)
            steps += 1

    sys.addaudithook(audit)


def killed_at(crops: Path, index: Path, number: int) -> str:
    """Build in a child until step ``number``; return the step, or "" if there were fewer."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        die_before_step(number, index, write_end)
        build(crops, index, ColourEncoder(), BuildOptions(batch_size=2, workers=1))
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        step = pipe.read()
    _, status = os.waitpid(child, 0)
    expected = -signal.SIGKILL if step else 0
    if os.waitstatus_to_exitcode(status) != expected:
        raise RuntimeError(f"the build before step {number} ended with {status}")
    return step


def main() -> None:
    crops, index, *target = map(Path, sys.argv[1:])
    if not target:
        build(crops, index, EndlessEncoder())
    steps: list[str] = []
    for number in range(1000):
        copy = target[0] / str(number)
        shutil.copytree(index, copy)
        step = killed_at(crops, copy, number)
        if not step:
            shutil.rmtree(copy)
            break
        steps.append(step)
    sys.stdout.write(json.dumps({"killed_at": steps}))


if __name__ == "__main__":
    main()
