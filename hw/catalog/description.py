"""What a block of the catalog does, in words: formula, time, rules, meaning of its ports."""

from hw.catalog.attention.descriptions import ATTENTION_DESCRIPTIONS
from hw.catalog.core.descriptions import CORE_DESCRIPTIONS
from hw.catalog.port import Description
from hw.catalog.rows.descriptions import ROW_DESCRIPTIONS
from hw.catalog.selection import Selection
from hw.catalog.softmax.descriptions import SOFTMAX_DESCRIPTIONS

_DESCRIPTIONS = {
    **CORE_DESCRIPTIONS,
    **ROW_DESCRIPTIONS,
    **SOFTMAX_DESCRIPTIONS,
    **ATTENTION_DESCRIPTIONS,
}


def describe(selection: Selection) -> Description:
    """Return the description of a block with its spec and plan."""
    return _DESCRIPTIONS[selection.block](selection.spec, selection.plan)
