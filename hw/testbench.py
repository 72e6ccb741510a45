"""A self-checking testbench in Verilog-2001 for any block with flat streams."""

from hw.vectors import Section, Vectors

PATIENCE = 20_000
DRAIN = 50
EVEN_STALL, SLOW_STALL = 50, 90


def testbench(module: str, vectors: Vectors, file_name: str) -> str:
    """Return the testbench ``module_tb`` of ``module``; it reads ``file_name``.

    Every vector goes through once without a pause, once with random pauses on every stream, and
    once per stream with that stream very slow; the block is reset between. An output must hold its
    payload until it is taken, equal the vectors bit for bit, and give no beat too many. A run
    without a transfer for ``PATIENCE`` cycles fails. ``$finish`` ends a run that passed, ``$stop``
    one that failed.
    """
    sections = vectors.sections
    parts = [
        _head(module, vectors, file_name),
        *map(_signals, sections),
        _instance(module, sections),
        *(
            _source(index, one) if one.stream.is_input else _sink(index, one)
            for index, one in enumerate(sections)
        ),
        _TASKS.replace("MODULE", module),
        _control(module, sections, file_name),
    ]
    return "\n".join(parts) + "endmodule\n"


def _head(module: str, vectors: Vectors, file_name: str) -> str:
    passes = 2 + len(vectors.sections)
    return f"""\
// Testbench of {module}: plays {file_name} and compares, in plain Verilog-2001.
// Plusargs: +VECTORS=file, +SEED=number of the random pauses, +TRACE to print every transfer,
// +WAVES to write {module}.vcd.
/* verilator lint_off WIDTH */
module {module}_tb;
  localparam WORDS = {vectors.words};
  localparam [31:0] FINGERPRINT = 32'h{vectors.fingerprint:08x};
  localparam PASSES = {passes};
  localparam PATIENCE = {PATIENCE};
  localparam DRAIN = {DRAIN};

  reg clk = 0;
  reg rst = 1;
  always #5 clk = ~clk;

  reg [{vectors.word_bits - 1}:0] words [0:WORDS - 1];
  reg [8 * 1024 - 1:0] path;
  reg trace = 0;
  integer seed = 1;
  integer pass = 0;
  integer cycle = 0;
  integer quiet = 0;
  integer total = 0;
  integer errors = 0;
  integer compared = 0;
"""


def _signals(section: Section) -> str:
    stream = section.stream
    name, valid, ready = stream.name, stream.port("valid"), stream.port("ready")
    driven, seen = ("reg", "wire") if stream.is_input else ("wire", "reg")
    fields = "\n".join(
        f"  {driven} [{one.width - 1}:0] {stream.port(one.name)};" for one in stream.fields
    )
    return f"""\
  {driven} {valid};
  {seen} {ready};
{fields}
  wire moves_{name} = {valid} && {ready};
  integer count_{name} = 0;
  integer seed_{name} = 0;
  integer stall_{name} = 0;
"""


def _instance(module: str, sections: tuple[Section, ...]) -> str:
    names = ["clk", "rst"]
    for one in sections:
        fields = ("valid", "ready", *(field.name for field in one.stream.fields))
        names += [one.stream.port(field) for field in fields]
    ports = ",\n".join(f"    .{name}({name})" for name in names)
    return f"  {module} dut (\n{ports}\n  );\n"


def _source(index: int, section: Section) -> str:
    """Offer each beat after a random pause and whatever it waits for; any bits stand between."""
    stream, name = section.stream, section.stream.name
    valid, ready = stream.port("valid"), stream.port("ready")
    waits = "".join(
        f"\n          && count_{other} + moves_{other} >= {_word(section, 'next', place)}[31:0]"
        for place, other in enumerate(section.after)
    )
    takes = "\n".join(
        f"          {stream.port(one.name)} <= {_word(section, 'next', place)}[{one.width - 1}:0];"
        for place, one in enumerate(stream.fields, len(section.after))
    )
    noise = "\n".join(
        f"        {stream.port(one.name)} <= {{{-(-one.width // 32)}{{$random(seed_{name})}}}};"
        for one in stream.fields
    )
    return f"""\
  // Stream {name}: {section.beats} beats in.
  integer next_{name} = 0;
  always @(posedge clk)
    if (rst) begin
      {valid} <= 0;
      count_{name} <= 0;
      seed_{name} = seed + {1000 * (index + 1)} * (pass + 1);
    end else begin
      if ({valid} && {ready} !== 0 && {ready} !== 1)
        fail("{ready} is unknown");
      if (moves_{name} && trace)
        $display("pass %0d cycle %0d: {name} %0d", pass, cycle, count_{name});
      next_{name} = count_{name} + moves_{name};
      count_{name} <= next_{name};
      if (moves_{name} || !{valid}) begin
        {valid} <= 0;
{noise}
        if (next_{name} < {section.beats}
          && {_goes(name)}{waits}) begin
          {valid} <= 1;
{takes}
        end
      end
    end
"""


