"""Rows of softmax, the operators over rows and the attention engine."""

from collections.abc import Callable, Mapping
from typing import Any

from docs.figures.figure import Figure, combinational, lowest_scores, scores
from sim.commands.prove import VECTOR_OPERATORS

ARRAY = 1024
"""Products of the engine's array in a cycle."""


def _softmax(key: str) -> Callable[[Any], str]:
    """A figure of the encoder's rows: integers beside the exactly rounded result, 8 and 12 bits."""

    def value(figures: Any) -> str:
        rows = [figures[f"{bits} bits"]["encoder floats"] for bits in (8, 12)]
        return "; ".join(f"{row['integers'][key]:.4f}, {row['rounded'][key]:.4f}" for row in rows)

    return value


def _contexts(figures: Any) -> str:
    shares = [figures["attention"][f"{bits} bits"]["int8_within_one"] for bits in (8, 10, 12)]
    return ", ".join(f"{100 * share:.1f}" for share in shares)


def _shares(**shape: float) -> Callable[[Any], str]:
    """Share of the array's products that are useful, of the case of this shape."""

    def value(figures: Any) -> str:
        shares = [
            case["share"]
            for case in figures["cases"]
            if all(case["case"][name] == number for name, number in shape.items())
        ]
        return ", ".join(f"{100 * share:.1f}" for share in shares)

    return value


def _per_product(figures: Any) -> str:
    (row,) = (row for row in figures["blocks"] if row["library"] == "gates")
    logic = (row["transistors"] - row["flip_flop_transistors"]) / 4
    return f"{logic / ARRAY:,.0f}"


def _operators(kind: str) -> Callable[[Any], str]:
    def value(figures: Mapping[str, Any]) -> str:
        row = figures["operators"][kind]
        return f"{row['max']:.2f}, {row['mean']:.2f}, {row['of_bound']:.2f}"

    return value


VECTOR_MUTANTS = tuple(f"mutate-{name.replace('_', '-')}" for name in VECTOR_OPERATORS)

HEADS = {"heads": 12, "head_size": 64}

ATTENTION_FIGURES = (
    *(
        Figure(
            text=f"attention engine, 12 heads of {told}, softmax included: useful products of "
            "those of the array, %",
            result="engine",
            value=_shares(**shape),
        )
        for told, shape in (
            ("128 x 128, head size 64", {"queries": 128, "stalls": 0.0, **HEADS}),
            ("512 x 512", {"queries": 512, "stalls": 0.0, **HEADS}),
            ("128 x 128, 30 % random stalls", {"queries": 128, "stalls": 0.3, **HEADS}),
            ("512 x 512, 30 % random stalls", {"queries": 512, "stalls": 0.3, **HEADS}),
            ("64 x 64", {"queries": 64, "keys": 64, **HEADS}),
            ("37 x 200", {"queries": 37, "keys": 200, **HEADS}),
            ("128 x 128, head size 32", {"queries": 128, "heads": 12, "head_size": 32}),
            ("128 x 128, head size 128", {"queries": 128, "heads": 12, "head_size": 128}),
        )
    ),
    Figure(
        text="attention engine with its softmax: gate equivalents without registers per product of "
        "a cycle",
        result="area-engine",
        value=_per_product,
    ),
    Figure(
        text="mutation score of the engine's bench, 100 mutants, %",
        result="mutate-engine",
        value=scores("small"),
    ),
    Figure(
        text="attention's contexts within one INT8 code of exact, of 8, 10 and 12 bits, %",
        result="softmax",
        value=_contexts,
    ),
    Figure(
        text="softmax, 16 scores summed and 64 codes a cycle: gate equivalents + flip-flops; "
        "with a divider",
        result="area-softmax",
        value=combinational("softmax-16-64", "softmax_divider-16-64"),
        command="python -m hw area softmax-16-64 softmax_divider-16-64",
    ),
    *(
        Figure(
            text=f"softmax on the encoder's score rows, {words}: integers, exactly rounded; of 8 "
            "bits, of 12",
            result="softmax",
            value=_softmax(key),
        )
        for words, key in (
            ("KL divergence", "kl"),
            ("mean row-sum error", "row_sum_error"),
            ("same argmax", "same_argmax"),
        )
    ),
    Figure(
        text="mutation score of the softmax's bench, 100 mutants, %",
        result="mutate-softmax",
        value=scores("small"),
    ),
    Figure(
        text="mutation scores of the vector operators' benches, 100 mutants each, %: the lowest, "
        "and all",
        result=VECTOR_MUTANTS[0],
        more=VECTOR_MUTANTS[1:],
        value=lowest_scores,
        command="python -m sim mutate NAME --count 100 --proof-seconds 30",
    ),
)
