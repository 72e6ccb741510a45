"""What can end a program before its end: the codes of the status register."""

from enum import IntEnum

FAULT_BITS = 4


class Fault(IntEnum):
    """A unit's ``fault``: the first one ends the program, with its unit's number beside it."""

    NONE = 0
    OPCODE = 1
    FIELD = 2
    MEMORY = 3
    BUFFER = 4
    READ = 5
    WRITE = 6
    IDENTIFIER = 7
    WATCHDOG = 8
    STOPPED = 9


MEANINGS = {
    Fault.NONE: "none",
    Fault.OPCODE: "an opcode that no unit knows",
    Fault.FIELD: "a slot that the machine cannot serve, such as more tiles than cores",
    Fault.MEMORY: "an address outside memory, or no multiple of a word",
    Fault.BUFFER: "an address outside the buffer",
    Fault.READ: "the memory answered a read with an error",
    Fault.WRITE: "the memory answered a write with an error",
    Fault.IDENTIFIER: "an id that is not below the rows of its table",
    Fault.WATCHDOG: "no progress for as many cycles as the watchdog register says",
    Fault.STOPPED: "a reset command while the program ran",
}
"""One sentence each, for the register table and the driver."""
