"""From an integer network to a program: operator by operator, in the graph's order."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from golden.graph import Graph, Operator
from hw.accelerator.machine import Machine
from hw.program.compiler import moves, products, rows, windows
from hw.program.compiler.additive import additive
from hw.program.compiler.attention_in_place import attention
from hw.program.compiler.build import Build
from hw.program.compiler.delta import delta
from hw.program.compiler.finish import finish
from hw.program.compiler.inputs import load_input, masks_behind, steps_by_host
from hw.program.compiler.layouts import Layouts, inside
from hw.program.compiler.lengths import Length, Lengths, arguments_of
from hw.program.compiler.plan import CompilerPlan
from hw.program.compiler.recurrent import AttentionRecurrent, Recurrent
from hw.program.compiler.row_blocks import Chain, chain_at
from hw.program.compiler.similarity import similarity
from hw.program.compiler.spill import ending
from hw.program.compiler.steps import STAGES, Step, steps
from hw.program.compiler.tokens import TokenLoop, dependent
from hw.program.compiler.transfers import store_tensor
from hw.program.decoding import Decoding
from hw.program.formats import Format
from hw.program.program import Program

KINDS = {
    *STAGES,
    *("linear", "attention", "additive_attention", "attention_recurrent", "rnn", "gru", "lstm"),
    *("embedding", "position", "prepend", "concat", "slice", "reshape", "top_k", "windows"),
    *("delta", "similarity"),
}
"""Kinds of operators that the machine runs."""


def compile_network(
    graph: Graph,
    machine: Machine,
    maximums: Mapping[str, int] | None = None,
    *,
    trace: bool = False,
    decoding: Decoding | None = None,
    plan: CompilerPlan | None = None,
) -> Program:
    """The program of ``graph`` for any lengths up to ``maximums``.

    With ``decoding`` the program chooses its own tokens, and they are its output.

    Parameters
    ----------
    maximums : the most of every length that the graph's inputs name
    trace : whether every tensor goes to memory, to be compared

    What does not fit into the buffer at once is laid out in two ways; that which moves less counts.
    Raise ``ValueError`` for what does not fit, with the operator and the reason.
    """
    plan = CompilerPlan() if plan is None else plan
    most, traced = maximums or {}, trace and decoding is None
    told = ""
    written = []
    for packed in (False, True):
        try:
            compiler = Compiler(graph, machine, most, traced, plan, decoding, packed)
            if decoding is None:
                compiler.run(graph.operators)
            else:
                compiler.decode(decoding)
        except ValueError as error:
            told = told or str(error)
            continue
        written.append(compiler)
        if not compiler.build.spills.moved:
            break
    if not written:
        raise ValueError(told)
    return min(written, key=lambda one: one.build.spills.moved).finish()


class Compiler:
    """Walks over steps; each finds its operands in the buffer and leaves its results there."""

    def __init__(
        self,
        graph: Graph,
        machine: Machine,
        maximums: Mapping[str, int],
        trace: bool,
        plan: CompilerPlan,
        decoding: Decoding | None,
        packed: bool = False,
    ) -> None:
        self.graph = graph
        for operator in graph.operators:
            if operator.kind not in KINDS:
                raise ValueError(
                    f"operator {operator.name!r} of kind {operator.kind!r} is none that the "
                    f"machine runs"
                )
        growing = decoding.growing if decoding else ""
        lengths = Lengths(arguments_of(graph, growing), maximums)
        self.by_host = steps_by_host(graph)
        host = {one.name for chain in self.by_host.values() for one in chain}
        layouts = Layouts(graph, machine.lanes, host).find()
        self.build = Build(graph, machine, lengths, layouts, plan, trace, packed)
        self.build.inside = inside(graph, layouts)
        self.outer = {name: outer for name, (outer, *_) in self.build.inside.items()}
        for operator in graph.operators:
            if operator.name not in host:
                windows.prepare(self.build, operator)
        self.inputs: dict[str, Format] = {}
        self.outputs: dict[str, Format] = {}
        self.traced: dict[str, Format] = {}
        self.lower: dict[str, Callable[[Step], None]] = {
            "linear": lambda step: products.linears(self.build, step.operators),
            "vector": lambda step: rows.rows(self.build, step),
            "attention": lambda step: attention(self.build, step.operators[0]),
            "embedding": lambda step: moves.embedding(self.build, step.operators[0]),
            "position": lambda step: moves.position(self.build, step.operators[0]),
            "prepend": lambda step: moves.prepend(self.build, step.operators[0]),
            "concat": lambda step: moves.concat(self.build, step.operators[0]),
            "slice": lambda step: moves.slice_part(self.build, step.operators[0]),
            "reshape": lambda step: moves.reshape(self.build, step.operators[0]),
            "top_k": lambda step: moves.top_k(self.build, step.operators[0]),
            "windows": lambda step: windows.windows(self.build, step.operators[0]),
            "similarity": lambda step: similarity(self.build, step.operators[0]),
            "delta": lambda step: delta(self.build, step.operators[0]),
            "additive_attention": lambda step: additive(self.build, step.operators[0]),
            **dict.fromkeys(
                ("rnn", "gru", "lstm"),
                lambda step: Recurrent(self.build, step.operators[0]).scan(),
            ),
            "attention_recurrent": lambda step: AttentionRecurrent(
                self.build, step.operators[0]
            ).scan(),
        }

    def run(self, operators: tuple[Operator, ...]) -> None:
        """Write the instructions of these operators."""
        build = self.build
        host = {one.name for chain in self.by_host.values() for one in chain}
        host |= {one.name for name in self.graph.inputs for one in masks_behind(self.graph, name)}
        operators = tuple(one for one in operators if one.name not in host)
        keep = set(self.graph.tensors) if build.trace else set()
        found = steps(self.graph, operators, keep)
        for step in found:
            build.readers.update(set(step.inputs))
        build.readers.update(self.graph.outputs)
        build.spills.plan(found, self.outer)
        at = 0
        while at < len(found):
            whole = build.trace or build.looping
            chain = None if whole else chain_at(build, found[at:])
            if chain is None:
                self.step(found[at], at)
            else:
                self.blocks(chain, at)
            at += 1 if chain is None else len(chain.steps)

    def decode(self, decoding: Decoding) -> None:
        """What does not depend on the tokens once, the rest in a loop."""
        build = self.build
        if decoding.growing not in self.graph.inputs:
            raise ValueError(f"graph {self.graph.name!r} has no input {decoding.growing!r} to grow")
        (logits,) = self.graph.outputs
        once, again = dependent(self.graph, decoding.growing)
        # What the loop reads of the rest stays where it is until its end.
        held = {name for one in again for name in one.inputs}
        build.readers.update(held)
        self.run(tuple(once))
        build.spills.hold(held)
        for name in held - {decoding.growing}:
            self.provide(name)
        loop = TokenLoop(build, decoding)
        loop.prepare(again)
        for kind in ("rnn", "gru", "lstm", "attention_recurrent", "attention"):
            self.lower[kind] = lambda step: loop.kept[step.operators[0].name].step()
        self.lower["additive_attention"] = loop.additive
        self.lower["position"] = lambda step: loop.position(step.operators[0])
        self.lower["prepend"] = loop.prepend
        for one in again:
            if one.kind == "prepend":
                build.inside.pop(one.inputs[0], None)
        loop.begin()
        self.run(tuple(again))
        self.outputs = {"tokens": loop.end(build.places[logits])}

    def blocks(self, chain: Chain, at: int) -> None:
        """Write the steps of a chain for each block of rows; ``at`` is the place of the first."""
        build = self.build
        kept = (*chain.sources, chain.result)
        build.spills.hold(kept)
        for name in chain.sources:
            self.provide(name)
        build.make(chain.result)
        whole = {name: build.places[name] for name in kept}
        build.blocked = dict.fromkeys(chain.inner, chain.block)
        size = Length(constant=chain.block)
        for start in range(0, chain.rows, chain.block):
            for name, place in whole.items():
                first = place.first + start * place.stride
                build.places[name] = replace(place, first=first, count=size)
            last = start + chain.block == chain.rows
            for step in chain.steps:
                # The sources are read again by the next block, what is between by this one.
                again = set() if last else set(chain.sources)
                again |= chain.inner if start else set()
                build.readers.update(again & set(step.inputs))
            for index, step in enumerate(chain.steps):
                self.step(step, at + index)
        build.blocked = {}
        build.places |= {name: place for name, place in whole.items() if name in build.places}
        build.spills.hold(())

    def step(self, step: Step, at: int) -> None:
        """Write one step, its inputs loaded before it; what is no longer read leaves the buffer."""
        build = self.build
        build.spills.begin(step, self.outer, at)
        for name in step.inputs:
            self.provide(name)
        build.ending = ending(build, step)
        if not build.ending:
            build.spills.make_way(step.inputs, build.largest(step))
        self.lower[step.kind](step)
        scales = {one.outputs[1] for one in step.operators if one.kind == "quantize"}
        for name in step.written:
            if build.trace and name not in scales:
                self.traced[name] = store_tensor(build, name, f"{name} (trace)")
            if name in self.graph.outputs and not build.looping:
                self.outputs[name] = store_tensor(build, name, name)
        for one in step.operators:
            codes = self.traced.get(one.outputs[0])
            if one.kind == "quantize" and codes is not None and codes.kind == "scaled":
                self.traced[one.outputs[1]] = codes.headers()
        build.used(*set(step.inputs))
        for name in step.written:
            build.readers[name] += 1
            build.used(name)
        build.spills.end()

    def provide(self, name: str) -> None:
        """Load an input, or what was spilled, unless it is in the buffer."""
        build = self.build
        if name in build.spills:
            build.spills.back(name)
        source = self.by_host[name][0].inputs[0] if name in self.by_host else name
        for mask in self.graph.inputs:
            if any(one.name == name for one in masks_behind(self.graph, mask)):
                name = source = mask
        if name in build.places or source in self.inputs or source not in self.graph.inputs:
            return
        self.inputs[source] = load_input(build, name, self.by_host.get(name, ()))

    def finish(self) -> Program:
        """The program."""
        self.build.schedule.emit("end")
        return finish(self.build, self.inputs, self.outputs, self.traced)
