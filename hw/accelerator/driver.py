"""The C header of the control registers, and a small driver for any bus and any compiler."""

from hw.accelerator.faults import MEANINGS
from hw.accelerator.registers import ARGUMENTS, MAGIC, VERSION, registers


def header(name: str, configuration: int) -> str:
    """The header ``NAME.h``: offsets, fields, faults, and what the driver offers.

    ``configuration`` is what the register of that name reads as.
    """
    prefix = name.upper().replace("-", "_")
    lower = prefix.lower()
    lines = [f"/* Control registers of {name}, and a driver that knows nothing of your system. */"]
    lines += [f"#ifndef {prefix}_H", f"#define {prefix}_H", "", "#include <stdint.h>", ""]
    for one in registers():
        lines.append(f"#define {prefix}_{one.name.upper()} 0x{one.offset:03x}u")
        for bits in one.bits:
            field = f"{prefix}_{one.name.upper()}_{bits.name.upper()}"
            lines.append(f"#define {field}_SHIFT {bits.low}")
            lines.append(f"#define {field}_MASK 0x{(1 << bits.width) - 1:x}u")
    lines.append(f"#define {prefix}_MAGIC_VALUE 0x{MAGIC:08x}u")
    lines.append(f"#define {prefix}_VERSION_VALUE {VERSION}u")
    lines.append(f"#define {prefix}_CONFIGURATION_VALUE 0x{configuration:08x}u")
    lines += ["", "#ifdef __cplusplus", 'extern "C" {', "#endif", "", f"enum {lower}_state {{"]
    for number, state in enumerate(("IDLE", "RUNNING", "DONE", "FAULT")):
        lines.append(f"    {prefix}_IS_{state} = {number},")
    lines += ["};", "", f"enum {lower}_fault {{"]
    for code, meaning in MEANINGS.items():
        lines.append(f"    {prefix}_FAULT_{code.name} = {int(code)}, /* {meaning} */")
    lines += ["};", "", _fill(_INTERFACE, name)]
    lines += ["#ifdef __cplusplus", "}", "#endif", "#endif"]
    return "\n".join(lines) + "\n"


def driver(name: str) -> str:
    """The driver ``NAME.c``."""
    return _fill(_DRIVER, name)


def _fill(text: str, name: str) -> str:
    """Give the template's names ``accelerator`` the one that is wanted."""
    prefix = name.upper().replace("-", "_")
    filled = text.replace("ACCELERATOR", prefix).replace("accelerator", prefix.lower())
    return filled.replace("ARGUMENTS", str(ARGUMENTS)).replace("FILE", name)


_INTERFACE = """\
/* How to reach the registers: `bus` is given back to your functions as it is. */
struct accelerator {
    void *bus;
    uint32_t (*read)(void *bus, uint32_t offset);
    void (*write)(void *bus, uint32_t offset, uint32_t value);
};

/* What a program needs; memory begins at bus address `base`, a multiple of 4096. */
struct accelerator_job {
    uint32_t base, size, program, watchdog;
    uint32_t arguments[ARGUMENTS];
};

struct accelerator_status {
    enum accelerator_state state;
    enum accelerator_fault fault;
    uint32_t unit;
};

/* 0 if an accelerator of this version and `configuration` answers. */
int accelerator_probe(const struct accelerator *device, uint32_t configuration);

/* Start a program; the interrupt comes when it has ended or failed. */
void accelerator_start(const struct accelerator *device, const struct accelerator_job *job);

struct accelerator_status accelerator_status(const struct accelerator *device);

/* Read the status up to `polls` times until the program has ended; 0 if it came to its end. */
int accelerator_wait(const struct accelerator *device, uint32_t polls);

/* In the interrupt's handler: take it away; what it was for, bit 0 an end, bit 1 a fault. */
uint32_t accelerator_acknowledge(const struct accelerator *device);

/* Stop what runs, with a fault of its own. Memory is the host's when accelerator_draining is 0. */
void accelerator_abort(const struct accelerator *device);
int accelerator_draining(const struct accelerator *device);

uint64_t accelerator_cycles(const struct accelerator *device);
"""

_DRIVER = """\
#include "FILE.h"

#define FIELD(value, field) ((value) >> field##_SHIFT & field##_MASK)

static uint32_t get(const struct accelerator *device, uint32_t offset)
{
    return device->read(device->bus, offset);
}

static void put(const struct accelerator *device, uint32_t offset, uint32_t value)
{
    device->write(device->bus, offset, value);
}

int accelerator_probe(const struct accelerator *device, uint32_t configuration)
{
    return get(device, ACCELERATOR_MAGIC) != ACCELERATOR_MAGIC_VALUE
        || get(device, ACCELERATOR_VERSION) != ACCELERATOR_VERSION_VALUE
        || get(device, ACCELERATOR_CONFIGURATION) != configuration;
}

void accelerator_start(const struct accelerator *device, const struct accelerator_job *job)
{
    uint32_t index;

    put(device, ACCELERATOR_MEMORY_BASE, job->base);
    put(device, ACCELERATOR_MEMORY_SIZE, job->size);
    put(device, ACCELERATOR_PROGRAM, job->program);
    put(device, ACCELERATOR_WATCHDOG, job->watchdog);
    for (index = 0; index < ARGUMENTS; ++index)
        put(device, ACCELERATOR_ARGUMENT_1 + 4 * index, job->arguments[index]);
    accelerator_acknowledge(device);
    put(device, ACCELERATOR_INTERRUPT_ENABLE, 3);
    put(device, ACCELERATOR_CONTROL, 1u << ACCELERATOR_CONTROL_START_SHIFT);
}

struct accelerator_status accelerator_status(const struct accelerator *device)
{
    uint32_t value = get(device, ACCELERATOR_STATUS);
    struct accelerator_status status;

    status.state = (enum accelerator_state)FIELD(value, ACCELERATOR_STATUS_STATE);
    status.fault = (enum accelerator_fault)FIELD(value, ACCELERATOR_STATUS_FAULT);
    status.unit = FIELD(value, ACCELERATOR_STATUS_UNIT);
    return status;
}

int accelerator_wait(const struct accelerator *device, uint32_t polls)
{
    while (polls--) {
        enum accelerator_state state = accelerator_status(device).state;
        if (state == ACCELERATOR_IS_DONE)
            return 0;
        if (state != ACCELERATOR_IS_RUNNING)
            break;
    }
    return 1;
}

uint32_t accelerator_acknowledge(const struct accelerator *device)
{
    uint32_t value = get(device, ACCELERATOR_INTERRUPT);

    put(device, ACCELERATOR_INTERRUPT, value);
    return value;
}

void accelerator_abort(const struct accelerator *device)
{
    put(device, ACCELERATOR_CONTROL, 1u << ACCELERATOR_CONTROL_RESET_SHIFT);
}

int accelerator_draining(const struct accelerator *device)
{
    return (int)FIELD(get(device, ACCELERATOR_STATUS), ACCELERATOR_STATUS_DRAINING);
}

uint64_t accelerator_cycles(const struct accelerator *device)
{
    uint64_t high = get(device, ACCELERATOR_CYCLES_HIGH);

    return high << 32 | get(device, ACCELERATOR_CYCLES_LOW);
}
"""
