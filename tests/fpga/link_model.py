"""What the link does with a stream of bytes, in Python: bus requests and answers."""

import struct
from collections.abc import Iterable

from fpga.link.frame import (
    HEADER_BYTES,
    IDENTITY_WORDS,
    MOST_WORDS,
    Opcode,
    Status,
    Unframer,
    framed,
)


def value_at(address: int) -> int:
    """The word that every test's bus holds at an address."""
    return (address * 2654435761 + 12345) & 0xFFFFFFFF


class LinkModel:
    """Serves bytes as the link does; ``asked`` are the bus requests, ``answered`` the line.

    An address from ``refused`` on ends in an error.
    """

    def __init__(self, identity: Iterable[int], refused: int = 1 << 29) -> None:
        self.identity = list(identity)
        self.refused = refused
        self.asked: list[tuple[int, int, int]] = []
        self.answered = b""
        self._known: tuple[int, int] | None = None

    def feed(self, received: bytes) -> None:
        """Take bytes of the line."""
        unframer = Unframer()
        for byte in received:
            corrupt = unframer.corrupt
            for body in unframer.feed(bytes([byte])):
                self.answered += framed(self._serve(body))
            if unframer.corrupt > corrupt:
                self.answered += framed(bytes([0, Status.CORRUPT]))

    def _serve(self, body: bytes) -> bytes:
        head = body[:HEADER_BYTES].ljust(HEADER_BYTES, b"\0")
        sequence, opcode, count, address = struct.unpack("<BBBI", head)
        most = IDENTITY_WORDS if opcode == Opcode.IDENTIFY else MOST_WORDS
        size = HEADER_BYTES + (4 * count if opcode == Opcode.WRITE else 0)
        if len(body) != size or opcode > max(Opcode) or not 0 < count <= most:
            return bytes([sequence, Status.MALFORMED])
        if opcode == Opcode.IDENTIFY:
            self._known = None
            words = self.identity[:count]
            return struct.pack(f"<B{count}IB", sequence, *words, Status.DONE)
        address &= (1 << 30) - 1
        if opcode == Opcode.WRITE:
            return self._write(sequence, address, body[HEADER_BYTES:])
        words = []
        for place in range(address, address + count):
            self.asked.append((place, 0, 0))
            if place >= self.refused:
                return struct.pack(f"<B{len(words)}IB", sequence, *words, Status.REFUSED)
            words.append(value_at(place))
        return struct.pack(f"<B{count}IB", sequence, *words, Status.DONE)

    def _write(self, sequence: int, address: int, payload: bytes) -> bytes:
        if self._known is None or self._known[0] != sequence:
            status = Status.DONE
            for place, word in enumerate(struct.unpack(f"<{len(payload) // 4}I", payload), address):
                self.asked.append((place, 1, word))
                if place >= self.refused:
                    status = Status.REFUSED
                    break
            self._known = sequence, status
        return bytes([sequence, self._known[1]])
