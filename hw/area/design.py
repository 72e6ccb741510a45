"""A component prepared for synthesis: its definitions, how often each stands, its storage."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from golden.spec import CoreSpec, MacroSpec
from hw.area.platform import AreaPlatform
from hw.verilog import Definition, definitions


@dataclass(frozen=True, kw_only=True)
class Design:
    """A component as modules for synthesis, each after those that it places.

    ``copies`` is how often each stands in the whole; ``storage_bits`` are left out of all of them.
    """

    name: str
    modules: tuple[Definition, ...]
    copies: dict[str, int]
    storage_bits: int

    @classmethod
    def of(cls, component: Any, bitcells: int | None = None) -> "Design":
        """Emit ``component`` with gates and black boxes.

        Its ``bitcells``, bits of weight, come from its spec where nobody tells them.
        """
        platform = AreaPlatform()
        name = getattr(component, "key", "top")
        modules = tuple(definitions(component, name, platform))
        copies = _copies(modules)
        boxes: Counter[str] = Counter()
        for module in modules:
            for box, count in module.black_boxes.items():
                boxes[box] += count * copies[module.name]
        memories = sum(platform.memory_bits.get(box, 0) * count for box, count in boxes.items())
        if bitcells is None:
            bitcells = bitcell_count(component) if set(boxes) - set(platform.memory_bits) else 0
        return cls(name=name, modules=modules, copies=copies, storage_bits=bitcells + memories)

    def stubs(self, module: Definition) -> str:
        """Headers of whatever ``module`` places."""
        shared = [one.stub for one in self.modules if one.name in module.instances]
        return "".join([*shared, *module.black_box_stubs.values()])


def bitcell_count(component: Any) -> int:
    """Bits of weight that a component holds: what it says itself, or from its spec."""
    if (told := getattr(component, "bitcell_count", None)) is not None:
        return int(told)
    spec = getattr(component, "spec", None)
    if isinstance(spec, MacroSpec):
        return spec.bitcell_count
    if isinstance(spec, CoreSpec):
        return spec.macros * spec.macro.bitcell_count
    raise ValueError(f"bitcells are counted for a macro's or a core's spec, not for {spec!r}")


def _copies(modules: tuple[Definition, ...]) -> dict[str, int]:
    copies: Counter[str] = Counter({modules[-1].name: 1})
    for module in reversed(modules):
        for name, count in module.instances.items():
            copies[name] += count * copies[module.name]
    return dict(copies)
