"""Orders the loading and the use of each weight set, whatever the timing of the streams."""

from typing import Any

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.spec import CoreSpec


class SetGuard(wiring.Component):
    """Lets inputs wait for their weights and weights for the end of their predecessors' use.

    Weights of a set: free -> (beat with ``last``) loaded -> (input with ``release`` taken) closed
    -> (its sums have left the macros) free. Channel numbers alike, closed by an input with
    ``release`` and ``last`` and free when its rows have been given to the requantizer: numbers of a
    set that no ``last`` vector used stay for the next weights.

    Answers are combinational, changes show in the next cycle. Once open, a set stays open until
    the beat that asked has been taken.

    Members
    -------
    inputs, weights, channels : set of the waiting beat and its flags; ``taken``: it moves now;
        ``open``: it may move
    summed, requantized : ``done``: the releasing vector's sums, or rows, have left in this cycle
    """

    def __init__(self, spec: CoreSpec) -> None:
        self.weight_sets = spec.macro.weight_sets
        index = unsigned(spec.macro.set_bits)
        load = {"set": Out(index), "last": Out(1), "taken": Out(1), "open": In(1)}
        use = load | {"release": Out(1)}
        done = {"set": Out(index), "done": Out(1)}
        super().__init__({
            "inputs": In(wiring.Signature(use)),
            "weights": In(wiring.Signature(load)),
            "channels": In(wiring.Signature(load)),
            "summed": In(wiring.Signature(done)),
            "requantized": In(wiring.Signature(done)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        sets = self.weight_sets
        kinds = {
            "weights": (self.weights, self.summed, self.inputs.release),
            "channels": (self.channels, self.requantized, self.inputs.release & self.inputs.last),
        }
        loaded = {kind: Signal(sets, name=f"{kind}_loaded") for kind in kinds}
        for kind, (load, done, closes) in kinds.items():
            free = Signal(sets, name=f"{kind}_free", init=(1 << sets) - 1)
            m.d.comb += load.open.eq(free.bit_select(load.set, 1))
            for index in range(sets):
                with m.If(load.taken & load.last & (load.set == index)):
                    m.d.sync += [free[index].eq(0), loaded[kind][index].eq(1)]
                with m.If(self.inputs.taken & closes & (self.inputs.set == index)):
                    m.d.sync += loaded[kind][index].eq(0)
                with m.If(done.done & (done.set == index)):
                    m.d.sync += free[index].eq(1)
        weights_loaded, channels_loaded = (
            loaded[kind].bit_select(self.inputs.set, 1) for kind in kinds
        )
        m.d.comb += self.inputs.open.eq(weights_loaded & (channels_loaded | ~self.inputs.last))
        return m
