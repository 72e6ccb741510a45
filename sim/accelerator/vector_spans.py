"""Which words of the buffer an instruction of the vector unit reads and writes."""

from hw.accelerator.machine import Machine
from hw.program.instructions import Instruction

Spans = list[tuple[int, int, int, int]]
"""First word, words of a row, words from row to row, rows."""


def vector_spans(
    machine: Machine, one: Instruction, counts: tuple[int, int]
) -> tuple[Spans, Spans]:
    """What the instruction reads, and what it writes."""
    lanes, width = machine.lanes, machine.word_bytes
    if one.name in {"channels", "table"}:
        entries = one["columns"] if one.name == "channels" else one["segments"]
        return [(one["source"], -(-8 * entries // width), 1, 1)], []
    rows, other = counts
    elements = other if one["counted"] else one["elements"]
    words = -(-elements // lanes)
    if one.name == "reduce":
        reads = [
            (one["a"] + window * one["c_stride"], words, one["a_stride"], other)
            for window in range(rows)
        ]
    else:
        letters = {0: "a", 4: "abc", 5: "abc"}.get(one["combine"], "ab")
        reads = [(one[letter], words, one[f"{letter}_stride"], rows) for letter in letters]
        if one["combine"] == 5:
            reads.append((one["c"] + one["c_to_d"], words, one["c_stride"], rows))
    writes = []
    if one["write_rows"]:
        writes.append((one["result"], words, one["result_stride"], rows))
    if one["argmax"] or one["top_k"]:
        writes.append((one["result"], max(one["k"], 1), one["result_stride"], rows))
    if one["write_codes"]:
        codes = one["header"] + -(-elements // width)
        writes.append((one["codes"], codes, one["codes_stride"], rows))
    return reads, writes
