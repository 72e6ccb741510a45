"""Matrix products on the cores: weights and rows, pass by pass, block of rows by block of rows."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from golden.graph import Operator
from golden.spec import RequantizeSpec
from hw.program.compiler.build import Build
from hw.program.compiler.layout import Layout, Place
from hw.program.compiler.plan import CompilerPlan
from hw.program.compiler.schedule import Span
from hw.program.compiler.tiles import Pass, Product, TiledProduct, passes


def linears(build: Build, operators: Sequence[Operator]) -> None:
    """Linears that read the same codes, as one product."""
    source = build.places[operators[0].inputs[0]]
    products = []
    for operator in operators:
        require_default(operator.name, operator.spec)
        weight, multiplier, bias = (
            np.asarray(build.graph.constants[name]) for name in operator.inputs[2:]
        )
        products.append(
            Product(
                name=operator.name,
                weight=weight,
                multiplier=np.broadcast_to(multiplier, weight.shape[1:]),
                bias=np.broadcast_to(bias, weight.shape[1:]),
                layout=build.layouts[operator.name],
            )
        )
    interleaved = all(_only_attention(build, operator.name) for operator in operators)
    words = word_order([product.layout for product in products], interleaved)
    if len(operators) == 1:
        place = build.make(operators[0].name)
    else:
        place = _side_by_side(build, operators, words, source)
    multiply(build, source, products, words, place, operators[0].name, interleaved)


def require_default(name: str, spec: RequantizeSpec) -> None:
    """Raise ``ValueError`` unless the machine's requantizers compute ``spec``."""
    if spec != RequantizeSpec():
        raise ValueError(
            f"operator {name!r} rescales with {spec}, but the machine's requantizers have the "
            f"default spec: quantise the network with it"
        )


def multiply(
    build: Build,
    source: Place,
    products: Sequence[Product],
    words: Sequence[tuple[int, int]],
    place: Place,
    name: str,
    attended: bool = False,
) -> None:
    """Weights and cores for every pass; tile t goes to word t of the rows of ``place``."""
    tiled = TiledProduct(build.machine, source.layout, products, words)
    most = build.most(source.count)
    shares = passes(build.machine, tiled.tiles, most, build.plan.row_cycles, attended)
    regions = [
        build.memory.add(f"{name}.weights.{index}", tiled.content(one))
        for index, one in enumerate(shares)
    ]
    for index, start, size in _order(build, shares, most, attended):
        one, count = shares[index], build.lengths.count(source.count, start, size)
        tiling = {
            "k_tiles": tiled.k_tiles,
            "tiles": one.tiles,
            "group_bits": one.group_bits,
            "first_set": build.first_set,
        }
        build.first_set = (build.first_set + tiled.k_tiles) % build.machine.weight_sets
        remark = f"{name}, tiles {one.first} to {one.first + one.tiles - 1}, rows from {start} on"
        build.schedule.emit(
            "weights",
            counts=(count,),
            values={"address": regions[index].address, **tiling},
            remark=remark,
        )
        first = source.word + start * source.stride
        result = place.word + start * place.stride + one.first
        build.schedule.emit(
            "cores",
            counts=(count,),
            values={
                "codes": first + 1,
                "codes_stride": source.stride,
                "scales": first,
                **tiling,
                "result": result,
                "result_stride": place.stride,
            },
            reads=[Span(first=first, words=tiled.k_tiles + 1, stride=source.stride, rows=size)],
            writes=[Span(first=result, words=one.tiles, stride=place.stride, rows=size)],
            remark=remark,
        )


def _order(
    build: Build, shares: Sequence[Pass], rows: int, attended: bool
) -> list[tuple[int, int, int]]:
    """Passes with their blocks of rows: index, first row, rows.

    The first pass is cut into blocks, since what it reads may come block by block, and the last,
    since what follows may begin with a block; unless that is attention, which needs all rows.
    """
    limits = [build.machine.core_rows << one.group_bits for one in shares]
    last = len(shares) - 1
    if len(shares) <= 2 and not attended:
        blocks = build.plan.blocks(rows, min(limits))
        return [(index, *block) for block in blocks for index in range(len(shares))]
    uncut = CompilerPlan()
    found = []
    for index, limit in enumerate(limits):
        cut = index == 0 or (index == last and not attended)
        blocks = (build.plan if cut else uncut).blocks(rows, limit)
        found += [(index, *block) for block in blocks]
    return found


def word_order(layouts: Sequence[Layout], interleaved: bool) -> list[tuple[int, int]]:
    """Words of products side by side, or interleaved, where they have as many parts each.

    So the first heads of query, key and value are ready before the last ones are begun.
    """
    parts = {len(layout.parts) for layout in layouts}
    order = []
    if interleaved and len(layouts) > 1 and len(parts) == 1:
        for part in range(parts.pop()):
            for index, layout in enumerate(layouts):
                first = layout.first_word(part)
                order += [(index, first + word) for word in range(layout.part_words[part])]
        return order
    return [(index, word) for index, layout in enumerate(layouts) for word in range(layout.words)]


def _only_attention(build: Build, name: str) -> bool:
    """Whether nothing else reads a tensor, so that its heads may lie anywhere."""
    kinds = {one.kind for one in build.graph.operators if name in one.inputs}
    return kinds == {"attention"}


def _side_by_side(
    build: Build, operators: Sequence[Operator], words: Sequence[tuple[int, int]], source: Place
) -> Place:
    """One row for all products; each result has its words of it."""
    names = ", ".join(operator.name for operator in operators)
    layout = Layout((len(words) * build.machine.lanes,), build.machine.lanes)
    whole = build.place(names, "rows", layout, source.count, len(words))
    for index, operator in enumerate(operators):
        order = {word: at for at, (of, word) in enumerate(words) if of == index}
        layout = build.layouts[operator.name]
        columns = tuple(order[word] for word in range(layout.words))
        build.places[operator.name] = build.share(replace(whole, layout=layout, columns=columns))
    build.release(whole.block)
    return whole
