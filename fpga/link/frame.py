"""Frames of the host link: what both ends agree on, and the host's reading and writing of it.

A frame is a flag, a body and a flag. Where the body holds a flag or an escape, an escape and the
byte with bit 5 flipped stand for it, so a flag always begins anew, whatever was lost before it.
The last four bytes of a body are the CRC-32 of the others, least significant byte first. Framing:
HDLC as in RFC 1662, with the CRC of IEEE 802.3.

Request: sequence, opcode, word count, word address (4 bytes), and the words of a write.
Response: the request's sequence, the words of a read, and a status.
All numbers are little-endian, words have 32 bits, addresses count words.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

FLAG, ESCAPE, TOGGLE = 0x7E, 0x7D, 0x20
HEADER_BYTES = 7
CRC_BYTES = 4
MOST_WORDS = 64
"""Words of a frame: what a board can keep until it has seen the CRC."""

PROTOCOL = 1
MAGIC = int.from_bytes(b"CIMR", "little")
IDENTITY_WORDS = 6
"""Magic, protocol, board, design (two words), clock in hertz."""


class Opcode(IntEnum):
    """What a request asks for. ``IDENTIFY`` also begins a session: it forgets the last write."""

    READ = 0
    WRITE = 1
    IDENTIFY = 2


class Status(IntEnum):
    """How a request ended.

    REFUSED
        The bus said error; words before the refused one were written.
    MALFORMED
        No such opcode, or a word count that is not the frame's.
    HUNG
        The bus has not answered in time, or still owes an earlier answer.
    CORRUPT
        A frame came with a wrong CRC; the sequence is 0, for nobody knows whose it was.
    """

    DONE = 0
    REFUSED = 1
    MALFORMED = 2
    HUNG = 3
    CORRUPT = 4


@dataclass(frozen=True, kw_only=True)
class Response:
    """What a board answered."""

    sequence: int
    words: tuple[int, ...]
    status: int


def request(
    sequence: int, opcode: Opcode, address: int, count: int, words: Sequence[int] = ()
) -> bytes:
    """Return the frame of a request; ``words`` are those of a write."""
    head = struct.pack("<BBBI", sequence, opcode, count, address)
    return framed(head + struct.pack(f"<{len(words)}I", *words))


def response(body: bytes) -> Response | None:
    """Read the body of a response; None where it is none."""
    if len(body) < 2 or (len(body) - 2) % 4:
        return None
    words = struct.unpack(f"<{(len(body) - 2) // 4}I", body[1:-1])
    return Response(sequence=body[0], words=words, status=body[-1])


def framed(body: bytes) -> bytes:
    """Return ``body`` with its CRC, escapes and flags."""
    whole = body + zlib.crc32(body).to_bytes(CRC_BYTES, "little")
    stuffed = whole.replace(bytes([ESCAPE]), bytes([ESCAPE, ESCAPE ^ TOGGLE]))
    stuffed = stuffed.replace(bytes([FLAG]), bytes([ESCAPE, FLAG ^ TOGGLE]))
    return bytes([FLAG]) + stuffed + bytes([FLAG])


class Unframer:
    """Finds frames in bytes as they come; ``corrupt`` counts those whose CRC was wrong."""

    def __init__(self) -> None:
        self.corrupt = 0
        self._body: bytearray | None = None
        self._escaped = False

    def feed(self, received: bytes) -> list[bytes]:
        """Return the bodies, without CRC, of the frames that ended in ``received``."""
        bodies = []
        for byte in received:
            if byte == FLAG:
                body = self._end()
                if body is not None:
                    bodies.append(body)
            elif self._body is None:
                continue
            elif byte == ESCAPE:
                self._escaped = True
            else:
                self._body.append(byte ^ TOGGLE if self._escaped else byte)
                self._escaped = False
        return bodies

    def _end(self) -> bytes | None:
        body, escaped = self._body, self._escaped
        self._body, self._escaped = bytearray(), False
        if not body:
            return None
        whole = bytes(body)
        kept, crc = whole[:-CRC_BYTES], whole[-CRC_BYTES:]
        if escaped or len(whole) <= CRC_BYTES or zlib.crc32(kept) != int.from_bytes(crc, "little"):
            self.corrupt += 1
            return None
        return kept
