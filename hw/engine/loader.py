"""Writes keys and values into the cells as soon as those before them are no longer used."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from golden.operator_spec import AttentionSpec
from golden.spec import ceil_log2
from hw.engine.array import cell_write_layout
from hw.engine.layout import operand_layout, rows_layout
from hw.engine.plan import EnginePlan


class Loader(wiring.Component):
    """Takes a job's blocks: a header with the mask, the block's keys, the block's values.

    The keys of the next block are written while the array multiplies by this block's values, and
    its values while it multiplies by the next keys. Throughput is one beat per cycle.

    Members
    -------
    job : how many keys a job has, and how long they are
    i : beats of ``lanes`` bytes; the lowest ``key_block`` bits of a header tell which keys count
    write : to the array's cells
    mask : of the block whose keys were written last
    keys_ready, values_ready : a block's keys, or values, wait for their use
    keys_used, values_used : the array will not read them later than in two cycles
    """

    def __init__(self, spec: AttentionSpec, plan: EnginePlan) -> None:
        self.spec, self.plan = spec, plan
        super().__init__({
            "job": In(stream.Signature(rows_layout(spec, plan, "keys"))),
            "i": In(stream.Signature(operand_layout(plan))),
            "write": Out(cell_write_layout(spec, plan)),
            "mask": Out(spec.key_block),
            "keys_ready": Out(1),
            "values_ready": Out(1),
            "keys_used": In(1),
            "values_used": In(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        spec, plan = self.spec, self.plan
        columns = spec.key_block
        key_bits = ceil_log2(columns)
        # Keys, and blocks, that follow the first one.
        keys = (self.job.p.count - 1)[: len(self.job.p.count)]
        later_keys, later_blocks = Signal(key_bits), Signal.like(keys[key_bits:])
        last_block, last_beat = Signal(), Signal(plan.beat_bits)
        started = Signal()
        last_key, key = Signal(range(columns)), Signal(range(columns))
        beat = Signal(plan.beat_bits)
        m.d.comb += last_key.eq(Mux(last_block, later_keys, columns - 1))
        key_ends, beat_ends = key == last_key, beat == last_beat
        taken = Signal()
        m.d.comb += taken.eq(self.i.valid & self.i.ready)

        def advance() -> Value:
            """Next part of a key or value; whether the block's last one is taken."""
            with m.If(taken):
                m.d.sync += beat.eq(Mux(beat_ends, 0, beat + 1))
                with m.If(beat_ends):
                    m.d.sync += key.eq(Mux(key_ends, 0, key + 1))
            return taken & beat_ends & key_ends

        with m.If(self.keys_used):
            m.d.sync += self.keys_ready.eq(0)
        with m.If(self.values_used):
            m.d.sync += self.values_ready.eq(0)
        m.d.comb += self.write.data.eq(self.i.payload)
        in_keys, in_values = Signal(), Signal()
        key_beats = plan.key_beats(spec)
        part, group = _divided(beat, key_beats)
        lane, key_beat = _divided(key, plan.lanes)
        m.d.comb += [self.write.valid.eq(taken & (in_keys | in_values)), self.write.place.eq(key)]
        with m.If(in_keys):
            m.d.comb += [self.i.ready.eq(1), self.write.set.eq(beat)]
            with m.If(advance()):
                m.d.sync += [self.keys_ready.eq(1), in_keys.eq(0), in_values.eq(1)]
        with m.Elif(in_values):
            m.d.comb += [
                self.i.ready.eq(~self.values_ready),
                self.write.value.eq(1),
                self.write.place.eq(part),
                self.write.lane.eq(lane),
                self.write.set.eq(plan.beats + group * key_beats + key_beat),
            ]
            with m.If(advance()):
                m.d.sync += [
                    self.values_ready.eq(1),
                    in_values.eq(0),
                    later_blocks.eq(later_blocks - 1),
                    last_block.eq(later_blocks == 1),
                ]
                with m.If(last_block):
                    m.d.sync += started.eq(0)
        with m.Elif(started):
            m.d.comb += self.i.ready.eq(~self.keys_ready)
            with m.If(taken):
                bits = Value.cast(self.i.payload)[:columns]
                present = Cat(1, *(last_key >= column for column in range(1, columns)))
                m.d.sync += [self.mask.eq(bits & present), in_keys.eq(1)]
        with m.Else():
            m.d.comb += self.job.ready.eq(1)
            with m.If(self.job.valid):
                m.d.sync += [
                    later_keys.eq(keys[:key_bits]),
                    later_blocks.eq(keys[key_bits:]),
                    last_block.eq(keys[key_bits:] == 0),
                    last_beat.eq(self.job.p.beats - 1),
                    started.eq(1),
                ]
        return m


def _divided(value: Value, divisor: int) -> tuple[Value, Value]:
    """Remainder and quotient by a power of two."""
    bits = (divisor - 1).bit_length()
    return Cat(value[:bits]), Cat(value[bits:])
