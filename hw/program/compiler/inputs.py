"""Inputs: where the host writes them, and their way into the buffer."""

from typing import Any

from golden.graph import Graph, Operator
from hw.program.compiler.build import Build
from hw.program.compiler.layout import Layout, Place
from hw.program.compiler.lengths import Length
from hw.program.compiler.transfers import load_words
from hw.program.formats import Format

_BY_HOST = {"windows", "reshape"}


def steps_by_host(graph: Graph) -> dict[str, tuple[Operator, ...]]:
    """By the tensor that is loaded: the windows and reshapes that the host does before it writes.

    They move what an input holds, so its rows can be written as they are read.
    """
    found = {}
    for name in graph.inputs:
        chain: list[Operator] = []
        last = name
        while True:
            readers = [one for one in graph.operators if last in one.inputs]
            if len(readers) != 1 or readers[0].kind not in _BY_HOST or last in graph.outputs:
                break
            chain.append(readers[0])
            last = readers[0].name
        if any(one.kind == "windows" for one in chain):
            found[last] = tuple(chain)
    return found


def masks_behind(graph: Graph, name: str) -> tuple[Operator, ...]:
    """Masks that are an input with learned keys before it: the host writes each of them."""
    return tuple(
        one
        for one in graph.operators
        if one.kind == "prepend" and one.inputs[0] == name and graph.tensors[one.name].bits == 1
    )


def kind_of(graph: Graph, name: str) -> str:
    """Whether an input holds ids, a mask, the same mask as scores of hidden keys, or rows."""
    names = {name, *(one.name for one in masks_behind(graph, name))}
    kinds = set()
    for operator in graph.operators:
        if operator.kind == "embedding" and operator.inputs[0] == name:
            return "ids"
        attends = operator.kind in {"attention", "additive_attention", "linear_attention"}
        if attends and names & set(operator.inputs[3:]):
            whole_rows = operator.kind == "attention" and operator.spec.softmax is not None
            kinds.add("hidden" if whole_rows else "mask")
        if operator.kind == "attention_recurrent" and operator.inputs[-1] in names:
            kinds.add("mask")
    if len(kinds) > 1:
        raise ValueError(
            f"the mask {name!r} is read by attention of the engine and of the cores: quantise the "
            f"network with all of its attention on the cores"
        )
    return kinds.pop() if kinds else "rows"


def load_input(build: Build, name: str, chain: tuple[Operator, ...]) -> Format:
    """Room in memory and in the buffer for an input, and the load; what the host must know.

    ``name`` is the tensor that is loaded, behind the host's ``chain``.
    """
    source = chain[0].inputs[0] if chain else name
    machine, kind = build.machine, kind_of(build.graph, name)
    shape = build.graph.tensors[source].shape
    steps: tuple[tuple[str, Any], ...] = tuple((one.kind, one.spec) for one in chain)
    if kind == "rows":
        place = build.make(name)
        words = place.layout.words
        pitch = words * machine.word_bytes
        region = build.memory.reserve(source, max(build.most(place.count), 1) * pitch)
        build.load(region, place, words, pitch, remark=source)
        columns = tuple(int(2 * position) for position in place.layout.positions)
        return Format(
            kind=kind, address=region.address, pitch=pitch, shape=shape, columns=columns,
            steps=steps,
        )  # fmt: skip
    length = build.rows_of_vector(name)
    if kind == "ids":
        words = -(-build.most(length) * 4 // machine.word_bytes)
        variants: dict[tuple[bool, ...], list[str]] = {(): [name]}
    else:
        words, variants = 0, {(): [name]}
        for one in masks_behind(build.graph, name):
            before = tuple(bool(x) for x in build.number(one.inputs[1]))
            variants.setdefault(before, []).append(one.name)
    block = machine.lanes if kind == "hidden" else machine.key_block
    sizes = [words or -(-(build.most(length) + len(before)) // block) for before in variants]
    region = build.memory.reserve(source, sum(sizes) * machine.word_bytes)
    given = build.scratch(sum(sizes), f"input {name!r}")
    first = given.first
    for (before, names), size in zip(variants.items(), sizes, strict=True):
        for one_name in names:
            build.places[one_name] = build.share(
                Place(
                    kind=kind,
                    layout=Layout((1,), machine.lanes),
                    count=length + Length(constant=len(before)),
                    first=first,
                    stride=1,
                    columns=(0,),
                    block=given,
                )
            )
        first += size
    build.release(given)
    load_words(build, region, given, source)
    return Format(
        kind=kind,
        address=region.address,
        pitch=machine.word_bytes,
        shape=shape,
        block=block,
        variants=() if kind == "ids" else tuple(zip(variants, sizes, strict=True)),
    )
