"""The manifest of a generated block: spec, plan, ports and rules as data."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from hw.catalog.description import describe
from hw.catalog.port import Port
from hw.catalog.selection import BLOCKS, Selection
from hw.flat import Field, FlatStream
from hw.vectors import Vectors

HANDSHAKE = (
    "All ports are synchronous to the rising edge of clk; rst is synchronous and active high.",
    "A beat of a stream is transferred at every edge at which its valid and its ready are both 1.",
    "Once valid is 1, valid and the payload must hold until the transfer; outputs do the same.",
    "valid must not wait for ready; ready may come before valid, and may depend on the payload.",
    "While valid is 0 the payload is ignored.",
)
"""Rules of every stream."""


def manifest(
    name: str,
    version: str,
    selection: Selection,
    streams: tuple[FlatStream, ...],
    forms: Mapping[str, str],
    vectors: Mapping[str, Any],
    files: Mapping[str, str],
) -> dict[str, Any]:
    """Return the manifest; ``forms`` tells how arithmetic and bitcells are written.

    ``files`` are the SHA-256 of the files beside it by name.
    """
    told = describe(selection)
    return {
        "cimera": version,
        "name": name,
        "block": selection.block,
        "summary": BLOCKS[selection.block].summary,
        "module": module_name(name),
        "function": told.function,
        "spec": asdict(selection.spec),
        "plan": asdict(selection.plan),
        **forms,
        "latency": told.latency,
        "throughput": told.throughput,
        **({"steps": told.steps} if told.steps else {}),
        "handshake": list(HANDSHAKE),
        "rules": list(told.rules),
        "ports": [
            {"name": "clk", "direction": "input", "width": 1, "meaning": "clock"},
            {"name": "rst", "direction": "input", "width": 1, "meaning": "reset, active high"},
            *(port for stream in streams for port in _ports(stream, told.ports)),
        ],
        "vectors": dict(vectors),
        "files": dict(files),
    }


def module_name(name: str) -> str:
    """Verilog name of the block ``name``."""
    return name.replace("-", "_")


def vectors_data(file_name: str, seed: int, vectors: Vectors) -> dict[str, Any]:
    """Where the words of each stream stand in the file of vectors."""
    sections = [
        {
            "stream": one.stream.name,
            "first_word": one.first,
            "beats": one.beats,
            "words": [
                *(f"after_{other}" for other in one.after),
                *(each.name for each in one.stream.fields),
            ],
        }
        for one in vectors.sections
    ]
    return {"file": file_name, "seed": seed, "words": vectors.words, "streams": sections}


def _ports(stream: FlatStream, meanings: Mapping[str, Port]) -> list[dict[str, Any]]:
    forth, back = ("input", "output") if stream.is_input else ("output", "input")
    ports = [
        {
            "name": stream.port("valid"),
            "direction": forth,
            "width": 1,
            "meaning": f"a beat of {stream.name} is offered",
        },
        {
            "name": stream.port("ready"),
            "direction": back,
            "width": 1,
            "meaning": f"the beat of {stream.name} would be taken",
        },
    ]
    for field in stream.fields:
        port = meanings[stream.port(field.name)]
        ports.append(_payload(stream.port(field.name), forth, field, port))
    return ports


def _payload(name: str, direction: str, field: Field, port: Port) -> dict[str, Any]:
    data: dict[str, Any] = {
        "name": name,
        "direction": direction,
        "width": field.width,
        "meaning": port.meaning,
        "sign": port.sign or ("signed" if field.signed else "unsigned"),
    }
    if field.dimensions:
        place = port.axes[0]
        for axis, count in zip(port.axes[1:], field.dimensions[1:], strict=True):
            place = f"({place} * {count} + {axis})"
        data["elements"] = {
            "axes": dict(zip(port.axes, field.dimensions, strict=True)),
            "bits": field.element_bits,
            "order": f"element [{']['.join(port.axes)}] starts at bit "
            f"{place} * {field.element_bits}",
        }
    return data
