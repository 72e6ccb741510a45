"""Product of factors that are wider than one multiplier's."""

from amaranth.hdl import Cat, Const, Module, Value

from hw.pipeline import held

DIGIT_BITS = 17
"""Bits of an unsigned factor of a multiplier that takes 18 with a sign."""


def long_product(m: Module, enable: Value, name: str, x: Value, y: Value) -> Value:
    """Return ``x * y``, two enabled cycles later; ``x`` is signed, ``y`` is not.

    Both are taken apart into digits: first the products of any two, then their sum.
    """
    diagonals: dict[int, list[Value]] = {}
    for i, a in enumerate(_digits(x)):
        for j, b in enumerate(_digits(y)):
            part = held(m, enable, f"{name}_{i}_{j}", a * b)
            diagonals.setdefault(i - j, []).append(part)
    terms = []
    for offset in sorted(diagonals, key=abs, reverse=True):
        # Parts of a diagonal stand side by side: all but the last one are without a sign.
        *lower, top = diagonals[offset]
        term = Cat(Const(0, abs(offset) * DIGIT_BITS), *lower, top)
        terms.append(term.as_signed() if top.shape().signed else term)
    return held(m, enable, name, sum(terms[1:], terms[0]))


def _digits(x: Value) -> list[Value]:
    """Digits, the lowest first; the last one has the sign, if there is any, and one bit more."""
    signed = x.shape().signed
    lasts = range(0, max(len(x) - signed, 1), DIGIT_BITS)
    lower = [x[place : place + DIGIT_BITS] for place in lasts[:-1]]
    top = x[lasts[-1] :]
    return [*lower, top.as_signed() if signed else top]
