"""``python -m golden spellings``."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click
from rich.progress import track

from golden.commands.report import json_option, show, terminal, write
from golden.graph import Graph
from golden.models import g2p, netra
from golden.models.speller import INT8, INT16, Speller
from golden.models.words import read_words
from golden.networks.describe import describe
from golden.quantize import QuantizeSettings

EXAMPLES = 5


class Source(NamedTuple):
    """A released speller: its networks, its list of words, and the operands that it needs."""

    speller: Callable[[], Speller]
    integer: Callable[[QuantizeSettings], Graph]
    words: str
    bits: int


SPELLERS = {
    "g2p": Source(g2p.g2p, g2p.integer_network, "english_words", 8),
    "netra": Source(netra.netra, netra.integer_network, "khmer_words", 16),
}
SETTINGS = {8: INT8, 16: INT16}


@click.command()
@click.option("--model", "name", type=click.Choice(list(SPELLERS)), default="g2p",
              show_default=True, help="Words to phonemes, or Latin to Khmer.")  # fmt: skip
@click.option("--count", default=500, help="How many words of the committed list.")
@click.option("--bits", type=click.Choice([8, 16]),
              help="Width of the operands of products: 8 for g2p, 16 for netra.")  # fmt: skip
@json_option
def spellings(name: str, count: int, bits: int | None, json_file: Path | None) -> None:
    """A released speller in integers against itself in floats, letter by letter, greedily."""
    source = SPELLERS[name]
    words = read_words(source.words)
    if not 1 <= count <= len(words):
        raise ValueError(f"count must be 1 to {len(words)}, not {count}")
    bits = bits or source.bits
    speller, integer = source.speller(), source.integer(SETTINGS[bits])
    # Spread over the list, which is sorted.
    words = [words[index * len(words) // count] for index in range(count)]
    different, macs, tokens = [], 0, 0
    seconds = {"real": 0.0, "integer": 0.0}
    console = terminal()
    for index, word in enumerate(track(words, "words", transient=True)):
        start = time.perf_counter()
        expected = speller.tokens(word)
        middle = time.perf_counter()
        found = speller.tokens(word, integer)
        seconds["real"] += middle - start
        seconds["integer"] += time.perf_counter() - middle
        lengths = {"source": len(speller.inputs(word)["source_ids"]), "target": len(found)}
        macs += sum(size.macs for size in describe(integer, lengths))
        tokens += len(found)
        if index < EXAMPLES:
            console.print(f"{word}: {speller.read(found)}")
        if expected != found:
            different.append((word, speller.read(expected), speller.read(found)))
    for word, x, y in different[:EXAMPLES]:
        console.print(f"{word}: {x} in floats, {y} in integers")
    figures = {
        "operand_bits": bits,
        "words": len(words),
        "equal": len(words) - len(different),
        "equal_share": 1 - len(different) / len(words),
        "tokens": tokens,
        "macs_per_word": macs / len(words),
        "real_words_per_second": len(words) / seconds["real"],
        "integer_words_per_second": len(words) / seconds["integer"],
    }
    show(console, f"{name}: integers against floats", figures)
    write(json_file, {**figures, "different": [word for word, _, _ in different]})
