"""Blocks run as the modules that they stand for, cycle by cycle; paths are those of the text."""

import subprocess

import pytest

from sim.blocks import MARK, split
from sim.build import EXECUTABLE, Recipe, build
from sim.paths import modules, paths

# `core_1` holds a sum, shows it and what would be added, and counts down after every load. It tells
# of each edge that it is called for whether that edge may change anything.
TEXT = """\
module \\core_1.adder (value, addend, o);
  input [69:0] addend;
  wire [69:0] addend;
  output [69:0] o;
  wire [69:0] o;
  input [69:0] value;
  wire [69:0] value;
  assign o = value + addend;
endmodule

module core_1(clk, rst, i, i__valid, o, o__next, left); /*MARK*/
  input clk;
  wire clk;
  input [69:0] i;
  wire [69:0] i;
  input i__valid;
  wire i__valid;
  output [4:0] left;
  reg [4:0] left = 5'h00;
  output [69:0] o;
  reg [69:0] o = 70'h0;
  output [69:0] o__next;
  wire [69:0] o__next;
  input rst;
  wire rst;
  reg [4:0] \\left$next ;
  always @(posedge clk)
    if (rst) o <= 70'h0;
    else if (i__valid) o <= o__next;
  always @(posedge clk)
    left <= \\left$next ;
  always @(posedge clk)
    $c("void seen(bool); seen(", rst | i__valid | left != 5'h00, ");");
  always @* begin
    \\left$next  = left;
    if (left != 5'h00) begin
      \\left$next  = left - 1'h1;
    end
    if (i__valid) begin
      \\left$next  = i[4:0];
    end
    if (rst) begin
      \\left$next  = 5'h00;
    end
  end
  \\core_1.adder  adder (
    .addend(i),
    .o(o__next),
    .value(o)
  );
endmodule

module top(clk, rst, i, i__valid, o, left, sum);
  input clk;
  wire clk;
  input [69:0] i;
  wire [69:0] i;
  input [1:0] i__valid;
  wire [1:0] i__valid;
  output [9:0] left;
  wire [9:0] left;
  output [69:0] o;
  wire [69:0] o;
  input rst;
  wire rst;
  output [69:0] sum;
  wire [69:0] sum;
  wire [69:0] first;
  wire [69:0] second;
  assign sum = first ^ second;
  core_1 core_0 (
    .clk(clk),
    .i(i),
    .i__valid(i__valid[0]),
    .left(left[4:0]),
    .o(first),
    .o__next(o),
    .rst(rst)
  );
  core_1 core_1 (
    .clk(clk),
    .i(o),
    .i__valid(i__valid[1]),
    .left(left[9:5]),
    .o(second),
    .o__next(),
    .rst(rst)
  );
endmodule
"""

# Inputs stay for long: blocks sleep, and wake at a value, a valid or a reset.
MAIN = """\
#include <cstdio>
#include "Vtop.h"
int idle = 0, busy = 0;
void seen(bool works) { ++(works ? busy : idle); }
int main() {
    Vtop top;
    unsigned random = 1;
    for (int cycle = 0; cycle < 4000; ++cycle) {
        random = random * 1664525 + 1013904223;
        const unsigned draw = random >> 24;
        if (draw < 4) top.i[cycle % 3] = random >> (cycle % 3 == 2 ? 26 : 0);
        top.i___05Fvalid = draw >= 4 && draw < 8 ? draw & 3 : 0;
        top.rst = cycle < 2 || draw == 9;
        top.clk = 0;
        top.eval();
        std::printf("%x %x %x %x %x %x %x\\n", top.o[0], top.o[1], top.o[2], top.left, top.sum[0],
                    top.sum[1], top.sum[2]);
        top.clk = 1;
        top.eval();
    }
    std::printf("%d %d\\n", idle, busy);
}
"""


def told(verilog, cache):
    design = split(verilog)
    recipe = Recipe(verilog=design.top, main=MAIN, blocks=design.blocks, glue=design.glue,
                    optimize="-O1")  # fmt: skip
    executable = build(recipe, cache) / EXECUTABLE
    said = subprocess.run([executable], capture_output=True, text=True, check=True).stdout
    *lines, seen = said.splitlines()
    return lines, *map(int, seen.split())


def test_a_design_with_blocks_runs_as_without_and_passes_over_idle_ones(tmp_path):
    plain, idle, busy = told(TEXT, tmp_path)
    assert len(set(plain)) > 50
    assert idle + busy == 2 * 4000
    lines, idle_calls, busy_calls = told(TEXT.replace("/*MARK*/", MARK), tmp_path)
    assert lines == plain
    # An edge that may change something is never passed over; of the others most are.
    assert busy_calls == busy > 1000
    assert idle_calls < idle / 2


def test_each_block_is_taken_out_with_what_is_below():
    design = split(TEXT.replace("/*MARK*/", MARK))
    assert [block.name for block in design.blocks] == ["core_1"]
    assert list(modules(design.blocks[0].verilog)) == ["\\core_1.adder", "core_1"]
    assert list(modules(design.top)) == ["core_1", "top"]
    assert split(TEXT).top == TEXT


def test_a_mark_counts_once_and_behind_a_header_only():
    marked = TEXT.replace("/*MARK*/", f"{MARK} {MARK}")
    marked = marked.replace("  assign sum", f"  // {MARK}\n  assign sum")
    design = split(marked)
    assert [block.name for block in design.blocks] == ["core_1"]
    assert MARK not in design.blocks[0].verilog
    assert "assign sum" in design.top


def test_paths_are_those_past_registers():
    texts = modules(TEXT)
    assert paths(texts, "core_1") == {"left": set(), "o": set(), "o__next": {"i"}}
    assert paths(texts, "top") == {"left": set(), "o": {"i"}, "sum": set()}


def test_a_statement_that_nobody_knows_is_refused():
    texts = modules(TEXT.replace("assign sum =", "force sum ="))
    with pytest.raises(ValueError, match="unknown statement: 'force sum"):
        paths(texts, "top")


def test_ports_and_pins_that_nobody_knows_are_refused():
    texts = modules(TEXT.replace("  input [69:0] addend;", "  input signed [69:0] addend;"))
    with pytest.raises(ValueError, match="unknown kind of port"):
        paths(texts, "core_1")
    texts = modules(TEXT.replace(".addend(i)", ".addend[0](i)"))
    with pytest.raises(ValueError, match="unknown pin"):
        paths(texts, "core_1")
