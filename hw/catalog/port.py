"""What is told of a block in words: its function, its times, its rules, its ports."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Port:
    """Meaning of one payload port; ``axes`` names the dimensions of its elements."""

    meaning: str
    axes: tuple[str, ...] = ()
    sign: str | None = None


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a block computes, when, and what its ports mean; ``steps`` is what times refer to."""

    function: str
    latency: str
    throughput: str
    steps: str | None = None
    rules: tuple[str, ...]
    ports: Mapping[str, Port]
