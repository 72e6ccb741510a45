"""``python -m golden softmax``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from golden.commands.report import json_option, terminal, write
from golden.models import minilm
from golden.models.softmax_accuracy import (
    CONTEXT,
    LENGTHS,
    ROW_SUM,
    SPREADS,
    Rows,
    contexts,
    drawn_rows,
    encoder_rows,
    figures,
    missed,
    saturated,
    worst_row_sum,
)
from golden.operator_spec import AttentionSpec, SoftmaxSpec

WIDTHS = (8, 12)

DEFAULT = AttentionSpec(heads=1).probability_bits

ATTENTION_WIDTHS = (8, 9, DEFAULT, 12)
"""Bits of P' that the fused attention is measured with: the default among them must do."""

LONGEST = 512

COLUMNS = {
    "max_error": "max LSB",
    "mean_error": "mean LSB",
    "row_sum_error": "row sum",
    "kl": "KL",
    "same_argmax": "argmax",
}


@click.command()
@click.option("--count", default=20, help="Sentences of the encoder; a text of as many tokens too.")
@click.option("--rows", default=200, help="Drawn rows of each spread and length.")
@json_option
def softmax(count: int, rows: int, json_file: Path | None) -> None:
    """Integer softmax against float, over score rows of the encoder and drawn ones.

    Against the same integer scores it stands beside the exactly rounded result; against the float
    logits everything that is lost on the way is in it: scores beyond 16 bits, and INT8 products.
    Asked: at most one code from rounded for 99.9 % of entries; mean row-sum error and KL at most
    1.1 times the rounded ones' + 0.0005; contexts of fused attention within one INT8 LSB of exact
    for 99 %. What is beyond makes exit code 1.
    """
    console = terminal()
    spec = SoftmaxSpec()
    tokenizer, sentences = minilm.Tokenizer(), minilm.sentences()[:count]
    token_ids = [*map(tokenizer, sentences), tokenizer(" ".join(sentences))]
    with console.status("calibrating"):
        minilm.integer_network()
    pairs = [
        pair
        for ids in track(token_ids, "encoder", transient=True)
        for pair in encoder_rows(spec, [ids])
    ]
    sources: dict[str, Sequence[Rows]] = {
        "encoder floats": [first for first, _ in pairs],
        "encoder INT8": [second for _, second in pairs],
    }
    for spread in SPREADS:
        for length in LENGTHS:
            name = f"sd {spread} x {length}"
            sources[name] = [drawn_rows(spec, spread, length, rows)]
    found: dict[str, Any] = {"rows": {name: sum(len(one.scores) for one in each)
                                      for name, each in sources.items()}}  # fmt: skip
    found["saturated_rows"] = {
        name: saturated(sources[name]) for name in ("encoder floats", "encoder INT8")
    }
    beyond = []
    for bits in WIDTHS:
        wide = SoftmaxSpec(output_bits=bits)
        found[f"{bits} bits"] = each = {name: figures(wide, some) for name, some in sources.items()}
        _show(console, bits, each)
        beyond += [f"{bits} bits, {name}: {told}" for name, one in each.items()
                   for told in missed(one)]  # fmt: skip
    lengths = track(range(1, LONGEST + 1), "row sums", transient=True)
    found["row_sum_worst"] = worst_row_sum(SoftmaxSpec(output_bits=12), lengths, 4)
    for name, share in found["saturated_rows"].items():
        bits = sources[name][0].fraction_bits
        console.print(
            f"{name}, {bits} fraction bits: {share:.2%} of rows have a score beyond 16 bits"
        )
    console.print(
        f"12 bits, every length to {LONGEST}: row sums within {found['row_sum_worst']:.2%}, "
        f"asked {ROW_SUM:.1%}"
    )
    if found["row_sum_worst"] > ROW_SUM:
        beyond.append(f"12 bits: a row sum is off by {found['row_sum_worst']:.2%}")
    found["attention"] = {
        f"{bits} bits": contexts(bits, token_ids)
        for bits in track(ATTENTION_WIDTHS, "attention", transient=True)
    }
    for name, one in found["attention"].items():
        console.print(
            f"fused attention, codes P' of {name}: {one['int8_within_one']:.2%} of contexts within "
            f"one LSB of INT8 (asked {CONTEXT:.0%}; largest error {one['int8_max_error']:.1f}), "
            f"{one['int16_within_one']:.2%} within one of INT16 ({one['int16_max_error']:.0f})"
        )
    within = found["attention"][f"{DEFAULT} bits"]["int8_within_one"]
    if within < CONTEXT:
        beyond.append(f"attention: {within:.2%} of contexts within one LSB of INT8")
    write(json_file, found)
    if beyond:
        raise click.ClickException("; ".join(beyond))


def _show(console: Console, bits: int, found: dict[str, Any]) -> None:
    """One line against the same scores and one against the float logits, ours / rounded."""
    table = Table(title=f"{bits} bits: integers / exactly rounded")
    for heading in ("rows", "against", *COLUMNS.values(), "<= 1 code"):
        table.add_column(heading)
    for name, one in found.items():
        for against, ours, rounded in (
            ("scores", "integers", "rounded"),
            ("logits", "integers_to_logits", "rounded_to_logits"),
        ):
            cells = [f"{one[ours][key]:.3g} / {one[rounded][key]:.3g}" for key in COLUMNS]
            same = against == "scores"
            within = f"{1 - one[ours]['beyond_one_code']:.3%}" if same else ""
            table.add_row(name if same else "", against, *cells, within)
    console.print(table)
