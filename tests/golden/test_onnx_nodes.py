"""ONNX's published node tests: the table, and that it can fail.

Source: onnx.backend.test.case.node; inputs and expected outputs are made in memory.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from docs.onnx import PAGE, render
from golden.__main__ import main
from golden.models.onnx_nodes import table
from golden.models.onnx_nodes.cases import node_cases
from golden.models.onnx_nodes.table import CLAIMS, check, check_nodes, count

pytestmark = pytest.mark.xdist_group("onnx")

LEAST = {
    "Attention": 50,
    "Conv": 6,
    "DequantizeLinear": 5,
    "GRU": 6,
    "Gelu": 4,
    "LSTM": 6,
    "LayerNormalization": 19,
    "MatMulInteger": 1,
    "QLinearMatMul": 8,
    "QuantizeLinear": 5,
    "RNN": 6,
    "Softmax": 7,
    "TopK": 7,
}
"""Cases that are claimed whatever else is; docs/onnx.md has the counts."""


def test_no_case_fails_and_the_page_says_what_passed() -> None:
    outcomes = check_nodes()
    assert [outcome for outcome in outcomes if outcome.result == "failed"] == []
    passed = {kind: results["passed"] for kind, results in count(outcomes).items()}
    assert {kind: least for kind, least in LEAST.items() if passed[kind] < least} == {}
    assert render() == PAGE.read_text(encoding="utf-8")


def test_every_case_left_out_has_its_reason() -> None:
    outcomes = check_nodes()
    assert sum(case.kind in CLAIMS for case in node_cases()) == len(outcomes)
    assert all(bool(x.why) == (x.result == "not claimed") for x in outcomes)


@pytest.mark.parametrize("kind", [k for k in CLAIMS if k not in {"LinearAttention", "MaxPool"}])
def test_a_wrong_result_fails(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last number of the first output moved a little, and the whole output missing."""
    claim = CLAIMS[kind]
    case = next(x for x in node_cases() if x.kind == kind and claim.reason(x) is None)
    assert check(case).result == "passed"

    def moved(*given: dict) -> list[np.ndarray]:
        first = np.array(claim.run(*given)[0])
        last = first.flat[-1]
        first.flat[-1] = last + (0.01 * (1 + abs(last)) if first.dtype.kind == "f" else 1)
        return [first]

    for run in (moved, lambda *given: []):
        monkeypatch.setitem(table.CLAIMS, kind, claim._replace(run=run))
        assert check(case).result == "failed"


def test_the_command_writes_every_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "nodes.json"
    result = CliRunner().invoke(main, ["nodes", "--json", str(file)])
    assert result.exit_code == 0, result.output
    figures = json.loads(file.read_text())
    assert figures["operators"]["LSTM"] == {"passed": 6, "not_claimed": 0, "failed": 0}
    assert len(figures["cases"]) == sum(figures[x] for x in ("passed", "not_claimed", "failed"))
    assert "test_quantizelinear_int16: ties rounded up, not to even: 2" in result.output
    wrong = [x._replace(result="failed", why="by 3") for x in check_nodes()[:1]]
    monkeypatch.setattr("golden.commands.nodes.check_nodes", lambda: wrong)
    result = CliRunner().invoke(main, ["nodes"])
    assert result.exit_code == 1
    assert f"failed, {wrong[0].name}: by 3" in result.output
