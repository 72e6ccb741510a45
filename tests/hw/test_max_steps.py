"""The NOR steps of the max-finder: every pair of 8-bit words, and how many steps there are."""

import numpy as np
import pytest

from hw.ops.max_microcode import Operand, Step, microcode


def run(steps: tuple[Step, ...], words: dict[str, np.ndarray]) -> None:
    """Execute NOR steps on words of ``(pairs, columns)`` booleans."""
    for step in steps:
        words[step.target] = ~(columns(words, step.left) | columns(words, step.right))


def columns(words: dict[str, np.ndarray], operand: Operand) -> np.ndarray:
    word = words[operand.word]
    return {"all": word, "high": word[:, 1::2], "low": word[:, ::2]}[operand.part]


def bits_of(values: np.ndarray, bits: int) -> np.ndarray:
    return (values[:, None] >> np.arange(bits) & 1).astype(bool)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_every_pair_gives_its_larger_word(bits: int) -> None:
    code = microcode(bits)
    a, m = (x.ravel() for x in np.meshgrid(*[np.arange(1 << bits)] * 2))
    words = {"a": bits_of(a, bits), "m": bits_of(m, bits), "nm": ~bits_of(m, bits)}
    run(code.compare, words)
    assert (words[code.flag][:, 0] == (a > m)).all()
    run(code.select, words)
    assert (words["m"] == bits_of(np.maximum(a, m), bits)).all()
    assert (words["nm"] == ~words["m"]).all()


@pytest.mark.parametrize(("bits", "compare"), [(2, 5), (4, 9), (8, 13), (16, 17)])
def test_step_counts(bits: int, compare: int) -> None:
    code = microcode(bits)
    assert len(code.compare) == compare
    assert len(code.select) == 5


def test_each_step_is_one_nor_of_words_as_wide_as_its_target() -> None:
    code = microcode(8)
    for step in (*code.compare, *code.select):
        for operand in (step.left, step.right):
            width = code.widths[operand.word] // (1 if operand.part == "all" else 2)
            assert width in {1, code.widths[step.target]}


@pytest.mark.parametrize("bits", [0, 1, 3, 12])
def test_other_widths_are_refused(bits: int) -> None:
    with pytest.raises(ValueError, match=f"2, 4, 8 or 16 bits, not {bits}"):
        microcode(bits)
