// Address bits of distributed RAM that are zero on both sides follow the lowest one instead: the
// same cells serve, and no wire leads to every such pin from the one source of zeros.
module TRELLIS_DPR16X4 (input [3:0] DI, WAD, RAD, input WRE, WCK, output [3:0] DO);
  parameter WCKMUX = "WCK";
  parameter WREMUX = "WRE";
  parameter [63:0] INITVAL = 64'h0;

  parameter [3:0] _TECHMAP_CONSTMSK_WAD_ = 4'b0;
  parameter [3:0] _TECHMAP_CONSTVAL_WAD_ = 4'b0;
  parameter [3:0] _TECHMAP_CONSTMSK_RAD_ = 4'b0;
  parameter [3:0] _TECHMAP_CONSTVAL_RAD_ = 4'b0;
  localparam [3:0] IDLE = _TECHMAP_CONSTMSK_WAD_ & ~_TECHMAP_CONSTVAL_WAD_
                        & _TECHMAP_CONSTMSK_RAD_ & ~_TECHMAP_CONSTVAL_RAD_;
  wire _TECHMAP_FAIL_ = IDLE == 0 || IDLE[0] || begins_with_ones(0);

  // Contents move with their addresses, so only zeros and what does not matter can.
  function begins_with_ones(input integer first);
    integer index;
    begin
      begins_with_ones = 0;
      for (index = first; index < 64; index = index + 1)
        if (INITVAL[index] === 1'b1) begins_with_ones = 1;
    end
  endfunction

  TRELLIS_DPR16X4 #(.WCKMUX(WCKMUX), .WREMUX(WREMUX), .INITVAL(64'h0)) _TECHMAP_REPLACE_ (
    .DI(DI), .WRE(WRE), .WCK(WCK), .DO(DO),
    .WAD({IDLE[3] ? WAD[0] : WAD[3], IDLE[2] ? WAD[0] : WAD[2], IDLE[1] ? WAD[0] : WAD[1], WAD[0]}),
    .RAD({IDLE[3] ? RAD[0] : RAD[3], IDLE[2] ? RAD[0] : RAD[2], IDLE[1] ? RAD[0] : RAD[1], RAD[0]})
  );
endmodule
