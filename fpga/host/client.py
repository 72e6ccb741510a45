"""The host of a board: words written and read over a serial port, whatever the line does."""

from collections.abc import Sequence
from typing import Protocol

import serial

from fpga.boards import BAUD, BOARDS, Board
from fpga.design import Design
from fpga.identity import Identity
from fpga.link.frame import (
    IDENTITY_WORDS,
    MOST_WORDS,
    Opcode,
    Response,
    Status,
    Unframer,
    request,
    response,
)

ATTEMPTS = 8
SECONDS = 0.5
"""Wait for an answer before a request is repeated."""


class LinkError(RuntimeError):
    """The board cannot be talked to, or is another one; one sentence with the remedy."""


class Port(Protocol):
    """What a client needs of a serial port; pyserial's have it."""

    name: str

    def write(self, data: bytes, /) -> int | None:
        """Send bytes."""

    def read(self, size: int = 1, /) -> bytes:
        """Return up to ``size`` bytes, none after the port's time-out."""

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once."""


def open_port(name: str, seconds: float = SECONDS) -> serial.Serial:
    """Open a serial port that waits ``seconds`` for bytes; ``LinkError`` where there is none."""
    try:
        return serial.Serial(name, BAUD, timeout=seconds, write_timeout=4 * SECONDS)
    except (serial.SerialException, OSError, ValueError) as error:
        raise LinkError(
            f"cannot open the port {name!r} ({error}): plug the board in, or name its port"
        ) from None


class Client:
    """Requests with answers: each is repeated up to ``ATTEMPTS`` times, and done at most once.

    Requests follow each other; whatever the line loses or changes costs time only. Addresses count
    words of 32 bits.
    """

    def __init__(self, port: Port) -> None:
        self.port = port
        self.repeated = 0
        self._sequence = 0
        self._unframer = Unframer()

    def identify(self) -> Identity:
        """Begin a session, and return what the board says of itself."""
        answer = self._ask(Opcode.IDENTIFY, 0, IDENTITY_WORDS)
        try:
            return Identity.of_words(answer.words)
        except ValueError as error:
            raise LinkError(f"on {self.port.name}, {error}") from None

    def require(self, board: Board, design: Design) -> None:
        """Begin a session; raise ``LinkError`` unless ``design`` on ``board`` is there."""
        seen, wanted = self.identify(), board.identity(design)
        if seen.board != wanted.board:
            known = {one.identity(design).board: name for name, one in BOARDS.items()}
            raise LinkError(
                f"{known.get(seen.board, 'an unknown board')} is on {self.port.name}, not "
                f"{board.name}: name the board that is there, or its port"
            )
        if seen.design != wanted.design:
            known = {one.number: f"the design {name!r}" for name, one in board.designs.items()}
            raise LinkError(
                f"{board.name} holds {known.get(seen.design, 'another design')} with the hash "
                f"{seen.design:016x}, not {design.name!r} with {wanted.design:016x}: run "
                f"`make program BOARD={board.name} DESIGN={design.name}`"
            )

    def write(self, address: int, words: Sequence[int]) -> None:
        """Write words at ``address`` and on."""
        for start in range(0, len(words), MOST_WORDS):
            part = words[start : start + MOST_WORDS]
            self._ask(Opcode.WRITE, address + start, len(part), part)

    def read(self, address: int, count: int) -> list[int]:
        """Read ``count`` words from ``address`` on."""
        words: list[int] = []
        while len(words) < count:
            part = min(MOST_WORDS, count - len(words))
            words += self._ask(Opcode.READ, address + len(words), part).words
        return words

    def _ask(self, opcode: Opcode, address: int, count: int, words: Sequence[int] = ()) -> Response:
        # 0 is what an answer to a corrupt request carries.
        self._sequence = self._sequence % 255 + 1
        frame = request(self._sequence, opcode, address, count, words)
        expected = 0 if opcode == Opcode.WRITE else count
        for attempt in range(ATTEMPTS):
            self.repeated += attempt > 0
            answer = self._exchange(frame)
            if answer is None or answer.status == Status.CORRUPT:
                continue
            if answer.status != Status.DONE:
                raise LinkError(_refusal(answer.status, opcode, address, count))
            if len(answer.words) == expected:
                return answer
        raise LinkError(
            f"no board answers on {self.port.name} after {ATTEMPTS} attempts: check that it is "
            "powered, programmed and that this is its port"
        )

    def _exchange(self, frame: bytes) -> Response | None:
        """Send a frame and wait for its answer; None where none came, or a corrupt one."""
        corrupt = self._unframer.corrupt
        try:
            self.port.write(frame)
            while received := self.port.read(max(1, self.port.in_waiting)):
                for body in self._unframer.feed(received):
                    answer = response(body)
                    if answer is None:
                        continue
                    if answer.sequence == self._sequence or answer.status == Status.CORRUPT:
                        return answer
                if self._unframer.corrupt > corrupt:
                    return None
        except (serial.SerialException, OSError) as error:
            raise LinkError(
                f"the port {self.port.name} is gone ({error}): plug the board in and run again"
            ) from None
        return None


def _refusal(status: int, opcode: Opcode, address: int, count: int) -> str:
    what = "write" if opcode == Opcode.WRITE else "read"
    reason = {
        Status.REFUSED: "the design refuses it: no such address, or it takes no more input",
        Status.MALFORMED: "the board does not know such a request: build its bitstream again",
        Status.HUNG: "the design does not answer: reset the board",
    }.get(Status(status) if status in set(Status) else Status.MALFORMED)
    return f"the {what} of {count} words at {address:#x} failed: {reason}"
