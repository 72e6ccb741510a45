"""A plain Verilog example: the accelerator with a memory behind its master port."""

from amaranth.hdl import Shape
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from hw.accelerator.axi import ADDRESS_BITS, MASTER


def example(top: wiring.Component, name: str) -> str:
    """Return module ``NAME_example`` around module ``NAME``, and the memory that it uses."""
    ports = [
        (str(path[0]), "input" if member.flow is In else "output", Shape.cast(member.shape).width)
        for path, member, _ in top.signature.flatten(top)
    ]
    outside = [one for one in ports if not one[0].startswith(MASTER)]
    inside = [one for one in ports if one[0].startswith(MASTER)]
    bus_bits = next(width for port, _, width in ports if port == f"{MASTER}_rdata")
    heads = "".join(f",\n  {kind} {_bits(width)}{port}" for port, kind, width in outside)
    wires = "\n".join(f"  wire {_bits(width)}{port};" for port, _, width in inside)
    return f"""\
// {name} with a memory behind its master port: a start for your own system, and for simulation.
// The bytes of +IMAGE=file are memory's first ones, zeros the rest; +RESULT=file gets all of memory
// when the interrupt comes.
module {name}_example #(
  parameter BYTES = 1 << 20  // of memory, from bus address 0 on
) (
  input clk,
  input rst{heads}
);
{wires}

  {name} accelerator (
    .clk(clk),
    .rst(rst),
{_links([port for port, _, _ in ports], "    ")}
  );

  {name}_example_memory #(.BYTES(BYTES)) memory (
    .clk(clk),
    .rst(rst),
    .show(interrupt),
{_links([f"{MASTER}_{one}" for one in _USED], "    ")}
  );
{_tied(inside)}
endmodule

{_memory(name, bus_bits)}"""


def _bits(width: int) -> str:
    return f"[{width - 1}:0] " if width > 1 else ""


def _links(ports: list[str], indent: str) -> str:
    return ",\n".join(f"{indent}.{port}({port})" for port in ports)


def _memory(name: str, bus_bits: int) -> str:
    text = _MEMORY.replace("NAME", name).replace("DATA_BITS", str(bus_bits))
    return text.replace("BEAT", str(bus_bits // 8)).replace("ADDRESS_BITS", str(ADDRESS_BITS))


def _tied(inside: list[tuple[str, str, int]]) -> str:
    """What the memory leaves open, such as the identity of an answer."""
    used = {f"{MASTER}_{one}" for one in _USED}
    return "\n".join(
        f"  assign {port} = 0;" for port, kind, _ in inside if kind == "input" and port not in used
    )


_USED = (
    *("araddr", "arlen", "arvalid", "arready", "rdata", "rresp", "rlast", "rvalid", "rready"),
    *("awaddr", "awlen", "awvalid", "awready", "wdata", "wlast", "wvalid", "wready"),
    *("bresp", "bvalid", "bready"),
)

_MEMORY = """\
// One burst at a time: for wiring and tests, not for speed.
module NAME_example_memory #(
  parameter BYTES = 1 << 20
) (
  input clk,
  input rst,
  input show,
  input [ADDRESS_BITS - 1:0] m_axi_araddr,
  input [7:0] m_axi_arlen,
  input m_axi_arvalid,
  output m_axi_arready,
  output [DATA_BITS - 1:0] m_axi_rdata,
  output [1:0] m_axi_rresp,
  output m_axi_rlast,
  output m_axi_rvalid,
  input m_axi_rready,
  input [ADDRESS_BITS - 1:0] m_axi_awaddr,
  input [7:0] m_axi_awlen,
  input m_axi_awvalid,
  output m_axi_awready,
  input [DATA_BITS - 1:0] m_axi_wdata,
  input m_axi_wlast,
  input m_axi_wvalid,
  output m_axi_wready,
  output [1:0] m_axi_bresp,
  output m_axi_bvalid,
  input m_axi_bready
);
  reg [DATA_BITS - 1:0] beats [0:BYTES / BEAT - 1];
  reg [ADDRESS_BITS - 1:0] read_place, write_place;
  reg [7:0] left;
  reg reading, writing, answering, shown;
  reg [8 * 1024 - 1:0] path;
  integer file, place, code;

  initial begin
    for (place = 0; place < BYTES / BEAT; place = place + 1) beats[place] = 0;
    if ($value$plusargs("IMAGE=%s", path)) begin
      file = $fopen(path, "rb");
      if (file == 0) begin
        $display("cannot read %0s", path);
        $stop;
      end
      code = $fgetc(file);
      for (place = 0; code >= 0 && place < BYTES; place = place + 1) begin
        beats[place / BEAT][8 * (place % BEAT) +: 8] = code[7:0];
        code = $fgetc(file);
      end
      if (code >= 0) begin
        $display("memory has %0d bytes, and %0s has more", BYTES, path);
        $stop;
      end
      $fclose(file);
    end
  end

  assign m_axi_arready = !reading;
  assign m_axi_rvalid = reading;
  assign m_axi_rdata = beats[read_place];
  assign m_axi_rresp = 0;
  assign m_axi_rlast = left == 0;
  assign m_axi_awready = !writing && !answering;
  assign m_axi_wready = writing;
  assign m_axi_bvalid = answering;
  assign m_axi_bresp = 0;

  always @(posedge clk) begin
    if (m_axi_arvalid && m_axi_arready) begin
      reading <= 1;
      read_place <= m_axi_araddr / BEAT;
      left <= m_axi_arlen;
    end
    if (m_axi_rvalid && m_axi_rready) begin
      read_place <= read_place + 1;
      left <= left - 1;
      if (m_axi_rlast) reading <= 0;
    end
    if (m_axi_awvalid && m_axi_awready) begin
      writing <= 1;
      write_place <= m_axi_awaddr / BEAT;
    end
    if (m_axi_wvalid && m_axi_wready) begin
      beats[write_place] <= m_axi_wdata;
      write_place <= write_place + 1;
      if (m_axi_wlast) begin
        writing <= 0;
        answering <= 1;
      end
    end
    if (m_axi_bvalid && m_axi_bready) answering <= 0;
    shown <= show;
    if (show && !shown && $value$plusargs("RESULT=%s", path)) begin
      file = $fopen(path, "wb");
      for (place = 0; place < BYTES; place = place + 1)
        $fwrite(file, "%c", beats[place / BEAT][8 * (place % BEAT) +: 8]);
      $fclose(file);
    end
    if (rst) begin
      reading <= 0;
      writing <= 0;
      answering <= 0;
    end
  end
endmodule
"""
