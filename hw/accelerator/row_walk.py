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

    Jobs follow each other without a gap.
    """
    job = Signal(jobs.payload.shape(), reset_less=True)
    active, row, address = Signal(), Signal(address_bits), Signal(address_bits)
    word, rows = Signal.like(job.words), Signal.like(job.rows)
    last, done = Signal(), Signal()
    next_row = row + job.stride
    m.d.comb += [
        last.eq(word == job.words - 1),
        done.eq(last & (rows == job.rows - 1)),
        jobs.ready.eq(~active | (moves & done)),
    ]
    with m.If(moves):
        m.d.sync += [
            word.eq(Mux(last, 0, word + 1)),
            address.eq(Mux(last, next_row, address + 1)),
        ]
        with m.If(last):
            m.d.sync += [row.eq(next_row), rows.eq(rows + 1)]
    with m.If(jobs.ready):
        m.d.sync += active.eq(jobs.valid)
        with m.If(jobs.valid):
            m.d.sync += [
                job.eq(jobs.payload),
                row.eq(jobs.p.base),
                address.eq(jobs.p.base),
                word.eq(0),
                rows.eq(0),
            ]
    return RowWalk(active=active, job=job, address=address, last=last, done=done)
