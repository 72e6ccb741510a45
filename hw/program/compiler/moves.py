"""Operators that only move integers: by loads, by address, by copies of the vector unit."""

from dataclasses import replace

from golden.graph import Operator
from hw.program.compiler import vector
from hw.program.compiler.build import Build
from hw.program.compiler.layout import Place
from hw.program.compiler.lengths import Length, length_of
from hw.program.compiler.schedule import Change, Span


def embedding(build: Build, operator: Operator) -> None:
    """Rows of a table by a list of ids."""
    ids_name, table = operator.inputs
    ids = build.places[ids_name]
    place = build.make(operator.name)
    region = build.constant_rows(table, place.layout)
    count = build.size(table)[0]
    words = place.layout.words
    build.schedule.emit(
        "load",
        counts=(build.lengths.count(place.count),),
        values={
            "gather": 1,
            "address": region.address,
            "pitch": words * build.machine.word_bytes,
            "words": words,
            "buffer": place.word,
            "stride": place.stride,
            "ids": ids.first,
            "table_rows": int(count),
        },
        reads=[Span(first=ids.first, words=ids.block.words)],
        writes=[build.span(place)],
        remark=operator.name,
    )


def position(build: Build, operator: Operator) -> None:
    """The first rows of a table."""
    place = build.make(operator.name)
    rows, most = build.size(operator.inputs[1])[0], build.most(place.count)
    if isinstance(rows, int) and most > rows:
        raise ValueError(
            f"operator {operator.name!r} has {rows} positions, fewer than the {most} rows that the "
            f"program is to be compiled for: lower the maximum"
        )
    region = build.constant_rows(operator.inputs[1], place.layout)
    words = place.layout.words
    build.load(region, place, words, words * build.machine.word_bytes, remark=operator.name)


def prepend(build: Build, operator: Operator) -> None:
    """Rows of a table in front; the others were made behind them, or are copied there."""
    source, table = operator.inputs
    out = build.make(operator.name)
    region = build.constant_rows(table, out.layout)
    rows, words = build.number(table).shape[0], out.layout.words
    build.load(
        region,
        out,
        words,
        words * build.machine.word_bytes,
        count=Length(constant=rows),
        remark=operator.name,
    )
    copy(build, build.places[source], build.within(out, source, rows), operator.name, share=False)


def copy(build: Build, source: Place, target: Place, remark: str, share: bool = True) -> None:
    """Rows elsewhere, unless they are there already."""
    if not share:
        build.release(target.block)
    if source.block is target.block and source.word == target.word:
        return
    vector.emit(
        build,
        vector.Rows(sources={"a": source}, result=target, remark=remark),
        source.count,
        source.layout.words * source.layout.lanes,
    )


def concat(build: Build, operator: Operator) -> None:
    """Rows or columns side by side: made there, or copied."""
    out = build.make(operator.name)
    word, rows = 0, Length()
    for name in operator.inputs:
        source = build.places[name]
        if operator.spec.axis == 0:
            if rows.names:
                _append(build, source, out, rows, operator.name)
            else:
                target = build.within(out, name, rows.constant)
                copy(build, source, target, operator.name, share=False)
            rows += source.count
        else:
            target = build.within(out, name, 0, word)
            copy(build, source, target, operator.name, share=False)
            word += source.layout.words


def _append(build: Build, source: Place, out: Place, rows: Length, remark: str) -> None:
    """Rows behind as many as are known when the program runs."""
    words = source.layout.words
    build.schedule.emit(
        "rows",
        counts=(build.lengths.count(source.count),),
        values={
            "a": source.word,
            "a_stride": source.stride,
            "result": out.word,
            "result_stride": out.stride,
            "write_rows": 1,
            "elements": words * source.layout.lanes,
        },
        reads=[build.span(source)],
        writes=[build.span(out)],
        changes=[Change(field="result", register=build.lengths.register(rows), factor=out.stride)],
        remark=remark,
    )


def slice_part(build: Build, operator: Operator) -> None:
    """Part of a tensor, where it is; the end of one whose length is not known is copied."""
    (name,) = operator.inputs
    source, spec = build.places[name], operator.spec
    axes = len(build.size(name))
    if spec.axis not in {0, -1, axes - 1} or axes > 2:
        raise ValueError(f"operator {operator.name!r} slices axis {spec.axis}: not supported")
    if spec.axis != 0:
        start = spec.start % source.layout.columns
        if start % source.layout.lanes:
            raise ValueError(f"operator {operator.name!r} begins within a word: not supported")
        layout, word = build.layouts[operator.name], start // source.layout.lanes
        columns = source.columns[word : word + layout.words]
        build.places[operator.name] = build.share(replace(source, layout=layout, columns=columns))
        return
    if spec.start >= 0 or not source.count.names:
        start = spec.start if spec.start >= 0 else source.count.constant + spec.start
        build.places[operator.name] = build.within(source, operator.name, start)
        return
    place = build.make(operator.name)
    register = build.lengths.register(source.count + Length(constant=spec.start))
    build.schedule.emit(
        "rows",
        counts=(build.lengths.count(place.count),),
        values={
            "a": source.word,
            "a_stride": source.stride,
            "result": place.word,
            "result_stride": place.stride,
            "write_rows": 1,
            "elements": source.layout.words * source.layout.lanes,
        },
        reads=[build.span(source)],
        writes=[build.span(place)],
        changes=[Change(field="a", register=register, factor=source.stride)],
        remark=operator.name,
    )


def reshape(build: Build, operator: Operator) -> None:
    """One row of several parts, seen as rows."""
    (name,) = operator.inputs
    source, layout = build.places[name], build.layouts[operator.name]
    one_row = source.count == Length(constant=1)
    merged = layout.columns // source.layout.columns
    if merged > 1 and source.stride == source.layout.words and source.contiguous:
        columns = range(source.columns[0], source.columns[0] + layout.words)
        build.places[operator.name] = build.share(
            replace(
                source,
                layout=layout,
                count=build.rows(operator.name),
                stride=merged * source.stride,
                columns=tuple(columns),
            )
        )
    elif source.layout.columns == layout.columns and source.count == build.rows(operator.name):
        build.places[operator.name] = build.share(replace(source, layout=layout))
    elif one_row and source.layout.parts == layout.parts * (
        source.layout.columns // layout.columns
    ):
        build.places[operator.name] = build.share(
            replace(
                source,
                layout=layout,
                count=build.rows(operator.name),
                stride=layout.words,
                columns=source.columns[: layout.words],
            )
        )
    else:
        raise ValueError(f"operator {operator.name!r} breaks rows within words: not supported")


def top_k(build: Build, operator: Operator) -> None:
    """The largest of each row: index and value in a word each."""
    (name,) = operator.inputs
    source, k = build.places[name], operator.spec.k
    if k > build.machine.ranks:
        raise ValueError(
            f"operator {operator.name!r} keeps {k} values, but the vector unit "
            f"{build.machine.ranks}: lower k"
        )
    place = build.place(operator.name, "results", source.layout, source.count, k)
    for output in operator.outputs:
        build.places[output] = build.share(place)
    build.release(place.block)
    vector.emit(
        build,
        vector.Rows(
            sources={"a": source},
            values={"top_k": 1, "k": k},
            result=place,
            remark=operator.name,
            width=length_of(width) if isinstance(width := build.size(name)[-1], str) else None,
        ),
        source.count,
        source.layout.elements,
    )
