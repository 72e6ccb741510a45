"""Command-line options for every field of every spec and plan."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_args

import click

from golden.operator_spec import (
    AdditiveAttentionSpec,
    AttentionSpec,
    LayerNormSpec,
    MaxFinderSpec,
    RecurrentSpec,
    ResidualAddSpec,
    SoftmaxSpec,
    TopKSpec,
)
from golden.spec import CoreSpec, MacroSpec, RequantizeSpec, RowScaleSpec
from golden.table_spec import ReciprocalRootSpec, ReciprocalSpec, TableSpec
from hw.core.plan import CorePlan
from hw.engine.plan import EnginePlan
from hw.macro.plan import MacroPlan
from hw.ops.additive_plan import AdditiveAttentionPlan
from hw.ops.plan import (
    ActivationPlan,
    AffinePlan,
    LanesPlan,
    LayerNormPlan,
    MaxFinderPlan,
    QuantizeRowsPlan,
    RequantizerPlan,
    SoftmaxPlan,
    TableShape,
    TopKPlan,
)

RECORDS = (
    *(MacroSpec, RequantizeSpec, CoreSpec, MacroPlan, CorePlan, RequantizerPlan),
    *(LayerNormSpec, ReciprocalRootSpec, RowScaleSpec, TableSpec, ResidualAddSpec, RecurrentSpec),
    *(LanesPlan, LayerNormPlan, QuantizeRowsPlan, ActivationPlan, AffinePlan, TableShape),
    *(SoftmaxSpec, MaxFinderSpec, TopKSpec, ReciprocalSpec),
    *(SoftmaxPlan, MaxFinderPlan, TopKPlan),
    *(AttentionSpec, EnginePlan),
    *(AdditiveAttentionSpec, AdditiveAttentionPlan),
)


def field_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--lanes`` and its like, one per field; a field that is not given is None.

    Values are not judged here: the spec or plan does, in its own words.
    """
    added: dict[str, Callable[..., Any]] = {}
    for record in RECORDS:
        for field in fields(record):
            default = getattr(record, field.name, None)
            if isinstance(default, int | str) or int in get_args(field.type):
                added.setdefault(field.name, _option(field.name, field.type, record.__name__))
    for option in reversed(added.values()):
        command = option(command)
    return command


def _option(name: str, kind: Any, record: str) -> Callable[..., Any]:
    flag = f"--{name.replace('_', '-')}"
    told = f"Of {record}."
    if kind is bool:
        opposite = flag.replace("signed", "unsigned")
        negative = opposite if opposite != flag else f"--no-{flag[2:]}"
        return click.option(f"{flag}/{negative}", name, default=None, help=told)
    if kind is int or int in get_args(kind):
        return click.option(flag, name, type=int, help=told)
    return click.option(flag, name, metavar="|".join(get_args(kind)), help=told)
