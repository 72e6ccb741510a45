"""``python -m sim layer``."""

from pathlib import Path

import click

from hw.macro.plan import PLANS
from sim.commands.options import json_option
from sim.layer.activations import DEFAULT_TEXT
from sim.layer.command import PLAN_NAMES, run_layer


@click.command()
@click.option("--text", default=DEFAULT_TEXT, help="Sentences; eight short ones by default.")
@click.option(
    "--plan",
    "plans",
    multiple=True,
    help=f"Plan to run, repeatable: {', '.join(PLANS)}; {', '.join(PLAN_NAMES)} by default.",
)
@click.option("--small", is_flag=True, help="Two macros of eight columns, fixed and pairs only.")
@click.option("--no-area", is_flag=True, help="Leave out Yosys.")
@click.option("--waves", is_flag=True, help="Record the first tiles in build/waves.vcd.")
@json_option
@click.option(
    "--picture",
    type=click.Path(path_type=Path),
    default=Path("build/layer.svg"),
    show_default=True,
    help="Where to draw the plans beside fixed.",
)
def layer(
    text: str,
    plans: tuple[str, ...],
    small: bool,
    no_area: bool,
    waves: bool,
    json_file: Path | None,
    picture: Path,
) -> None:
    """Run the eight matrix products of encoder layer 1 on a core's RTL, for each plan.

    Takes real sentences through the pretrained encoder all-MiniLM-L6-v2 in integers and holds every
    output of the RTL against golden, bit for bit.
    """
    chosen = plans or (("fixed", "pairs") if small else ("pairs",) if waves else PLAN_NAMES)
    if small and text == DEFAULT_TEXT:
        text = "A cat sleeps."
    run_layer(
        text,
        chosen,
        small=small,
        with_area=not (no_area or small),
        waves=waves,
        json_file=json_file,
        picture=picture,
    )
