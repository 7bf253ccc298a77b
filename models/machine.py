"""What a machine offers to a model; ``models.devices`` finds it out."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """A CUDA device and its memory in bytes."""

    name: str
    memory_bytes: int


@dataclass(frozen=True)
class Machine:
    """Processor features that speed models up, threads, GPUs, and what torch was built for.

    ``precision`` is what ``auto`` means here; ``cuda_build`` is None where torch has no CUDA.
    """

    processor: str
    torch_version: str
    cuda_build: str | None
    features: tuple[str, ...]
    threads: int
    gpus: tuple[Gpu, ...]
    device: str
    precision: str
