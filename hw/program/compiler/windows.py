"""Windows of a tensor that lies in the buffer: a copy of its rows for each place of the window.

Letters: S rows of a line, F rows of a step (the second axis), K places of a window, C channels. The
window's places stand side by side in a row of the result, each from a word on; zeros around the
tensor are rows of its own place.
"""

import math

from golden.graph import Operator
from hw.program.compiler.build import Build
from hw.program.compiler.schedule import Span


def prepare(build: Build, operator: Operator) -> None:
    """Ask for zeros around what windows read, and for rows without gaps where rows are merged."""
    (source, *_) = operator.inputs
    if operator.kind == "windows":
        (before, behind), step = operator.spec.padding[0], _step(build, operator)
        build.margins[source] = (before * step, behind * step)
    elif operator.kind == "reshape" and source in build.graph.tensors:
        build.compact.add(source)


def windows(build: Build, operator: Operator) -> None:
    """Copies of rows, one instruction for each place of the window."""
    (name,), spec = operator.inputs, operator.spec
    source, step, stride = build.places[name], _step(build, operator), spec.stride[0]
    out = build.make(operator.name)
    if step > 1 and stride > 1:
        raise ValueError(
            f"windows {operator.name!r} step by {stride} along one of two axes: not supported"
        )
    words = source.layout.words
    for place in range(spec.kernel[0]):
        first = source.word + (place - spec.padding[0][0]) * step * source.stride
        result = out.word + place * words
        rows = build.most(out.count)
        build.schedule.emit(
            "rows",
            counts=(build.lengths.count(out.count),),
            values={
                "a": first,
                "a_stride": source.stride * stride,
                "result": result,
                "result_stride": out.stride,
                "write_rows": 1,
                "elements": words * source.layout.lanes,
            },
            reads=[Span(first=first, words=words, stride=source.stride * stride, rows=rows)],
            writes=[Span(first=result, words=words, stride=out.stride, rows=rows)],
            remark=f"{operator.name}, place {place}",
        )


def _step(build: Build, operator: Operator) -> int:
    """Rows from one step of the first axis to the next."""
    inner = build.size(operator.inputs[0])[1:-1]
    whole = zip(operator.spec.kernel[1:], operator.spec.stride[1:], strict=True)
    sizes = [size for size in inner if isinstance(size, int)]
    if any(one != (1, 1) for one in whole) or len(sizes) != len(inner):
        raise ValueError(
            f"windows {operator.name!r} go along two axes: only the host makes such, of an input"
        )
    return math.prod(sizes)
