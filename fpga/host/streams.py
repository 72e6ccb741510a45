"""Beats to and from a component behind ``fpga.link.streams``."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fpga.host.client import Client, LinkError
from fpga.link.streams import COUNT_BITS, REGION_BITS, word_count
from sim.beats import Port
from sim.traffic import Beats

ROUND = 1 << COUNT_BITS
IDLE_POLLS = 200


class StreamHost:
    """Sends beats and takes results by the addresses of ``Streams``.

    Results are fetched whenever the beats sent could have filled the board's memories, so that it
    never waits for long.
    """

    def __init__(self, client: Client, ports: Mapping[str, Port], depth: int) -> None:
        self.client, self.depth = client, depth
        self.ports = dict(ports)
        self._region = {name: k << REGION_BITS for k, name in enumerate(self.ports, 1)}
        self._index = {name: k for k, name in enumerate(self.ports)}
        self._read = {name: 0 for name, port in self.ports.items() if not port.is_input}
        self._words: dict[str, list[int]] = {name: [] for name in self._read}
        client.write(0, [0])

    def run(
        self, inputs: Mapping[str, Beats], outputs: Mapping[str, int], *, by_turns: bool = False
    ) -> dict[str, Beats]:
        """Send ``inputs``, stream after stream in their order; return that many beats of outputs.

        With ``by_turns`` every stream gets its next beat when the one before it was taken: for a
        component whose streams wait for each other. Raise ``LinkError`` if results do not come.
        """
        words = {
            name: beats[:, : 4 * word_count(self.ports[name].width)].copy().view("<u4")
            for name, beats in inputs.items()
        }
        if by_turns:
            self._send_by_turns(words)
        else:
            self._send(words)
        missing = idle = 0
        while idle < IDLE_POLLS:
            before = missing
            missing = sum(self._missing(name, count) for name, count in outputs.items())
            if not missing:
                return {name: self._beats(name) for name in outputs}
            self._fetch()
            idle = 0 if missing != before else idle + 1
        raise LinkError(f"{missing} words of the results never came: reset the board")

    def _send(self, inputs: Mapping[str, NDArray[np.uint32]]) -> None:
        for name, words in inputs.items():
            # A few beats at a time: their results must find room.
            step = max(1, 64 // words.shape[1])
            for start in range(0, len(words), step):
                part = words[start : start + step].reshape(-1)
                self.client.write(self._region[name], part.tolist())
                self._fetch()

    def _send_by_turns(self, inputs: Mapping[str, NDArray[np.uint32]]) -> None:
        sent, idle = dict.fromkeys(inputs, 0), 0
        while any(sent[name] < len(words) for name, words in inputs.items()):
            moved = self._fetch()
            free = [
                name
                for name, words in inputs.items()
                if sent[name] < len(words) and moved[self._index[name]] == sent[name] % ROUND
            ]
            for name in free:
                self.client.write(self._region[name], inputs[name][sent[name]].tolist())
                sent[name] += 1
            idle = 0 if free else idle + 1
            if idle == IDLE_POLLS:
                raise LinkError("the design takes no more beats of any stream: reset the board")

    def _fetch(self) -> list[int]:
        """Read what results there are, and return how many beats each stream had moved before."""
        moved = self.client.read(0, len(self.ports))
        for name, read in self._read.items():
            size = word_count(self.ports[name].width)
            ready = (moved[self._index[name]] * size - read) % ROUND
            while ready:
                place = self._read[name] % self.depth
                part = min(ready, self.depth - place)
                self._words[name] += self.client.read(self._region[name] + place, part)
                self._read[name] = (self._read[name] + part) % ROUND
                self.client.write(self._region[name], [self._read[name]])
                ready -= part
        return moved

    def _missing(self, name: str, count: int) -> int:
        return count * word_count(self.ports[name].width) - len(self._words[name])

    def _beats(self, name: str) -> Beats:
        port = self.ports[name]
        words = np.array(self._words[name], "<u4").reshape(-1, word_count(port.width))
        # A beat has at least one word of four bytes, as ``sim.beats`` has it.
        return words.view(np.uint8)
