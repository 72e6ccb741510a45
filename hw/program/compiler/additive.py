"""Additive attention of one query: tanh by the vector unit, then scores and context by the engine.

u_t = tanh(query + key_t)          codes of u are the engine's keys
score_t = energy . u_t             codes of the energies are its one query
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from golden.graph import Operator
from golden.operator_spec import AdditiveAttentionSpec
from golden.spec import RowScaleSpec
from hw.program.compiler import vector
from hw.program.compiler.attention import Operands
from hw.program.compiler.build import Build
from hw.program.compiler.cells import ONE
from hw.program.compiler.head_numbers import Numbers, require_spec
from hw.program.compiler.layout import Place
from hw.program.compiler.loop import rows_loop
from hw.program.compiler.numbers import function
from hw.program.compiler.schedule import Change


class Additive:
    """Codes of energies and values are made once; every call is one query.

    ``names`` are the constants after query, key and value: energy, value scale, score multiplier,
    context multiplier, offsets; and the mask, if there is one.
    """

    def __init__(
        self,
        build: Build,
        name: str,
        spec: AdditiveAttentionSpec,
        key: Place,
        value: Place,
        names: Sequence[str],
    ) -> None:
        require_spec(build, name, spec.attention)
        self.build, self.name, self.spec, self.key = build, name, spec, key
        energy, *numbers = names[:5]
        value_scale, score, context, offsets = (build.number(one) for one in numbers)
        self.numbers = Numbers(
            key_scale=np.ones(1, int),
            value_scale=np.ravel(value_scale),
            score_multiplier=np.ravel(score),
            context_multiplier=np.ravel(context),
            offsets=offsets,
        )
        self.mask = build.places[names[5]] if len(names) > 5 else None
        self.operands = Operands(build, name, 1, key.layout, key.count, value.layout, ONE)
        self.operands.value(value, 0, int(self.numbers.value_scale[0]))
        function(build, spec.tanh)
        self._load_energy(build.number(energy))

    def __call__(self, query: Place, out: Place, index: int | None = None) -> None:
        """The context of one query, or of the row that the register ``index`` tells."""
        values = vector.combine("add") | function(self.build, self.spec.tanh)
        values |= vector.codes(self.spec.comparison, 0, header=False)
        keys = replace(self.operands.keys, columns=(0,))
        repeated = {"a": self.key, "b": query}
        vector.emit(
            self.build,
            vector.Rows(
                sources=repeated,
                values=values,
                codes=keys,
                changes=_moved("b", query, index),
                remark=self.name,
            ),
            self.key.count,
            self.key.layout.elements,
        )
        self.operands.attend(
            out,
            0,
            self.numbers,
            self.spec.attention,
            self.mask,
            changes=_moved("contexts", out, index),
        )

    def release(self) -> None:
        """Give the codes back."""
        self.operands.release()

    def _load_energy(self, energy: np.ndarray) -> None:
        """The header word and the codes of the one query."""
        machine, place = self.build.machine, self.operands.queries
        content = np.zeros((len(place.columns), machine.word_bytes), np.uint8)
        mantissa, exponent = static_row_scale(self.spec.comparison)
        exponent += int(self.numbers.offsets[0])
        header = mantissa | (exponent & 0x3F) << 16
        content[0, :4] = np.frombuffer(header.to_bytes(4, "little"), np.uint8)
        codes = np.ravel(energy).astype(np.int8).view(np.uint8)
        content[1:].reshape(-1)[: codes.size] = codes
        region = self.build.memory.add(f"{self.name}.energy", content)
        self.build.load(region, place, len(place.columns), 0, remark=self.name)


def additive(build: Build, operator: Operator) -> None:
    """Query by query."""
    query, key, value = (build.places[name] for name in operator.inputs[:3])
    out = build.make(operator.name)
    attend = Additive(build, operator.name, operator.spec, key, value, operator.inputs[3:])
    if query.count == ONE:
        attend(query, out)
    else:
        with rows_loop(build, operator.name, query.count) as index:
            attend(replace(query, count=ONE), out, index)
    attend.release()


def _moved(field: str, place: Place, index: int | None) -> tuple[Change, ...]:
    """The row of a place that a register tells."""
    return () if index is None else (Change(field=field, register=index, factor=place.stride),)


def static_row_scale(spec: RowScaleSpec) -> tuple[int, int]:
    """Mantissa and exponent that every row has with a static scale.

    The scale is rounded up to ``index_bits`` significant bits.
    """
    scale = spec.static_scale or 1
    drop = scale.bit_length() - spec.index_bits
    index = -(-scale >> drop) if drop > 0 else scale << -drop
    carry = index >> spec.index_bits
    shift = spec.mantissa_bits - spec.index_bits
    return (index >> carry) << shift, drop + carry - shift