def _sink(index: int, section: Section) -> str:
    """Take beats after random pauses and compare; a very slow sink waits until it sees valid."""
    stream, name = section.stream, section.stream.name
    valid, ready = stream.port("valid"), stream.port("ready")
    payload = ", ".join(stream.port(one.name) for one in reversed(stream.fields))
    bits = sum(one.width for one in stream.fields)
    checks = "\n".join(
        f"""\
        if ({stream.port(one.name)} !== {_word(section, "count", place)}[{one.width - 1}:0]) begin
          $display("{name} beat %0d: {one.name} is %h, not %h", count_{name},
            {stream.port(one.name)}, {_word(section, "count", place)}[{one.width - 1}:0]);
          fail("{stream.port(one.name)} differs from the vectors");
        end"""
        for place, one in enumerate(stream.fields)
    )
    return f"""\
  // Stream {name}: {section.beats} beats out.
  reg held_{name} = 0;
  reg [{bits - 1}:0] kept_{name} = 0;
  always @(posedge clk)
    if (rst) begin
      {ready} <= 0;
      held_{name} <= 0;
      count_{name} <= 0;
      seed_{name} = seed + {1000 * (index + 1)} * (pass + 1);
    end else begin
      if ({valid} !== 0 && {valid} !== 1)
        fail("{valid} is unknown");
      if (held_{name} && !{valid})
        fail("{valid} fell before the transfer");
      if (held_{name} && {valid} && {{{payload}}} !== kept_{name})
        fail("{name} changed before the transfer");
      held_{name} <= {valid} && !{ready};
      kept_{name} <= {{{payload}}};
      if ({valid} && count_{name} >= {section.beats})
        fail("{name} gives a beat too many");
      else if (moves_{name}) begin
        if (trace)
          $display("pass %0d cycle %0d: {name} %0d", pass, cycle, count_{name});
{checks}
        compared = compared + 1;
        count_{name} <= count_{name} + 1;
      end
      {ready} <= {_goes(name)}
        && (stall_{name} < {SLOW_STALL} || ({valid} && !{ready}));
    end
"""


def _word(section: Section, index: str, place: int) -> str:
    """Word ``place`` of the beat that the integer ``index_STREAM`` counts."""
    return f"words[{section.first + place} + {index}_{section.stream.name} * {section.words}]"


def _goes(name: str) -> str:
    return f"($random(seed_{name}) & 127) * 100 >= stall_{name} * 128"


_TASKS = """\
  task fail(input [8 * 80 - 1:0] reason);
    begin
      $display("error in pass %0d, cycle %0d: %0s", pass, cycle, reason);
      errors = errors + 1;
      if (errors == 10) finish;
    end
  endtask

  task finish;
    if (errors) begin
      $display("FAIL MODULE: %0d errors, %0d beats compared, %0d cycles", errors, compared, total);
      $stop;
    end else begin
      $display("PASS MODULE: %0d passes, %0d beats compared, %0d cycles", PASSES, compared, total);
      $finish;
    end
  endtask
"""


def _control(module: str, sections: tuple[Section, ...], file_name: str) -> str:
    stalls = "\n".join(
        f"      stall_{one.stream.name} = "
        f"pass == 1 ? {EVEN_STALL} : pass == {index + 2} ? {SLOW_STALL} : 0;"
        for index, one in enumerate(sections)
    )
    names = [one.stream.name for one in sections]
    moves = " || ".join(f"moves_{name}" for name in names)
    counts = ", ".join(f"count_{name}" for name in names)
    done = "\n      && ".join(f"count_{one.stream.name} == {one.beats}" for one in sections)
    progress = ", ".join(f"{one.stream.name} %0d of {one.beats}" for one in sections)
    return f"""\
  wire done = {done};

  always @(posedge clk) begin
    cycle <= rst ? 0 : cycle + 1;
    quiet <= rst || {moves} ? 0 : quiet + 1;
    total = total + 1;
  end

  initial begin
    if ($test$plusargs("WAVES")) begin
      $dumpfile("{module}.vcd");
      $dumpvars(0, {module}_tb);
    end
    trace = $test$plusargs("TRACE");
    if (!$value$plusargs("SEED=%d", seed)) seed = 1;
    if (!$value$plusargs("VECTORS=%s", path)) path = "{file_name}";
    words[0] = 0;
    $readmemh(path, words);
    if (words[0][31:0] !== FINGERPRINT) begin
      $display("%0s is missing or belongs to another testbench", path);
      errors = 1;
      finish;
    end
    for (pass = 0; pass < PASSES; pass = pass + 1) begin
{stalls}
      rst = 1;
      repeat (4) @(negedge clk);
      rst = 0;
      @(negedge clk);
      while (!done && quiet < PATIENCE) @(negedge clk);
      if (!done) begin
        $display("stuck at {progress}", {counts});
        fail("no transfer for too long");
        finish;
      end
      repeat (DRAIN) @(negedge clk);
    end
    finish;
  end
"""
