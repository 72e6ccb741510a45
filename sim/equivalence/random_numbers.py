"""Verilog functions of random and extreme numbers."""

RANDOM = """\
  function automatic [31:0] hash(input [31:0] a);
    reg [31:0] x;
    begin
      x = (a ^ (a >> 16)) * 32'h7feb352d;
      x = (x ^ (x >> 15)) * 32'h846ca68b;
      hash = x ^ (x >> 16);
    end
  endfunction
  // A number of some bits: an extreme one, or random with a random length, or its complement.
  function automatic [31:0] number(input [31:0] kind, input [31:0] a, input [31:0] bits);
    case (kind[3:0])
      0: number = 0;
      1: number = 1;
      2: number = ~32'd0;
      3: number = 32'd1 << (bits - 1);
      4: number = ~(32'd1 << (bits - 1));
      default: begin
        number = hash(a) >> (32 - bits);
        if (!kind[4]) number = number >> (kind[31:8] % bits);
        if (kind[5]) number = ~number;
      end
    endcase
  endfunction
"""
