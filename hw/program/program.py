"""A compiled network: its instructions, the memory at the start, where everything lies."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from hw.accelerator.machine import Machine
from hw.program.formats import Format
from hw.program.instructions import Instruction
from hw.program.text import listing


@dataclass(frozen=True, kw_only=True)
class Program:
    """What a machine runs, and what its host must know.

    image
        Memory from address 0 on, the program first; ``memory_bytes`` with what it leaves room for.
    arguments
        Names of the lengths in registers 1 to 4; ``maximums`` are the most they can be.
    inputs, outputs, traced
        Where tensors lie in memory; ``traced`` ones are for comparison only.
    symbols
        Address and bytes of everything in memory by name.
    """

    name: str
    machine: Machine
    instructions: tuple[Instruction, ...]
    remarks: tuple[str, ...]
    image: bytes
    arguments: tuple[str, ...]
    maximums: Mapping[str, int]
    inputs: Mapping[str, Format]
    outputs: Mapping[str, Format]
    traced: Mapping[str, Format] = field(default_factory=dict)
    symbols: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    buffer_words: int = 0
    """The highest word of the buffer that is used, plus one."""

    @property
    def memory_bytes(self) -> int:
        """Bytes of memory that it reads or writes."""
        return len(self.image)

    def lengths(self, inputs: Mapping[str, np.ndarray]) -> dict[str, int]:
        """The lengths that inputs tell; ``ValueError`` where they disagree or are too long."""
        found: dict[str, int] = {}
        for name, format in self.inputs.items():
            if name not in inputs:
                raise ValueError(f"program {self.name!r} needs the input {name!r}")
            for length, value in format.lengths(np.asarray(inputs[name])).items():
                if found.setdefault(length, value) != value:
                    raise ValueError(
                        f"inputs disagree about {length!r}: {found[length]} or {value}"
                    )
                if value > self.maximums[length]:
                    raise ValueError(
                        f"{length!r} is {value}, but the program was compiled for at most "
                        f"{self.maximums[length]}: compile it for more"
                    )
        return found

    def registers(self, inputs: Mapping[str, np.ndarray]) -> list[int]:
        """Registers 1 to 4 for these inputs."""
        lengths = self.lengths(inputs)
        return [lengths.get(name, 0) for name in self.arguments] + [0] * (4 - len(self.arguments))

    def memory(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """The memory that a run starts with, of bytes."""
        self.lengths(inputs)
        memory = np.frombuffer(self.image, np.uint8).copy()
        for name, format in self.inputs.items():
            content = np.frombuffer(format.pack(np.asarray(inputs[name])), np.uint8)
            memory[format.address : format.address + content.size] = content
        return memory

    def results(
        self, memory: np.ndarray, inputs: Mapping[str, np.ndarray], traced: bool = False
    ) -> dict[str, np.ndarray]:
        """Outputs, or the traced tensors, in the memory behind a run."""
        lengths = self.lengths(inputs)
        formats = self.traced if traced else self.outputs
        return {name: format.unpack(memory, lengths) for name, format in formats.items()}

    def listing(self) -> str:
        """Its assembler text, with what each instruction is for."""
        return listing(self.instructions, self.remarks)

    def save(self, folder: Path) -> None:
        """Write ``image.bin``, ``program.asm`` and ``symbols.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "image.bin").write_bytes(self.image)
        (folder / "program.asm").write_text(self.listing())
        content = {
            "name": self.name,
            "machine": asdict(self.machine),
            "memory_bytes": self.memory_bytes,
            "arguments": self.arguments,
            "maximums": dict(self.maximums),
            "inputs": {name: _plain(one) for name, one in self.inputs.items()},
            "outputs": {name: _plain(one) for name, one in self.outputs.items()},
            "traced": {name: _plain(one) for name, one in self.traced.items()},
            "symbols": {name: list(place) for name, place in self.symbols.items()},
        }
        (folder / "symbols.json").write_text(json.dumps(content, indent=1) + "\n")


def _plain(format: Format) -> dict[str, object]:
    content = asdict(format)
    content["steps"] = [kind for kind, _ in format.steps]
    return content
