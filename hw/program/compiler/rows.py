"""Steps of the vector unit: from the operators of a step to one instruction."""

from dataclasses import replace

from golden.graph import Operator
from hw.program.compiler import vector
from hw.program.compiler.build import Build
from hw.program.compiler.layout import Place
from hw.program.compiler.numbers import function
from hw.program.compiler.steps import Step


def rows(build: Build, step: Step) -> None:
    """One instruction for the operators of a step."""
    first = step.operators[0]
    operands = first.inputs[:2] if first.kind in {"residual_add", "multiply"} else first.inputs[:1]
    sources = dict(zip("ab", (build.places[name] for name in operands), strict=False))
    layout = build.layouts[first.name if first.kind != "quantize" else first.inputs[0]]
    for name, place in zip(operands, sources.values(), strict=True):
        if not place.contiguous or not place.layout.same(layout):
            raise ValueError(
                f"operator {first.name!r} reads {name!r}, whose columns lie elsewhere than those "
                f"of its result: this mixture of heads and whole rows is not supported"
            )
    if first.kind in {"residual_add", "multiply"}:
        # The operand of one row, if there is one, is b.
        longest = build.rows(first.name)
        if sources["a"].count != longest and sources["b"].count == longest:
            sources = {"a": sources["b"], "b": sources["a"]}
    count = sources["a"].count
    values: dict[str, int] = {}
    for operator in step.operators:
        values |= _values(build, operator, layout.elements)
    result, codes = results(build, step)
    reduces = first.kind in {"mean_pool", "max_pool"}
    window = first.spec.window if first.kind == "max_pool" else None
    vector.emit(
        build,
        vector.Rows(
            sources=sources,
            values=values,
            result=result,
            codes=codes,
            remark=", ".join(operator.name for operator in step.operators),
        ),
        count,
        layout.elements,
        "reduce" if reduces else "rows",
        cut=not reduces,
        windows=(build.rows(first.name), window) if window else None,
    )


def results(build: Build, step: Step) -> tuple[Place | None, Place | None]:
    """Places of the rows and of the codes that a step writes."""
    result = codes = None
    for operator in step.operators:
        if operator.kind == "quantize":
            names = operator.outputs
            layout = build.layouts[names[0]]
            words = 1 + -(-layout.elements // build.machine.word_bytes)
            codes = build.make(names[0], "scaled", words)
            build.places[names[1]] = build.share(replace(codes))
        elif operator.name in step.written:
            result = build.make(operator.name)
    return result, codes


def _values(build: Build, operator: Operator, width: int) -> dict[str, int]:
    """What an operator puts into its instruction."""
    if operator.kind == "residual_add":
        vector.add_spec(operator)
        return vector.combine("add")
    if operator.kind == "quantize":
        longest = build.machine.longest_codes
        if width > longest:
            raise ValueError(
                f"operator {operator.name!r} makes codes of {width} elements, but the vector unit "
                f"takes rows of {longest}: take a machine with more"
            )
        return vector.codes(operator.spec, int(build.number(operator.inputs[1])))
    if operator.kind == "activation":
        return function(build, operator.spec)
    if operator.kind == "max_pool":
        return {"maxima": 1}
    values = vector.scale(build, operator, width)
    return values | vector.combine("product") if operator.kind == "multiply" else values
