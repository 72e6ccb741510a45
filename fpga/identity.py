"""What a board says of itself: the words by which a host knows it has the right one before it."""

import hashlib
import zlib
from dataclasses import dataclass

from fpga.link.frame import MAGIC, PROTOCOL


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A board's name, the hash of its design and its clock in hertz."""

    board: int
    design: int
    clock: int

    def words(self) -> tuple[int, ...]:
        """Return the words that the link reads out."""
        low, high = self.design & 0xFFFFFFFF, self.design >> 32
        return MAGIC, PROTOCOL, self.board, low, high, self.clock

    @classmethod
    def of_words(cls, words: tuple[int, ...]) -> "Identity":
        """Return what ``words`` say; raise ``ValueError`` if they are no identity."""
        magic, protocol, board, low, high, clock = words
        if magic != MAGIC:
            raise ValueError(
                f"the magic is {magic:#010x}, not {MAGIC:#010x}: no board of this kind"
            )
        if protocol != PROTOCOL:
            raise ValueError(
                f"the board speaks protocol {protocol}, this host {PROTOCOL}: build it again"
            )
        return cls(board=board, design=high << 32 | low, clock=clock)


def board_number(name: str) -> int:
    """Number of a board's name."""
    return zlib.crc32(name.encode())


def design_hash(name: str, *parts: object) -> int:
    """Hash of a design: its name and what decides it, such as spec and plan; 64 bits."""
    text = f"{name}: {', '.join(map(repr, parts))}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
