import pytest

from hw.stream import Buffer
from hw.verilog import emit
from sim import native
from sim.blocks import Block
from sim.build import BuildError, Recipe, build

pytestmark = pytest.mark.timeout(300)


def test_built_once(tmp_path):
    first = native.build(Buffer(3), cache=tmp_path)
    written = first.executable.stat().st_mtime_ns
    assert native.build(Buffer(3), cache=tmp_path).executable.stat().st_mtime_ns == written
    assert sorted(path.name for path in first.executable.parent.iterdir()) == [
        "build.log",
        "simulation",
        "top.v",
    ]
    assert not list(tmp_path.glob("unfinished-*"))


def test_refused_verilog_leaves_nothing(tmp_path):
    text = emit(Buffer(3)).replace("assign", "assign nowhere = missing; assign", 1)
    with pytest.raises(BuildError, match="missing"):
        build(Recipe(verilog=text, main=""), tmp_path)
    assert not list(tmp_path.iterdir())


def test_warnings_are_errors(tmp_path):
    loop = "module top(output a); wire b; assign b = ~a; assign a = b; endmodule"
    with pytest.raises(BuildError, match="Warning-UNOPTFLAT"):
        build(Recipe(verilog=loop, main=""), tmp_path)


def test_whatever_decides_a_build_is_in_its_name():
    from sim.verilator import find

    base = {"verilog": "module top; endmodule", "main": "int main() {}"}
    variants = [
        {},
        {"verilog": "module top(); endmodule"},
        {"main": "int main(){}"},
        {"top": "other"},
        {"vpi": True},
        {"link": "-lm"},
        {"flags": ("--threads", "2")},
        {"optimize": "-O1"},
        {"waves": True},
        {"blocks": (Block(prefix="B", name="b", verilog="module b; endmodule"),)},
        {"blocks": (Block(prefix="B", name="b", verilog="module b(); endmodule"),)},
        {"blocks": (Block(prefix="B", name="b", verilog="module b; endmodule"),), "glue": "//"},
    ]
    digests = {Recipe(**base | variant).digest(find()) for variant in variants}
    assert len(digests) == len(variants)
