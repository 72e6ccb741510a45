"""What spellers share: a word in, tokens out one after the other, in floats or in integers."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from golden.graph import Graph
from golden.networks.decoding import Growing, greedy
from golden.networks.run import call_integer, call_real, quantize_inputs
from golden.quantize import QuantizeSettings, quantize_network
from golden.spec import RequantizeSpec, RowScaleSpec

# Twelve bits of probability: greedy decoding reads nothing but which is the greatest.
INT8 = QuantizeSettings(softmax_bits=12)
INT16 = replace(
    INT8,
    weight_bits=16,
    operand_bits=16,
    rows=RowScaleSpec(output_bits=16),
    requantize=RequantizeSpec(accumulator_bits=48),
)


class Speller(NamedTuple):
    """A real network, and what stands between it and text.

    ``inputs`` has what the network reads of a word apart from ``target_ids``; ``text`` reads the
    tokens before ``end``. At most ``limit`` tokens are written, the last one included.
    """

    network: Graph
    inputs: Callable[[str], dict[str, np.ndarray]]
    text: Callable[[list[int]], str]
    start: int
    end: int
    limit: int

    def growing(self, word: str, integer: Graph | None = None) -> Growing:
        """The network after it read a word, before its first token: the source runs once."""
        inputs = self.inputs(word)
        if integer is None:
            return Growing(self.network, inputs, "target_ids", call_real)
        return Growing(integer, quantize_inputs(integer, inputs), "target_ids", call_integer)

    def tokens(self, word: str, integer: Graph | None = None) -> list[int]:
        """The likeliest token each time, ``end`` included; in floats without an integer network."""
        return greedy(self.growing(word, integer), self.start, self.end, self.limit)

    def spell(self, word: str, integer: Graph | None = None) -> str:
        """What greedy decoding writes."""
        return self.read(self.tokens(word, integer))

    def read(self, tokens: list[int]) -> str:
        """The text of tokens, up to ``end``."""
        return self.text(tokens[: tokens.index(self.end)] if self.end in tokens else tokens)

    def quantize(self, words: Iterable[str], settings: QuantizeSettings | None = None) -> Graph:
        """The network in integers, calibrated on words as the real network spells them."""
        samples = []
        for word in words:
            written = self.tokens(word)
            given = np.array([self.start, *written[:-1]])
            samples.append({**self.inputs(word), "target_ids": given})
        return quantize_network(self.network, samples, settings)
