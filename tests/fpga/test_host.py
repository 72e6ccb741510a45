"""The host against a board's top in Verilator, through a pseudo-terminal."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import serial

from fpga.boards import BOARDS, Board
from fpga.design import Design
from fpga.host.client import Client, LinkError, open_port
from fpga.host.streams import StreamHost
from fpga.host.trial import run_trial
from fpga.simulation import program_of, served
from sim.row import Mismatch

BOARD = BOARDS["sim-ice40"]
SECONDS = 0.1
"""Wait for an answer: a simulation is quick."""


class Noisy:
    """A port whose line flips, drops and doubles one byte in ``one_in``, both ways."""

    def __init__(self, port: serial.Serial, one_in: int, seed: int) -> None:
        self.port, self.one_in, self.name = port, one_in, port.name
        self.rng = np.random.default_rng(seed)

    @property
    def in_waiting(self) -> int:
        return self.port.in_waiting

    def write(self, data: bytes) -> int | None:
        return self.port.write(self._disturbed(data))

    def read(self, size: int = 1) -> bytes:
        received = self.port.read(size)
        # Nothing is what a time-out gives: a line that lost its bytes goes on waiting.
        while received and not (left := self._disturbed(received)):
            received = self.port.read(size)
        return left if received else b""

    def _disturbed(self, data: bytes) -> bytes:
        kinds = np.where(
            self.rng.integers(self.one_in, size=len(data)), 3, self.rng.integers(3, size=len(data))
        )
        forms = {
            0: lambda byte: bytes([byte ^ int(self.rng.integers(1, 256))]),
            1: lambda byte: b"",
            2: lambda byte: bytes([byte, byte]),
            3: lambda byte: bytes([byte]),
        }
        return b"".join(forms[int(kind)](byte) for kind, byte in zip(kinds, data, strict=True))


@pytest.fixture(scope="module")
def macro() -> Design:
    return BOARD.design("macro")


@pytest.fixture(scope="module")
def program(macro: Design) -> Path:
    return program_of(BOARD, macro)


@pytest.fixture
def port(program: Path) -> Iterator[serial.Serial]:
    with served(program) as name, open_port(name, SECONDS) as opened:
        yield opened


@pytest.mark.parametrize(
    ("board", "name", "count"),
    [("sim-ice40", "macro", 300), ("sim-ice40", "softmax", 300), ("sim", "engine", 60)],
)
def test_a_design_computes_what_golden_does(board, name, count):
    chosen = BOARDS[board]
    design = chosen.design(name)
    with served(program_of(chosen, design)) as terminal, open_port(terminal) as opened:
        first = run_trial(opened, chosen, design, seed=1, count=count)
        # A second session begins anew, whatever the first one left.
        second = run_trial(opened, chosen, design, seed=2, count=count // 3)
    assert first.beats["o"] >= count and second.beats["o"] >= count // 3


def test_streams_that_wait_for_each_other_are_told_when_one_is_short(monkeypatch):
    board, inner = BOARDS["sim"], StreamHost.run
    design = board.design("engine")

    def run(self: StreamHost, inputs: Any, outputs: Any, **options: Any) -> Any:
        return inner(self, {**inputs, "jobs": inputs["jobs"][:1]}, outputs, **options)

    monkeypatch.setattr(StreamHost, "run", run)
    with (
        served(program_of(board, design)) as terminal,
        open_port(terminal) as opened,
        pytest.raises(LinkError, match="takes no more beats of any stream: reset the board"),
    ):
        run_trial(opened, board, design, seed=1, count=60)


def test_a_noisy_line_costs_time_only(port, macro):
    trial = run_trial(Noisy(port, 1500, seed=5), BOARD, macro, seed=3, count=1000)
    assert trial.repeated > 10


def test_a_wrong_result_is_seen(port, macro, monkeypatch):
    inner = Client.read

    def read(self: Client, address: int, count: int) -> list[int]:
        words = inner(self, address, count)
        return [word ^ (address >= 1 << 11) for word in words]

    monkeypatch.setattr(Client, "read", read)
    with pytest.raises(Mismatch, match=r"o: "):
        run_trial(port, BOARD, macro, seed=1, count=20)


def test_another_design_is_told_by_name(port):
    with pytest.raises(
        LinkError, match=r"holds the design 'macro' .* not 'softmax' .*make program"
    ):
        Client(port).require(BOARD, BOARD.design("softmax"))


def test_another_board_is_told_by_name(port):
    board = BOARDS["icebreaker"]
    with pytest.raises(LinkError, match=r"sim-ice40 is on .*, not icebreaker: name the board"):
        Client(port).require(board, board.design("macro"))


def test_no_port_is_one_sentence():
    with pytest.raises(
        LinkError, match=r"cannot open the port '/dev/nowhere'.*: plug the board in"
    ):
        open_port("/dev/nowhere")


def test_a_silent_port_is_one_sentence():
    control, terminal = os.openpty()
    with os.fdopen(control), os.fdopen(terminal), open_port(os.ttyname(terminal), 0.01) as opened:
        client = Client(opened)
        with pytest.raises(LinkError, match=r"no board answers on .* after 8 attempts: check"):
            client.identify()


def test_a_simulated_board_that_stops_says_why(tmp_path):
    program = tmp_path / "board"
    program.write_text("#!/bin/sh\necho terminal\necho 'SDRAM: too early'\nexit 1\n")
    program.chmod(0o755)
    with (
        pytest.raises(LinkError, match=r"^the simulated board stopped: SDRAM: too early$"),
        served(program) as terminal,
    ):
        raise LinkError(f"no answer on {terminal}")


def test_an_address_that_is_not_there_is_refused(port):
    client = Client(port)
    client.identify()
    with pytest.raises(
        LinkError, match=r"the read of 1 words at 0x10000 failed: the design refuses"
    ):
        client.read(0x10000, 1)
    assert client.read(0, 1) == [0]


def test_unplugging_in_the_middle_is_one_sentence(program, macro, monkeypatch):
    inner, asked = Client._exchange, []
    pipe = subprocess.PIPE
    process = subprocess.Popen([str(program)], stdin=pipe, stdout=pipe, text=True)

    def exchange(self: Client, frame: bytes):
        asked.append(frame)
        if len(asked) == 20:
            process.kill()
            process.wait()
        return inner(self, frame)

    monkeypatch.setattr(Client, "_exchange", exchange)
    with process, open_port(process.stdout.readline().strip(), SECONDS) as opened:
        with pytest.raises(LinkError, match=r"the port .* is gone .*: plug the board in") as told:
            run_trial(opened, BOARD, macro, seed=1, count=200)
        process.stdin.close()
    assert len(asked) == 20
    assert str(told.value).count("\n") == 0


def board_designs() -> list[tuple[Board, Design]]:
    return [(board, design) for board in BOARDS.values() for design in board.designs.values()]


def test_identities_differ_and_come_back():
    seen = {}
    for board, design in board_designs():
        identity = board.identity(design)
        assert type(identity).of_words(identity.words()) == identity
        seen[identity.board, identity.design] = board.name, design.name
    assert len(seen) == len(board_designs())


@pytest.mark.parametrize(
    ("changed", "message"), [(0, "the magic is 0x00000000"), (1, "the board speaks protocol 0")]
)
def test_an_identity_of_another_kind_is_no_identity(changed, message, macro):
    identity = BOARD.identity(macro)
    words = list(identity.words())
    words[changed] = 0
    with pytest.raises(ValueError, match=message):
        type(identity).of_words(tuple(words))
