"""What additive attention makes of a query and a key before it sums: codes of ``tanh(q + k)``."""

from typing import Any

from amaranth.hdl import Const, Module, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from golden.operator_spec import AdditiveAttentionSpec
from golden.spec import RowScaleSpec
from golden.tables import reciprocal_fraction_bits, reciprocal_table
from hw.ops.additive_plan import AdditiveAttentionPlan
from hw.ops.interpolate import Interpolation
from hw.ops.quantize_rows import symmetric
from hw.ops.requantize import clipped
from hw.pipeline import held

ENERGY_BITS = 8
INPUT_BITS = 16
ALWAYS = Const(1)


def static_quantizer(spec: RowScaleSpec) -> tuple[int, int, int, int]:
    """Factor and shift of every code, mantissa and exponent of every row, by ``static_scale``."""
    if spec.static_scale is None:
        raise ValueError("comparison.static_scale must be a magnitude, not None: tanh's is 2**15")
    length = spec.static_scale.bit_length()
    drop = length - spec.index_bits
    index = -(-spec.static_scale >> drop) if drop > 0 else spec.static_scale << -drop
    factor = int(reciprocal_table(spec)[index - (1 << (spec.index_bits - 1))])
    shift = reciprocal_fraction_bits(spec) + drop
    zeros = (factor & -factor).bit_length() - 1
    carry = index >> spec.index_bits
    mantissa = (index >> carry) << (spec.mantissa_bits - spec.index_bits)
    exponent = drop + carry - (spec.mantissa_bits - spec.index_bits)
    return factor >> zeros, shift - zeros, mantissa, exponent


class KeyComparison(wiring.Component):
    """``codes = quantise(tanh(saturate(query + key)))``, with the energies of the same elements.

    Latency is ``STAGES`` cycles, throughput one beat a cycle; nothing stalls. Query and energies
    are memories that are written beforehand. The static scale makes quantising a product with a
    constant: ``127 * u = 128 * u - u`` for that of tanh.

    Each lane has its own table, as logic: with the line in it 4,087 gate equivalents of 1,024
    segments. Two lanes that share a memory of two read ports would need 26,624 bits for it, 39,900
    gate equivalents as cells of six transistors.

    Members
    -------
    query, query_write : elements of the query for ``beat``
    energies, energies_write, energies_beat : energies for a beat of their own
    key, beat : elements of a key
    codes, weights : codes of its comparison, and their energies
    """

    STAGES = 3 + Interpolation.STAGES

    def __init__(self, spec: AdditiveAttentionSpec, plan: AdditiveAttentionPlan) -> None:
        self.spec, self.plan = spec, plan
        words = data.ArrayLayout(signed(INPUT_BITS), plan.lanes)
        weights = data.ArrayLayout(signed(ENERGY_BITS), plan.lanes)
        codes = data.ArrayLayout(signed(spec.comparison.output_bits), plan.lanes)
        super().__init__({
            "query": In(words),
            "query_write": In(1),
            "energies": In(weights),
            "energies_write": In(1),
            "energies_beat": In(plan.beat_bits),
            "key": In(words),
            "beat": In(plan.beat_bits),
            "codes": Out(codes),
            "weights": Out(weights),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        plan = self.plan
        m.submodules.queries = queries = Memory(
            shape=self.query.shape(), depth=plan.width_beats, init=[]
        )
        m.submodules.energy = energy = Memory(
            shape=self.energies.shape(), depth=plan.width_beats, init=[]
        )
        query_write, query = queries.write_port(), queries.read_port()
        energy_write, weights = energy.write_port(), energy.read_port()
        m.d.comb += [
            query_write.en.eq(self.query_write),
            query_write.addr.eq(self.beat),
            query_write.data.eq(self.query),
            query.addr.eq(self.beat),
            energy_write.en.eq(self.energies_write),
            energy_write.addr.eq(self.energies_beat),
            energy_write.data.eq(self.energies),
            weights.addr.eq(held(m, ALWAYS, "later_beat", self.beat, self.STAGES - 1)),
            self.weights.eq(weights.data),
        ]
        for lane in range(plan.lanes):
            key = held(m, ALWAYS, f"key_{lane}", self.key[lane])
            total = clipped(m, f"total_{lane}", query.data[lane] + key, INPUT_BITS)
            m.submodules[f"tanh_{lane}"] = tanh = Interpolation(self.spec.tanh)
            m.d.comb += [
                tanh.enable.eq(1),
                tanh.x.eq(held(m, ALWAYS, f"total_{lane}", total)),
                self.codes[lane].eq(held(m, ALWAYS, f"code_{lane}", self._code(m, lane, tanh.y))),
            ]
        return m

    def _code(self, m: Module, lane: int, u: Value) -> Value:
        spec = self.spec.comparison
        factor, shift, _, _ = static_quantizer(spec)
        # A power of two less one is a subtraction, which a product with a constant is not.
        length = factor.bit_length()
        product = (u << length) - u if factor + 1 == 1 << length else u * factor
        if shift > 0:
            product = (product + (1 << (shift - 1))) >> shift
        code = Signal(signed(spec.output_bits), name=f"clipped_{lane}")
        m.d.comb += code.eq(clipped(m, f"clip_{lane}", product, spec.output_bits))
        return symmetric(code, spec.output_bits)
