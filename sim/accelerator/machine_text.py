"""The accelerator's Verilog as Verilator takes it best: cores apart, memories without zeros."""

import hashlib
import re
from importlib import metadata
from pathlib import Path

from amaranth.lib import wiring

from hw.accelerator.plan import AcceleratorPlan
from hw.verilog import VerilogPlatform, emit
from sim.blocks import MARK
from sim.build import CACHE
from sim.macro_columns import with_columns
from sim.native import apart
from sim.sources import rtl_hash

BLOCKS = ("core_", "pipelined_core_", "vector_")
"""First letters of modules that are compiled by themselves, once for all of their places."""

KEPT = ("macro_", "pipelined_macro_", "bank_", "column_", "pipelined_column_")
"""First letters of modules that keep their own functions."""

_VISIBLE = r"\1 /*verilator public_flat_rd*/"

TEXTS = CACHE.with_name("verilog")
"""Emitted texts by hash."""

# Memories are zero at first anyway; tens of thousands of lines say so.
_INITIAL = re.compile(r"^  initial begin\n(?:    .*\n)*  end\n", re.M)
_ZERO = re.compile(r"^    \S+ ?\[\d+\] = \d+'h0+;\n", re.M)
# One of the queues, all of which are told what is complete.
_COUNTERS = re.compile(r"^module \\top\.sequencer\.dispatch\.load_queue .*?^endmodule", re.M | re.S)
_COUNTER = re.compile(r"^(  wire \[7:0\] completed__\d)(?=;)", re.M)
# A port may be named as some C++ functions are; a client that is left out compares constants.
_ALLOWED = "".join(f"/* verilator lint_off {one} */\n" for one in ("SYMRSVDWORD", "UNSIGNED"))


def machine_verilog(
    accelerator: wiring.Component,
    platform: VerilogPlatform | None = None,
    cache: Path = TEXTS,
) -> str:
    """Verilog of module ``top``.

    Emitting a large machine takes a minute, so the simulation form of what ``hw`` builds from a
    ``plan`` is kept in ``cache``, by the hash of plan and sources; deleting it only costs time.
    """
    module, plan = type(accelerator).__module__, getattr(accelerator, "plan", None)
    if platform is not None or plan is None or not module.startswith("hw."):
        return for_verilator(emit(accelerator, "top", platform))
    # Amaranth warns of a component that nobody elaborates; its text may be at hand.
    accelerator._MustUse__used = True
    parts = [rtl_hash([module, "hw.verilog"]), metadata.version("amaranth"), repr(plan)]
    file = cache / f"{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:24]}.v"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_text(emit(accelerator, "top"))
        unfinished.replace(file)
    verilog = file.read_text()
    if isinstance(plan, AcceleratorPlan):
        verilog = with_columns(verilog, plan.core_spec.macro, plan.macro)
    return for_verilator(verilog)


def for_verilator(verilog: str) -> str:
    """The same circuit, quicker to compile."""
    verilog = _INITIAL.sub(lambda block: _ZERO.sub("", block[0]), verilog)
    # What depends on no signal is no event: it would never be assigned.
    verilog = re.sub(r"always @\*\n(?= +\S+ ?(?:\[[\d:]+\] )?= \d+'h)", "initial\n", verilog)
    head = rf"^(module (?:{'|'.join(BLOCKS)})[^;.]*;)"
    verilog = re.sub(head, rf"\1 {MARK}", verilog, flags=re.M)
    verilog = _COUNTERS.sub(lambda module: _COUNTER.sub(_VISIBLE, module[0]), verilog)
    return _ALLOWED + apart(verilog, *KEPT)
