"""Executes a program instruction by instruction, by golden's operators: what the RTL must equal.

Instructions run in program order, one after the other. Beside that their lags are checked: whether
units that run side by side could meet a word too early (``sim.accelerator.order``).
"""

import struct
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from hw.accelerator.machine import Machine
from hw.accelerator.vector.plan import VectorPlan
from hw.program.instructions import BYTES, Instruction, decode
from hw.program.program import Program
from sim.accelerator.order import Order
from sim.accelerator.unit_models import (
    CoreState,
    Tiling,
    attend,
    give_weights,
    multiply,
    row_scales,
    same_numbers,
    stationary,
    weights_of,
)
from sim.accelerator.vector_model import VectorState, execute
from sim.accelerator.vector_spans import vector_spans

MOST_STEPS = 1_000_000
"""Instructions after which a program is taken for endless."""


class Given(NamedTuple):
    """An instruction as its unit sees it."""

    opcode: int
    flags: int
    counts: tuple[int, int]
    slots: tuple[int, ...]


class Interpreter:
    """A machine of arrays: ``memory`` in bytes, ``buffer`` (words, W), registers.

    Parameters
    ----------
    check : whether lags are checked; what is wrong is in ``hazards``
    """

    def __init__(self, machine: Machine, memory: np.ndarray, check: bool = True) -> None:
        self.machine, self.memory = machine, memory
        self.buffer = np.zeros((machine.buffer_words, machine.word_bytes), np.uint8)
        self.registers = dict.fromkeys(range(1, 16), 0)
        self.cores = [CoreState() for _ in range(machine.cores)]
        plan = VectorPlan(
            word_bytes=machine.word_bytes,
            width=machine.width,
            longest=machine.longest_codes,
            segments=machine.segments,
            ranks=machine.ranks,
        )
        self.vector = VectorState(plan)
        self.hazards: list[str] = []
        self.steps = 0
        self._at = 0
        self._slots: list[int] = []
        self._known: dict[bytes, Instruction] = {}
        words = machine.buffer_words + -(-memory.size // machine.word_bytes)
        self._order = Order(words) if check else None
        self._touched: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        self._changes: list[tuple[int, int, int]] = []
        self._execute: dict[str, Callable[[Instruction, Given], None]] = {
            "load": self._load,
            "store": self._store,
            "weights": self._weights,
            "activations": self._activations,
            "cores": self._multiply,
            "rows": self._vector,
            "reduce": self._vector,
            "channels": self._vector,
            "table": self._vector,
            "attend": self._attend,
        }

    def run(self, arguments: list[int]) -> None:
        """From the first instruction to the end; ``ValueError`` names the one that fails."""
        self.registers.update(enumerate(arguments, 1))
        while True:
            instruction = self._fetch()
            if instruction.name == "end":
                return
            self.steps += 1
            if self.steps > MOST_STEPS:
                raise ValueError(f"the program did not end after {MOST_STEPS} instructions")
            place = self._at // BYTES - 1
            try:
                self._one(instruction)
            except (ValueError, IndexError) as error:
                raise ValueError(f"instruction {place}, {instruction.name}: {error}") from error

    def _fetch(self) -> Instruction:
        content = self.memory[self._at : self._at + BYTES].tobytes()
        self._slots = list(struct.unpack("<16I", content))
        for slot, register, factor in self._changes:
            self._slots[slot] = (self._slots[slot] + self._register(register) * factor) & 0xFFFFFFFF
        if self._changes:
            content = struct.pack("<16I", *self._slots)
        self._changes = []
        self._at += BYTES
        if content not in self._known:
            self._known[content] = decode(content)
        return self._known[content]

    def _one(self, instruction: Instruction) -> None:
        clock = self._order.start(instruction.unit, instruction.lags) if self._order else {}
        if instruction.unit == "sequencer":
            self._sequence(instruction)
        else:
            values = {index: self._register(index) for index in range(1, 16)}
            counts = tuple(one.value(values) for one in instruction.counts)
            slots = tuple(self._slots)
            given = Given(slots[0] & 0xFF, slots[0] >> 8, (counts[0], counts[1]), slots)
            if counts[0]:
                self._execute[instruction.name](instruction, given)
        if self._order:
            reads, writes = (np.concatenate([np.zeros(0, int), *p]) for p in self._touched)
            told = self._order.check(instruction.unit, clock, reads, writes)
            if told:
                self.hazards.append(f"{self._at // BYTES - 1}, {instruction.name}: {told}")
            self._touched = ([], [])

    def _register(self, index: int) -> int:
        return 0xFFFF if index == 0 else self.registers[index]

    def _sequence(self, one: Instruction) -> None:
        if one.name == "set":
            self.registers[one["to"]] = one["value"]
        elif one.name == "add":
            right = 0 if one["alone"] else self._register(one["right"])
            self.registers[one["to"]] = _signed(self._register(one["left"]) + right + one["value"])
        elif one.name == "read":
            content = self._read(one["word"], 1, 1, 1)[0, :4]
            self.registers[one["to"]] = int(content.copy().view("<i4")[0])
        elif one.name == "branch":
            left = _signed(self._register(one["left"]))
            right = one["value"] if one["immediate"] else _signed(self._register(one["right"]))
            taken = (True, left == right, left != right, left < right, left >= right)
            if taken[one["condition"]]:
                self._at = one["target"]
        elif one.name == "modify":
            self._changes = [
                (one[f"slot_{index}"], one[f"register_of_{index}"], one[f"factor_{index}"])
                for index in range(one["changes"])
            ]
        elif self._order:
            self._order.sync()

    def _load(self, one: Instruction, given: Given) -> None:
        rows, width = given.counts[0], self.machine.word_bytes
        index = np.arange(rows)
        if one["gather"]:
            words = -(-4 * rows // width)
            ids = self._read(one["ids"], words, words, 1).reshape(-1).view("<i4")[:rows]
            if rows and not 0 <= ids.min() <= ids.max() < one["table_rows"]:
                raise ValueError(f"an id of {ids.max()} is not below {one['table_rows']} rows")
            index = ids.astype(np.int64)
        starts = one["address"] + index * one["pitch"]
        places = self._bytes(starts, one["words"] * width)
        self._touch(0, self.machine.buffer_words + places[:, ::width] // width)
        content = self.memory[places].reshape(rows, one["words"], width)
        self._write(one["buffer"], one["words"], one["stride"], content)

    def _store(self, one: Instruction, given: Given) -> None:
        rows, width = given.counts[0], self.machine.word_bytes
        content = self._read(one["buffer"], one["words"], one["stride"], rows)
        starts = one["address"] + np.arange(rows) * one["pitch"]
        places = self._bytes(starts, one["words"] * width)
        self._touch(1, self.machine.buffer_words + places[:, ::width] // width)
        self.memory[places] = content

    def _weights(self, one: Instruction, given: Given) -> None:
        tiling = _tiling(one)
        width = self.machine.word_bytes
        size = tiling.tiles * (tiling.k_tiles * width * width // 2 + 4 * width)
        self._bytes(np.array([one["address"]]), size)
        weights, numbers = weights_of(self.machine, tiling, self.memory[one["address"] :][:size])
        give_weights(self.machine, self.cores, tiling, weights, numbers)

    def _activations(self, one: Instruction, given: Given) -> None:
        tiling, rows = _tiling(one), given.counts[1]
        across = bool(one["transposed"])
        words = tiling.k_tiles if across else -(-(tiling.tiles + one["second"]) // 2)
        codes = self._read(one["codes"], words, one["codes_stride"], rows).view(np.int8)
        codes = codes if across else codes[:, one["second"] * self.machine.lanes :]
        matrix = stationary(self.machine, tiling, codes.T if across else codes)
        numbers = same_numbers(self.machine, tiling, one["multiplier"])
        give_weights(self.machine, self.cores, tiling, matrix, numbers)

    def _multiply(self, one: Instruction, given: Given) -> None:
        rows, tiling = given.counts[0], _tiling(one)
        codes = self._read(one["codes"], tiling.k_tiles, one["codes_stride"], rows)
        scale = row_scales(self._read(one["scales"], 1, one["codes_stride"], rows))
        x = codes if one["unsigned"] else codes.view(np.int8)
        y = multiply(self.machine, self.cores, tiling, x, scale, bool(one["keep"]))
        content = y.astype("<i2").view(np.uint8).reshape(rows, tiling.tiles, -1)
        self._write(one["result"], tiling.tiles, one["result_stride"], content)

    def _attend(self, one: Instruction, given: Given) -> None:
        (queries, keys), lanes = given.counts, self.machine.lanes
        size, words = one["beats"] * lanes, -(-one["beats"] // 2)
        if size > self.machine.head_size:
            raise ValueError(f"a head of {size} is wider than {self.machine.head_size}")
        q = self._read(one["queries"], 1 + words, one["queries_stride"], queries)
        scale = row_scales(q)
        q = q[:, 2 * lanes :][:, :size].view(np.int8)
        k, v = (
            self._read(one[name], words, one[f"{name}_stride"], keys)[:, :size].view(np.int8)
            for name in ("keys", "values")
        )
        mask = None
        if one["masked"]:
            blocks = -(-keys // self.machine.key_block)
            content = self._read(one["mask"], 1, 1, blocks)
            bits = np.unpackbits(content, axis=1, bitorder="little")
            mask = bits[:, : self.machine.key_block].reshape(-1)[:keys].astype(bool)
        context = attend(
            self.machine, q, scale, k, v, mask,
            causal=bool(one["causal"]),
            **{
                name: one[name]
                for name in ("score_multiplier", "context_multiplier", "context_offset",
                             "probability_bits")
            },
        )  # fmt: skip
        content = context.astype("<i2").view(np.uint8).reshape(queries, one["beats"], -1)
        self._write(one["contexts"], one["beats"], one["contexts_stride"], content)

    def _vector(self, one: Instruction, given: Given) -> None:
        for kind, spans in enumerate(vector_spans(self.machine, one, given.counts)):
            for first, words, stride, rows in spans:
                self._touch(kind, _words(first, words, stride, rows))
        execute(given, self.buffer, self.vector)

    def _read(self, first: int, words: int, stride: int, rows: int) -> np.ndarray:
        """Rows of words as bytes, ``(rows, words * W)``."""
        places = _words(first, words, stride, rows)
        self._touch(0, places)
        return np.ascontiguousarray(
            self.buffer[places].reshape(rows, words * self.machine.word_bytes)
        )

    def _write(self, first: int, words: int, stride: int, content: np.ndarray) -> None:
        places = _words(first, words, stride, len(content))
        self._touch(1, places)
        self.buffer[places] = content

    def _bytes(self, starts: np.ndarray, size: int) -> np.ndarray:
        places = starts[:, None] + np.arange(size)
        if (starts % self.machine.word_bytes).any():
            raise ValueError(f"address {starts[0]} is no multiple of {self.machine.word_bytes}")
        if places.size and (places.min() < 0 or places.max() >= self.memory.size):
            raise ValueError(f"address {places.max()} is outside memory")
        return places

    def _touch(self, kind: int, places: np.ndarray) -> None:
        if self._order:
            self._touched[kind].append(places.reshape(-1))


def run_interpreted(
    program: Program, inputs: Mapping[str, np.ndarray], traced: bool = False
) -> dict[str, np.ndarray]:
    """Outputs of a program, or its traced tensors; ``ValueError`` where lags are too loose."""
    interpreter = Interpreter(program.machine, program.memory(inputs))
    interpreter.run(program.registers(inputs))
    if interpreter.hazards:
        raise ValueError(
            f"{len(interpreter.hazards)} instructions of program {program.name!r} may start too "
            f"early: {interpreter.hazards[0]}"
        )
    return program.results(interpreter.memory, inputs, traced)


def _words(first: int, words: int, stride: int, rows: int) -> np.ndarray:
    """Every word of rows, (rows, words)."""
    return first + stride * np.arange(rows)[:, None] + np.arange(words)


def _tiling(one: Instruction) -> Tiling:
    return Tiling(
        k_tiles=one["k_tiles"],
        tiles=one["tiles"],
        group_bits=one["group_bits"],
        first_set=one["first_set"],
    )


def _signed(value: int) -> int:
    return ((value & 0xFFFFFFFF) ^ (1 << 31)) - (1 << 31)
