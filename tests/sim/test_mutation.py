"""Mutants: most are killed, and those are proved equal that are, and no other."""

import json

import pytest
from click.testing import CliRunner

from sim.__main__ import main
from sim.mutation.mutants import Mutants, create_mutants
from sim.mutation.proof import EqualityProof
from sim.mutation.score import Score, Survivor, measure
from sim.mutation.targets import targets

pytestmark = pytest.mark.timeout(300)

# Two counters that agree, and a register that a valid says to count.
CIRCUIT = """\
module top (input clk, input rst, input i__valid, input [3:0] i__payload, input [3:0] mutsel,
  output reg o__valid, output [3:0] o__payload, output full);
  reg [3:0] one = 0, two = 0, held = 0;
  initial o__valid = 0;
  always @(posedge clk) begin
    one <= rst ? 0 : one + i__valid;
    two <= rst && mutsel != 7 ? 0 : two + i__valid;
    o__valid <= !rst && i__valid;
    if (i__valid || mutsel == 4) held <= i__payload + (mutsel == 6 && one == 13);
  end
  assign full = mutsel == 1 ? one == 15 || one == 15 && i__valid : one == 15;
  assign o__payload = mutsel == 2 ? held ^ one ^ one
    : mutsel == 3 ? (o__valid ? held : 5)
    : mutsel == 5 || mutsel == 7 ? held ^ one ^ two
    : held;
endmodule
"""
EXPECTED = {
    1: "the same from any state",
    2: "the same from any state",
    3: "the same from any state",
    4: "the same where it counts",
    5: "the same from reset",
    6: None,
    7: None,
}


# Nobody reads the last bit of the sum.
ROUNDED = """\
module top (input [3:0] a, input [3:0] b, output [3:0] o);
  wire [4:0] sum = a + b;
  assign o = sum[4:1];
endmodule
"""


def call(*arguments):
    return CliRunner().invoke(main, arguments)


@pytest.fixture(scope="module")
def proof(tmp_path_factory):
    mutants = Mutants(verilog=CIRCUIT.replace("held : 5)", "held : 4'd5)"), listed=())
    return EqualityProof(mutants, seconds=10, cache=tmp_path_factory.mktemp("cache"))


@pytest.mark.parametrize(("number", "reason"), EXPECTED.items())
def test_proof_of(proof, number, reason):
    assert proof.equal(number) == reason


def test_score_is_of_those_not_proved_equal(tmp_path):
    row, points = targets("macro")
    score = measure(row, points["fixed"], count=8, seed=2)
    assert score.killed + len(score.survivors) == 8
    assert score.percent >= 80
    (mutant, *_) = create_mutants(CIRCUIT.replace("mutsel", "other"), 1, 1, tmp_path).listed
    survivors = [Survivor(mutant=mutant, proof=proof) for proof in (None, "the same from reset")]
    assert Score(mutants=5, survivors=tuple(survivors), seconds=0.0).percent == 75


def test_same_seed_same_mutants(tmp_path):
    verilog = CIRCUIT.replace("mutsel", "other")
    first, second, third = (
        create_mutants(verilog, 5, seed, tmp_path / str(folder))
        for folder, seed in enumerate((3, 3, 4))
    )
    assert first == second
    assert first.listed != third.listed
    assert [mutant.number for mutant in first.listed] == [1, 2, 3, 4, 5]


def test_a_fault_that_nobody_reads_is_equal(tmp_path):
    mutants = create_mutants(ROUNDED, 40, 1, tmp_path)
    unread = [mutant for mutant in mutants.listed if mutant.number in mutants.unread]
    assert {mutant.port for mutant in unread} == {"Y[0]"}
    proof = EqualityProof(mutants, seconds=10, cache=tmp_path)
    assert proof.equal(unread[0].number) == "read by nobody"


def test_too_low_a_score_fails(tmp_path):
    file = tmp_path / "score.json"
    told = ("mutate", "macro", "--point", "fixed", "--count", "8", "--seed", "2")
    result = call(*told, "--require", "100.5", "--json", str(file))
    assert result.exit_code != 0
    assert "the score is below 100.5 %: fixed" in result.output
    assert json.loads(file.read_text())["targets"]["fixed"]["mutants"] == 8


@pytest.mark.parametrize("command", ["mutate", "netlist"])
def test_unknown_targets_are_named(command):
    assert "no target 'adder': use one of macro, core" in call(command, "adder").output
    assert "no target 'x' of core: use one of pairs" in call(command, "core", "--point", "x").output


def test_netlist_of_the_tiny_macro(tmp_path):
    file = tmp_path / "runs.json"
    told = ("netlist", "macro", "--point", "fixed", "--seed", "4", "--count", "100")
    result = call(*told, "--json", str(file))
    assert result.exit_code == 0, result.output
    runs = json.loads(file.read_text())["runs"]
    assert [run["stall"] for run in runs] == [0, 0.5, 0, 0.5, 0.6]
    assert all(run["beats"]["o"] == 100 for run in runs)
