"""Loops that the sequencer runs: a border, a body whose rows a register moves, a branch back."""

from collections.abc import Iterator
from contextlib import contextmanager

from hw.program.compiler.build import Build
from hw.program.compiler.lengths import Length
from hw.program.fields import CONDITIONS


@contextmanager
def rows_loop(build: Build, name: str, count: Length, reverse: bool = False) -> Iterator[int]:
    """A body for each of ``count`` rows, at least one, the last first with ``reverse``.

    What it is given is the register that holds the row at hand.

    All units are idle when a body begins, so that its lags only count what is in it.
    """
    schedule = build.schedule
    index = build.lengths.new_register()
    label = f"{name}.loop"
    if reverse:
        if count.names:
            length = build.lengths.register(count)
            start = {"to": index, "left": length, "alone": 1, "value": -1}
            schedule.emit("add", values=start, remark=name)
        else:
            start = {"to": index, "value": count.constant - 1}
            schedule.emit("set", values=start, remark=name)
    else:
        schedule.emit("set", values={"to": index}, remark=name)
    begin(build, label)
    yield index
    step = {"to": index, "left": index, "alone": 1, "value": -1 if reverse else 1}
    schedule.emit("add", values=step, remark=name)
    if reverse:
        values = {"condition": CONDITIONS["least"], "immediate": 1, "left": index}
    elif count.names:
        right = build.lengths.register(count)
        values = {"condition": CONDITIONS["less"], "left": index, "right": right}
    else:
        values = {
            "condition": CONDITIONS["less"], "immediate": 1, "left": index,
            "value": count.constant,
        }  # fmt: skip
    schedule.emit("branch", values=values, target=label, remark=name)
    build.looping = False
    build.lengths.free_register(index)


def begin(build: Build, label: str) -> None:
    """The place that a loop comes back to, nothing under way and no channel numbers known."""
    if build.looping:
        raise ValueError(f"a loop inside of a loop, {label!r}, is not supported")
    build.schedule.place(label)
    build.schedule.emit("sync", remark=label)
    build.looping = True
    build.channels = ""
