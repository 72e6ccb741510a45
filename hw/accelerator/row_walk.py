"""The addresses of rows of words, one after the other, for units that read or write them."""

from typing import NamedTuple

from amaranth.hdl import Module, Mux, Signal, Value


class RowWalk(NamedTuple):
    """Where a unit stands in its job: at this address, whether the row's or the job's last word."""

    active: Signal
    job: Value
    address: Signal
    last: Signal
    done: Signal


def walk_rows(m: Module, jobs: Value, moves: Value, address_bits: int) -> RowWalk:
    """Take ``jobs`` (``base``, ``rows``, ``words``, ``stride``); each cycle of ``moves`` is a word.

    Jobs follow each other without a gap. All that is told of a word stands in registers.
    """
    job = Signal(jobs.payload.shape(), reset_less=True)
    address, row = Signal(address_bits, reset_less=True), Signal(address_bits, reset_less=True)
    active, last, last_row = Signal(), Signal(reset_less=True), Signal(reset_less=True)
    # The numbers, from 1 on, of the next word of the row, which is within the buffer, and of the
    # next row.
    word = Signal(min(len(job.words), address_bits + 1), reset_less=True)
    rows = Signal.like(job.rows, reset_less=True)
    done, fresh, turns, steps = Signal(), Signal(), Signal(), Signal()
    following = Mux(last, row, address) + Mux(last, job.stride, 1)
    m.d.comb += [
        done.eq(last & last_row),
        jobs.ready.eq(~active | (moves & done)),
        # While there is no job the next one is looked at; nobody reads what is found before.
        fresh.eq(~active | done),
        turns.eq(~active | last),
        steps.eq(~active | moves),
    ]
    with m.If(jobs.ready):
        m.d.sync += active.eq(jobs.valid)
    with m.If(steps):
        m.d.sync += [
            address.eq(Mux(fresh, jobs.p.base, following)),
            word.eq(Mux(turns, 2, word + 1)),
            last.eq(
                Mux(
                    fresh,
                    jobs.p.words == 1,
                    Mux(last, job.words == 1, word == job.words[: len(word)]),
                )
            ),
        ]
        with m.If(turns):
            m.d.sync += [
                row.eq(Mux(fresh, jobs.p.base, following)),
                rows.eq(Mux(fresh, 2, rows + 1)),
                last_row.eq(Mux(fresh, jobs.p.rows == 1, rows == job.rows)),
            ]
        with m.If(fresh):
            m.d.sync += job.eq(jobs.payload)
    return RowWalk(active=active, job=job, address=address, last=last, done=done)
