"""Shifts to the right: those that round, and those that keep few bits."""

from amaranth.hdl import Cat, Const, Mux, Value


def rounded(x: Value, places: Value) -> Value:
    """``floor(x * 2**-places + 1/2)``: one bit below the last one decides."""
    return half_up(shifted_right(x, places))


def shifted_right(x: Value, places: Value) -> Value:
    """``x * 2**(1 - places)``, cut below: ``half_up`` of it is rounded."""
    finer = Cat(Const(0, 1), x)
    return (finer.as_signed() if x.shape().signed else finer) >> places


def half_up(finer: Value) -> Value:
    """``floor(finer / 2 + 1/2)``."""
    return (finer + 1) >> 1


def cut_places(places: Value, most: int) -> Value:
    """``places``, or as many as their bits count from ``most`` on, where nothing is left."""
    bits = most.bit_length()
    return places[:bits] | places[bits:].any().replicate(bits)


def shift_steps(places: Value) -> list[tuple[Value, int]]:
    """The bits of ``places`` in twos, the upper ones first, each with the number of its first."""
    lows = range((len(places) - 1) // 2 * 2, -1, -2)
    return [(places[low : low + 2], low) for low in lows]


def shift_step(value: Value, places: Value, low: int) -> Value:
    """One step of a shift of a signed ``value``."""
    return (value >> Cat(Const(0, low), places)).as_signed()


def narrowed(value: Value, low: int, bits: int) -> tuple[Value, Value]:
    """What the step of bit ``low`` left, so that ``bits`` bits stay, and whether they are too few.

    There are as many bits more as the steps that follow shift away at most.
    """
    kept = bits + (1 << low) - 1
    if len(value) <= kept:
        return value, Const(0, 1)
    return value[:kept].as_signed(), mixed(value[kept - 1 :])


def mixed(value: Value) -> Value:
    """Whether some bits are set and some are not: of a number's upper ones, that it needs them."""
    return value.any() & ~value.all()


def saturated(value: Value, bits: int, beyond: Value, negative: Value) -> Value:
    """The signed ``value`` in ``bits`` bits; what went ``beyond`` is told by its sign alone."""
    sign = Mux(beyond, negative, value[-1])
    limit = Cat((~sign).replicate(bits - 1), sign)
    return Mux(beyond | mixed(value[bits - 1 :]), limit, value[:bits]).as_signed()
