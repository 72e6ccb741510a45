"""How a program chooses its own next input: greedy decoding, token by token."""

from dataclasses import dataclass

from golden.spec import require_range


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """The likeliest token each time, the lowest of equals, up to ``end`` or ``limit`` tokens.

    ``growing`` is the graph's input of token ids that gets one longer each time, from ``start``.
    """

    growing: str = "target_ids"
    start: int
    end: int
    limit: int

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            require_range(name, getattr(self, name), 0, (1 << 31) - 1)
        require_range("limit", self.limit, 1, 4096)
