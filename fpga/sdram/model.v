// Synchronous DRAM by its data sheet, cycle by cycle: what it was told to keep, and $fatal where a
// command comes too early, too late or for what it does not fit. Limits are cycles and hold for a
// whole run; their names are those of fpga/sdram/part.py. Words that are read appear on `read` half
// a cycle before the edge at which the CAS latency ends, as a slow chip gives them.
//
// Bursts that are cut short, auto precharge, BURST TERMINATE, self refresh and power-down are not
// modelled: they are told as faults.
module sdram_model #(
  parameter ROW_BITS = 13,
  parameter COLUMN_BITS = 9,
  parameter BANK_BITS = 2,
  parameter DATA_BITS = 16
) (
  input clk,
  input [2:0] command,  // RAS, CAS, WE
  input [BANK_BITS-1:0] bank,
  input [ROW_BITS-1:0] address,
  input [DATA_BITS/8-1:0] mask,
  input [DATA_BITS-1:0] data,
  input driven,
  output reg [DATA_BITS-1:0] read,
  input [7:0] cas,
  input [7:0] activate_to_access,
  input [7:0] activate_to_precharge,
  input [7:0] activate_to_activate,
  input [7:0] activate_to_other,
  input [7:0] precharge,
  input [7:0] write_recovery,
  input [7:0] refresh,
  input [7:0] mode,
  input [15:0] refresh_interval,
  input [15:0] power_up
);
  localparam WRITE = 3'b011, READ = 3'b010, ACTIVATE = 3'b100, PRECHARGE = 3'b101;
  localparam REFRESH = 3'b110, LOAD_MODE = 3'b111, TERMINATE = 3'b001;
  localparam BANKS = 1 << BANK_BITS;
  localparam LANES = DATA_BITS / 8;
  // JESD21-C: as many refreshes may be late.
  localparam LATE_REFRESHES = 8;
  localparam START_REFRESHES = 8;
  // Cycles after which the registers of the pads hold what they are given.
  localparam PADS_READY = 16;
  // Long before any command.
  localparam signed [31:0] NEVER = -1000000;

  reg [DATA_BITS-1:0] cells [0:(1 << (BANK_BITS + ROW_BITS + COLUMN_BITS)) - 1];
  reg [BANKS-1:0] is_open;
  reg [ROW_BITS-1:0] rows [0:BANKS-1];
  reg signed [31:0] activated [0:BANKS-1];
  reg signed [31:0] precharged [0:BANKS-1];
  reg signed [31:0] written [0:BANKS-1];
  reg signed [31:0] now, activated_any, refreshed, mode_loaded;
  integer refresh_count, owed, age, index;
  reg is_set_up;
  reg [3:0] length;

  // The burst that moves: words left, whether they are written, and where.
  reg [3:0] left;
  reg writing;
  reg [BANK_BITS-1:0] burst_bank;
  reg [COLUMN_BITS-1:0] column;
  // Words on their way out, the one that appears next in element 1.
  reg [DATA_BITS-1:0] coming [1:2];
  reg [2:1] comes;
  reg [LANES-1:0] masked;
  // Whether the pins carry a read word at this edge, and whether they did at the one before.
  reg drives, drove;

  wire [COLUMN_BITS-1:0] offset = length - 1;
  wire starts = command == READ || command == WRITE;
  wire [3:0] here_left = starts ? length : left;
  wire here_writes = starts ? command == WRITE : writing;
  wire [BANK_BITS-1:0] here_bank = starts ? bank : burst_bank;
  wire [COLUMN_BITS-1:0] here_column = starts ? address[COLUMN_BITS-1:0] : column;
  wire [BANK_BITS+ROW_BITS+COLUMN_BITS-1:0] place = {here_bank, rows[here_bank], here_column};
  wire closes_all = command == PRECHARGE && address[10];
  wire moves_read = here_left != 0 && !here_writes;
  wire moves_write = here_left != 0 && here_writes;

  initial begin
    is_open = 0; is_set_up = 0; left = 0; comes = 0; drives = 0; drove = 0; length = 1; writing = 0;
    now = 0; activated_any = NEVER; refreshed = NEVER; mode_loaded = NEVER;
    refresh_count = 0; owed = 0; age = 0; masked = 0; read = 0; column = 0; burst_bank = 0;
    for (index = 0; index < BANKS; index = index + 1) begin
      activated[index] = NEVER; precharged[index] = NEVER; written[index] = NEVER; rows[index] = 0;
    end
  end

  task early(input integer since, input integer least, input [511:0] what);
    if (now - since < least)
      $fatal(1, "SDRAM: %0s, %0d cycles, after %0d", what, least, now - since);
  endtask

  always @(posedge clk) begin
    now <= now + 1;
    if (command != 0) begin
      if (now < power_up) $fatal(1, "SDRAM: a command %0d cycles after power-up", now);
      early(refreshed, refresh, "REFRESH to a command");
      early(mode_loaded, mode, "LOAD MODE to a command");
    end
    else if (!is_set_up && now > PADS_READY && !(&mask)) $fatal(1, "SDRAM: masks are low before it is set up");
    if (left != 0 && starts) $fatal(1, "SDRAM: a burst is cut short");

    case (command)
      ACTIVATE: begin
        if (!is_set_up) $fatal(1, "SDRAM: ACTIVATE before LOAD MODE");
        if (is_open[bank]) $fatal(1, "SDRAM: ACTIVATE of open bank %0d", bank);
        early(activated[bank], activate_to_activate, "ACTIVATE to ACTIVATE of its bank");
        early(activated_any, activate_to_other, "ACTIVATE to ACTIVATE");
        early(precharged[bank], precharge, "PRECHARGE to ACTIVATE");
        is_open[bank] <= 1;
        rows[bank] <= address;
        activated[bank] <= now;
        activated_any <= now;
      end
      READ, WRITE: begin
        if (!is_open[bank]) $fatal(1, "SDRAM: access to closed bank %0d", bank);
        if (|(address >> COLUMN_BITS)) $fatal(1, "SDRAM: auto precharge, or no such column");
        early(activated[bank], activate_to_access, "ACTIVATE to READ or WRITE");
        if (|(address[COLUMN_BITS-1:0] & offset)) $fatal(1, "SDRAM: a burst that wraps");
      end
      PRECHARGE:
        for (index = 0; index < BANKS; index = index + 1)
          if (closes_all || bank == index) begin
            if (is_open[index]) begin
              early(activated[index], activate_to_precharge, "ACTIVATE to PRECHARGE");
              early(written[index], write_recovery, "written word to PRECHARGE");
              if (left != 0 && burst_bank == index) $fatal(1, "SDRAM: a burst is cut short");
            end
            is_open[index] <= 0;
            precharged[index] <= now;
          end
      REFRESH, LOAD_MODE: begin
        if (is_open != 0) $fatal(1, "SDRAM: REFRESH or LOAD MODE with an open bank");
        for (index = 0; index < BANKS; index = index + 1) begin
          early(precharged[index], precharge, "PRECHARGE to REFRESH or LOAD MODE");
          early(activated[index], activate_to_activate, "ACTIVATE to REFRESH or LOAD MODE");
          if (precharged[index] == NEVER)
            $fatal(1, "SDRAM: no PRECHARGE of bank %0d since power-up", index);
        end
        if (command == REFRESH) begin
          refreshed <= now;
          refresh_count <= refresh_count + 1;
        end else begin
          if (refresh_count < START_REFRESHES)
            $fatal(1, "SDRAM: LOAD MODE after %0d refreshes", refresh_count);
          if (bank != 0) $fatal(1, "SDRAM: LOAD MODE of register %0d", bank);
          if (address[6:4] != cas) $fatal(1, "SDRAM: a CAS latency of %0d", address[6:4]);
          if (address[2:0] > 3 || address[3] || |address[ROW_BITS-1:7])
            $fatal(1, "SDRAM: mode %b is not modelled", address);
          length <= 1 << address[2:0];
          is_set_up <= 1;
          mode_loaded <= now;
        end
      end
      TERMINATE: $fatal(1, "SDRAM: BURST TERMINATE is not modelled");
      default: ;
    endcase

    // Refreshes that are owed, since it was set up; none may be done before its time.
    age <= is_set_up && age != refresh_interval - 1 ? age + 1 : 0;
    owed <= owed + (age == refresh_interval - 1 ? 1 : 0)
          - (is_set_up && command == REFRESH && owed > 0 ? 1 : 0);
    if (owed > LATE_REFRESHES) $fatal(1, "SDRAM: %0d refreshes are late", owed);

    if (here_left != 0) begin
      left <= here_left - 1;
      writing <= here_writes;
      burst_bank <= here_bank;
      column <= here_column + 1;
    end
    if (moves_write) begin
      if (!driven && !(&mask)) $fatal(1, "SDRAM: a word is written that nobody drives");
      for (index = 0; index < LANES; index = index + 1)
        if (!mask[index]) cells[place][8*index +: 8] <= data[8*index +: 8];
      written[here_bank] <= now;
    end else if (driven) $fatal(1, "SDRAM: data is driven and nothing is written");
    if (driven && (drives || drove)) $fatal(1, "SDRAM: two drive the data pins");

    // A word that READ asks for at this edge is on the pins at the edge `cas` later.
    comes <= {moves_read && cas == 3, moves_read && cas == 2 || comes[2]};
    coming[2] <= cells[place];
    coming[1] <= cas == 2 ? cells[place] : coming[2];
    masked <= mask;
    drives <= comes[1];
    drove <= drives;
    for (index = 0; index < LANES; index = index + 1)
      read[8*index +: 8] <= comes[1] && !masked[index] ? coming[1][8*index +: 8] : 8'hA5;
  end
endmodule
