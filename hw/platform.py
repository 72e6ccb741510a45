"""Technology by platform hooks: shared definitions, bitcells, the form of the arithmetic.

A component asks its platform by the functions below; with no platform (Amaranth's simulator) every
answer is the portable one. Nothing here is a boolean argument of a component.
"""

from collections.abc import Callable
from typing import Any

from amaranth.hdl import ClockSignal, Elaboratable, Instance, Module, ResetSignal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In


class Shared(wiring.Component):
    """A component that is emitted once and instantiated wherever it stands.

    A subclass writes ``body(platform)`` instead of ``elaborate``, and is determined by its ``key``,
    a Verilog name. Under a platform with ``define`` each further copy becomes an ``Instance``;
    elsewhere it is an ordinary submodule, since Amaranth's simulator does not run instances.
    """

    key: str

    def body(self, platform: Any) -> Module:
        """Return the component's own module."""
        raise NotImplementedError

    def elaborate(self, platform: Any) -> Elaboratable:
        define: Callable[[Shared], None] | None = getattr(platform, "define", None)
        if define is None or platform.defining is self:
            return self.body(platform)
        define(self)
        ports: dict[str, Any] = {"i_clk": ClockSignal(), "i_rst": ResetSignal()}
        for path, member, value in self.signature.flatten(self):
            direction = "i" if member.flow is In else "o"
            ports[f"{direction}_{'__'.join(map(str, path))}"] = Value.cast(value)
        return Instance(self.key, **ports)
