"""A kind of block: what the generator knows of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth.lib import wiring

from golden.spec import MacroSpec
from hw.vectors import Beats

DEFAULT = "default"


@dataclass(frozen=True, kw_only=True)
class Block:
    """A kind of component with its named specs and plans; the first of each is the default.

    ``require`` raises ``ValueError`` where a plan cannot serve a spec. ``beats`` makes reference
    vectors.
    """

    summary: str
    specs: Mapping[str, Any]
    plans: Mapping[str, Any]
    create: Callable[[Any, Any], wiring.Component]
    beats: Callable[[Any, Any, np.random.Generator, int], dict[str, Beats]]
    require: Callable[[Any, Any], None] = lambda spec, plan: None
    macro: Callable[[Any], MacroSpec | None] = lambda spec: None
