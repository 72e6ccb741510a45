"""Stages that move together: what is left of a stream component once its arithmetic is named."""

from typing import Any

from amaranth.hdl import Module, Signal, Value, ValueLike


class Pipeline:
    """Joins ``i`` to ``o`` by ``stages`` registers; all of them move unless the last one waits.

    Latency is ``stages`` cycles, throughput one transfer per cycle. ``moves`` is what the stages'
    registers are enabled by, ``valids`` what each of them holds: that of stage 0 is ``i``.
    """

    def __init__(self, m: Module, i: Any, o: Any, stages: int) -> None:
        self.moves = Signal(name="moves")
        m.d.comb += [self.moves.eq(~o.valid | o.ready), i.ready.eq(self.moves)]
        self.valids: list[Value] = [i.valid]
        for stage in range(1, stages + 1):
            valid_next = Signal(name=f"valid_{stage}")
            with m.If(self.moves):
                m.d.sync += valid_next.eq(self.valids[-1])
            self.valids.append(valid_next)
        m.d.comb += o.valid.eq(self.valids[-1])


def held(m: Module, enable: ValueLike, name: str, value: Any, stages: int = 1) -> Any:
    """Return ``value``, ``stages`` enabled cycles later.

    Whether a stage holds anything is told apart, so data needs no reset.
    """
    for stage in range(1, stages + 1):
        shape = value.shape()
        later = Signal(shape, name=f"{name}_{stage}" if stages > 1 else name, reset_less=True)
        with m.If(enable):
            m.d.sync += later.eq(value)
        value = later
    return value


def delayed(m: Module, name: str, valid: Value, stages: int) -> Value:
    """Return the flag ``valid``, ``stages`` cycles later; nothing is under way after reset."""
    for stage in range(stages):
        later = Signal(name=f"{name}_{stage}")
        m.d.sync += later.eq(valid)
        valid = later
    return valid
