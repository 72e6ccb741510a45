"""Blocks by name: what ``python -m hw`` can generate, ``BLOCK[-SPEC][-PLAN]``."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from amaranth.lib import wiring

from hw.catalog.attention.blocks import ATTENTION_BLOCKS
from hw.catalog.block import DEFAULT, Block
from hw.catalog.core.blocks import CORE_BLOCKS
from hw.catalog.rows.blocks import ROW_BLOCKS
from hw.catalog.softmax.blocks import SOFTMAX_BLOCKS

BLOCKS: Mapping[str, Block] = {**CORE_BLOCKS, **ROW_BLOCKS, **SOFTMAX_BLOCKS, **ATTENTION_BLOCKS}


@dataclass(frozen=True, kw_only=True)
class Selection:
    """A block with one spec and one plan that fit each other."""

    block: str
    spec: Any
    plan: Any

    def create(self) -> wiring.Component:
        """Return the component."""
        return BLOCKS[self.block].create(self.spec, self.plan)


def names() -> dict[str, tuple[str, str, str]]:
    """Return block, spec and plan of every name; combinations that cannot be built have none."""
    found = {}
    for kind, block in BLOCKS.items():
        for spec_name, spec in block.specs.items():
            for plan_name, plan in block.plans.items():
                try:
                    block.require(spec, plan)
                except ValueError:
                    continue
                parts = [kind, *(one for one in (spec_name, plan_name) if one != DEFAULT)]
                found["-".join(parts)] = (kind, spec_name, plan_name)
    return found


def differences(name: str) -> str:
    """Return in words how the spec and the plan of ``name`` differ from the defaults of its kind.

    ``lanes 4, columns 4; feeder skip``
    """
    selection = select(name)
    usual = select(selection.block)
    told = []
    for record, other in ((selection.spec, usual.spec), (selection.plan, usual.plan)):
        values, defaults = _values(record), _values(other)
        changed = [f"{key} {value}" for key, value in values.items() if value != defaults[key]]
        told += [", ".join(changed)] if changed else []
    return "; ".join(told)


def select(name: str, choices: Mapping[str, Any] | None = None) -> Selection:
    """Return what ``name`` means, with the fields of its spec and plan replaced by ``choices``.

    Raise ``ValueError`` for an unknown name, a field that the block lacks, or an impossible value.
    """
    choices = choices or {}
    known = names()
    if name not in known:
        raise ValueError(f"unknown name {name!r}: use one of {', '.join(known)}")
    kind, spec_name, plan_name = known[name]
    block = BLOCKS[kind]
    spec, plan = block.specs[spec_name], block.plans[plan_name]
    allowed = [*_values(spec), *_values(plan)]
    for field in choices:
        if field not in allowed:
            raise ValueError(f"{field} is no field of {name!r}: it has {', '.join(allowed)}")
    spec = _replaced(spec, choices)
    plan = _replaced(plan, choices)
    block.require(spec, plan)
    return Selection(block=kind, spec=spec, plan=plan)


def _values(record: Any) -> dict[str, Any]:
    """Fields of a spec or plan by name, those of the records in it included."""
    found: dict[str, Any] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        # Where a record and one inside it have a field of one name, its own is told.
        found = _values(value) | found if is_dataclass(value) else found | {field.name: value}
    return found


def _replaced(record: Any, choices: Mapping[str, Any]) -> Any:
    changes = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if is_dataclass(value):
            changes[field.name] = _replaced(value, choices)
        elif field.name in choices:
            changes[field.name] = choices[field.name]
    return replace(record, **changes)
