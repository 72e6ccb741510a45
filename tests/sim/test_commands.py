import json

import pytest
from click.testing import CliRunner

from sim.__main__ import COMMANDS, main


def call(*arguments):
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("bench", "adder"), "Error: no operator 'adder': use one of buffer"),
        (("bench", "buffer", "--plan", "wide"), "Error: no point 'wide': use one of row"),
        (("bench", "buffer", "--seed", "x"), "'x' is not a valid integer"),
        (("benches",), "No such command 'benches'"),
    ],
)
def test_bad_input_is_one_sentence(arguments, message):
    result = call(*arguments)
    assert result.exit_code != 0
    assert message in result.output
    assert "Traceback" not in result.output


def test_help_names_every_command():
    result = call("--help")
    assert result.exit_code == 0
    assert all(f"  {name}" in result.output for name in COMMANDS)


def test_list_names_every_row():
    assert "depth-16" in call("list").output


@pytest.mark.timeout(300)
def test_bench_prints_and_writes_its_table(tmp_path):
    file = tmp_path / "table.json"
    result = call("bench", "buffer", "--seed", "3", "--count", "20", "--json", str(file))
    assert result.exit_code == 0
    assert "seed 3" in result.output and "bit-exact" in result.output
    assert [run["beats"]["o"] for run in json.loads(file.read_text())["runs"]] == [20] * 5
