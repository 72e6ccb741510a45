"""Lengths that are known when a program runs: sums of its arguments and of numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

from golden.graph import Graph
from hw.program.instructions import Count

FIRST_ARGUMENT, ARGUMENTS, REGISTERS = 1, 4, 16


@dataclass(frozen=True, kw_only=True)
class Length:
    """``sum of the arguments named + constant``."""

    names: tuple[str, ...] = ()
    constant: int = 0

    def __add__(self, other: "Length") -> "Length":
        names = tuple(sorted((*self.names, *other.names)))
        return Length(names=names, constant=self.constant + other.constant)


def length_of(size: int | str) -> Length:
    """The length that a tensor's shape names: ``12``, ``"tokens"`` or ``"tokens+1"``."""
    if isinstance(size, int):
        return Length(constant=size)
    total = Length()
    for part in size.split("+"):
        term = Length(constant=int(part)) if part.isdecimal() else Length(names=(part,))
        total += term
    return total


def arguments_of(graph: Graph, growing: str) -> tuple[str, ...]:
    """Names of the inputs' lengths, in order, but for an input that the program makes itself."""
    names: dict[str, None] = {}
    for name in graph.inputs:
        if name == growing:
            continue
        for size in graph.tensors[name].shape:
            if isinstance(size, str):
                names.update(dict.fromkeys(length_of(size).names))
    return tuple(names)


class Lengths:
    """Gives every length a register; those that are no argument are added at the beginning.

    ``arguments`` are the names in the order of their registers, from register 1 on.
    """

    def __init__(self, arguments: tuple[str, ...], maximums: Mapping[str, int]) -> None:
        if len(arguments) > ARGUMENTS:
            raise ValueError(
                f"a program has {ARGUMENTS} arguments, so not the lengths {', '.join(arguments)}"
            )
        for name in arguments:
            if name not in maximums:
                raise ValueError(f"the length {name!r} needs a maximum: maximums={{{name!r}: 128}}")
        self.arguments = arguments
        self.maximums = dict(maximums)
        self._registers = {
            Length(names=(name,)): FIRST_ARGUMENT + index for index, name in enumerate(arguments)
        }
        self._next = FIRST_ARGUMENT + ARGUMENTS
        self._free: list[int] = []
        self.sums: list[tuple[int, int, int, int]] = []
        """Registers to make at the beginning: to, left, right, value; a right of 0 is none."""

    def maximum(self, length: Length) -> int:
        """The longest that it can be."""
        return sum(self.maximums[name] for name in length.names) + length.constant

    def new_register(self) -> int:
        """A register that nothing else uses."""
        return self._free.pop() if self._free else self._never_used()

    def _never_used(self) -> int:
        """A register that keeps what it is given at the beginning."""
        if self._next == REGISTERS:
            raise ValueError(
                f"the program needs more than {REGISTERS} registers: split the network"
            )
        self._next += 1
        return self._next - 1

    def free_register(self, register: int) -> None:
        """Nothing uses it from here on."""
        self._free.append(register)

    def name_register(self, name: str, maximum: int) -> int:
        """A register that the program counts in itself, under the name of a length."""
        register = self.new_register()
        self.maximums[name] = maximum
        self._registers[Length(names=(name,))] = register
        return register

    def register(self, length: Length) -> int:
        """The register that holds it when the program runs."""
        if length not in self._registers:
            *first, last = length.names
            if first:
                left = self.register(Length(names=tuple(first)))
                right = self.register(Length(names=(last,)))
            else:
                left, right = self.register(Length(names=(last,))), 0
            self._registers[length] = to = self._never_used()
            self.sums.append((to, left, right, length.constant))
        return self._registers[length]

    def count(self, length: Length, offset: int = 0, limit: int | None = None) -> Count:
        """Rows from ``offset`` on, at most ``limit``; of a number all is known here."""
        most = self.maximum(length)
        limit = most if limit is None else limit
        if not length.names:
            return Count(limit=max(min(length.constant - offset, limit), 0))
        return Count(register=self.register(length), offset=offset, limit=min(limit, most - offset))
