"""A plain Verilog testbench of the example: a host that runs one program from memory."""

from amaranth.hdl import Shape
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from hw.accelerator import registers
from hw.accelerator.axi import MASTER


def testbench(top: wiring.Component, name: str) -> str:
    """Return module ``NAME_example_tb``; ``$finish`` ends it after an end, ``$stop`` if none."""
    ports = [
        ("reg" if member.flow is In else "wire", Shape.cast(member.shape).width, str(path[0]))
        for path, member, _ in top.signature.flatten(top)
        if not str(path[0]).startswith(MASTER)
    ]
    heads = "\n".join(
        f"  {kind} {f'[{width - 1}:0] ' if width > 1 else ''}{port}{' = 0' * (kind == 'reg')};"
        for kind, width, port in ports
    )
    links = "".join(f",\n    .{port}({port})" for _, _, port in ports)
    offsets = "\n".join(
        f"  localparam {one.upper()} = 12'h{offset:03x};"
        for one, offset in registers.offsets().items()
        if one in _USED
    )
    text = _BENCH.replace("HEADS", heads).replace("LINKS", links).replace("OFFSETS", offsets)
    return text.replace("IS_DONE", str(registers.DONE)).replace("NAME", name)


_USED = (
    *("control", "status", "program", "memory_base", "memory_size", "watchdog"),
    *("interrupt_enable", "interrupt", "cycles_low", *(f"argument_{n}" for n in range(1, 5))),
)

_BENCH = """\
// A host for NAME_example: runs the program in +IMAGE=file, in plain Verilog-2001.
// Plusargs: +RESULT=file for memory afterwards, +PROGRAM=address, +ARGUMENT_1=number and so on to
// +ARGUMENT_4, +WATCHDOG=cycles, +LIMIT=cycles after which it gives up.
/* verilator lint_off WIDTH */
module NAME_example_tb #(
  parameter BYTES = 1 << 20  // of memory
);
OFFSETS

  reg clk = 0;
  reg rst = 1;
  always #5 clk = ~clk;
HEADS

  NAME_example #(.BYTES(BYTES)) example (
    .clk(clk),
    .rst(rst)LINKS
  );

  task put(input [11:0] offset, input [31:0] value);
    begin
      @(negedge clk);
      s_axi_awaddr = offset;
      s_axi_wdata = value;
      s_axi_wstrb = 15;
      s_axi_awvalid = 1;
      s_axi_wvalid = 1;
      @(posedge clk);
      while (!(s_axi_awready && s_axi_wready)) @(posedge clk);
      @(negedge clk);
      s_axi_awvalid = 0;
      s_axi_wvalid = 0;
      while (!s_axi_bvalid) @(negedge clk);
      if (s_axi_bresp != 0) begin
        $display("FAIL NAME: register %0h refused a write", offset);
        $stop;
      end
    end
  endtask

  task get(input [11:0] offset, output [31:0] value);
    begin
      @(negedge clk);
      s_axi_araddr = offset;
      s_axi_arvalid = 1;
      @(posedge clk);
      while (!s_axi_arready) @(posedge clk);
      @(negedge clk);
      s_axi_arvalid = 0;
      while (!s_axi_rvalid) @(negedge clk);
      value = s_axi_rdata;
    end
  endtask

  // The number of a plusarg, or what stands for it.
  reg [31:0] one, two, three, four, start, watchdog, limit, left, status, cycles;
  initial begin
    if (!$value$plusargs("ARGUMENT_1=%d", one)) one = 0;
    if (!$value$plusargs("ARGUMENT_2=%d", two)) two = 0;
    if (!$value$plusargs("ARGUMENT_3=%d", three)) three = 0;
    if (!$value$plusargs("ARGUMENT_4=%d", four)) four = 0;
    if (!$value$plusargs("PROGRAM=%d", start)) start = 0;
    if (!$value$plusargs("WATCHDOG=%d", watchdog)) watchdog = 100000;
    if (!$value$plusargs("LIMIT=%d", limit)) limit = 100000000;
    s_axi_bready = 1;
    s_axi_rready = 1;
    repeat (4) @(negedge clk);
    rst = 0;
    put(MEMORY_BASE, 0);
    put(MEMORY_SIZE, BYTES);
    put(PROGRAM, start);
    put(WATCHDOG, watchdog);
    put(ARGUMENT_1, one);
    put(ARGUMENT_2, two);
    put(ARGUMENT_3, three);
    put(ARGUMENT_4, four);
    put(INTERRUPT, 3);
    put(INTERRUPT_ENABLE, 3);
    put(CONTROL, 1);
    for (left = limit; left != 0 && !interrupt; left = left - 1) @(negedge clk);
    get(STATUS, status);
    get(CYCLES_LOW, cycles);
    if (interrupt && status[1:0] == IS_DONE) begin
      $display("PASS NAME: the program ended after %0d cycles", cycles);
      $finish;
    end else begin
      $display("FAIL NAME: status %0h after %0d cycles, see NAME_registers.md", status, cycles);
      $stop;
    end
  end
endmodule
"""
