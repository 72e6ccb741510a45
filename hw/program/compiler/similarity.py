"""Similarity of rows: those of the second tensor become the weights of the cores.

Its result has as many columns as that tensor has rows, known when the program runs.
"""

import numpy as np

from golden.graph import Operator
from golden.operator_spec import SimilaritySpec
from golden.spec import RowScaleSpec
from hw.program.compiler import vector
from hw.program.compiler.build import Build
from hw.program.compiler.layout import Layout, Place
from hw.program.compiler.row_product import multiply_rows


def similarity(build: Build, operator: Operator) -> None:
    """Codes of both tensors, then their product."""
    if operator.spec != SimilaritySpec():
        raise ValueError(
            f"operator {operator.name!r} has the spec {operator.spec}, but the machine computes "
            f"{SimilaritySpec()}: quantise the network to 8 bits"
        )
    machine = build.machine
    x, y = (build.places[name] for name in operator.inputs[:2])
    if not (x.contiguous and y.contiguous and x.layout.same(y.layout)):
        raise ValueError(
            f"operator {operator.name!r} compares rows whose heads lie apart: not supported"
        )
    y_scale, multiplier, offset = (int(np.max(build.number(one))) for one in operator.inputs[2:])
    code_words = -(-x.layout.elements // machine.word_bytes)
    columns = max(build.most(y.count), 1)
    build.layouts[operator.name] = Layout((columns,), machine.lanes)
    out = build.make(operator.name)
    queries = build.place(f"{operator.name}, codes", "scaled", x.layout, x.count, 1 + code_words)
    gallery = build.place(f"{operator.name}, weights", "codes", y.layout, y.count, code_words)
    _quantize(build, x, queries, vector.codes(RowScaleSpec(), offset), operator.name)
    static = vector.codes(RowScaleSpec(static_scale=y_scale), 0, header=False)
    _quantize(build, y, gallery, static, operator.name)
    multiply_rows(
        build,
        (queries, gallery, out),
        (x.count, y.count),
        (code_words, -(-columns // machine.lanes)),
        {"transposed": 1, "multiplier": multiplier},
        operator.name,
    )
    for place in (queries, gallery):
        build.release(place.block)


def _quantize(
    build: Build, source: Place, codes: Place, values: dict[str, int], remark: str
) -> None:
    rows = vector.Rows(sources={"a": source}, values=values, codes=codes, remark=remark)
    vector.emit(build, rows, source.count, source.layout.elements)
