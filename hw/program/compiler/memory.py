"""The memory that a program runs in: where everything lies, and what stands there at the start."""

from dataclasses import dataclass

import numpy as np

PAGE = 64
"""Everything begins at a multiple of the widest word."""


@dataclass(frozen=True, kw_only=True)
class Region:
    """Bytes of memory by name; ``fixed`` ones are never written."""

    name: str
    address: int
    size: int
    fixed: bool


class Memory:
    """Appends regions from the end of the program on; its length is known when all is placed."""

    def __init__(self) -> None:
        self.regions: dict[str, Region] = {}
        self._contents: dict[str, np.ndarray] = {}
        self._end = 0

    def add(self, name: str, content: np.ndarray) -> Region:
        """Bytes that the program reads; the same name is the same content."""
        if name not in self.regions:
            data = np.ascontiguousarray(content).view(np.uint8).reshape(-1)
            self._place(name, data.size, fixed=True)
            self._contents[name] = data
        return self.regions[name]

    def reserve(self, name: str, size: int) -> Region:
        """Bytes that the host or the program writes."""
        if name not in self.regions:
            self._place(name, size, fixed=False)
        return self.regions[name]

    def image(self, program: bytes, base: int) -> bytes:
        """The memory at the start: the program first, regions from ``base`` on."""
        image = np.zeros(base + self._end, np.uint8)
        image[: len(program)] = np.frombuffer(program, np.uint8)
        for name, data in self._contents.items():
            address = base + self.regions[name].address
            image[address : address + data.size] = data
        return image.tobytes()

    def _place(self, name: str, size: int, fixed: bool) -> None:
        self.regions[name] = Region(name=name, address=self._end, size=size, fixed=fixed)
        self._end += -(-size // PAGE) * PAGE
