// Runs the generated C driver on the generated Verilog example: argv[1] is how many rows to copy.

#include <cstdio>
#include <cstdlib>

#include "Vtop.h"
#include "mover.h"
#include "verilated.h"

namespace {

Vtop* top;

void tick() {
    top->clk = 0;
    top->eval();
    top->clk = 1;
    top->eval();
}

void settle() {
    top->clk = 0;
    top->eval();
}

uint32_t read(void*, uint32_t offset) {
    top->s_axi_araddr = offset;
    top->s_axi_arvalid = 1;
    for (settle(); !top->s_axi_arready; settle()) tick();
    tick();
    top->s_axi_arvalid = 0;
    top->s_axi_rready = 1;
    for (settle(); !top->s_axi_rvalid; settle()) tick();
    const uint32_t value = top->s_axi_rdata;
    if (top->s_axi_rresp) std::exit(2);
    tick();
    top->s_axi_rready = 0;
    return value;
}

void write(void*, uint32_t offset, uint32_t value) {
    top->s_axi_awaddr = offset;
    top->s_axi_wdata = value;
    top->s_axi_wstrb = 15;
    top->s_axi_awvalid = top->s_axi_wvalid = 1;
    for (settle(); !(top->s_axi_awready && top->s_axi_wready); settle()) tick();
    tick();
    top->s_axi_awvalid = top->s_axi_wvalid = 0;
    top->s_axi_bready = 1;
    for (settle(); !top->s_axi_bvalid; settle()) tick();
    if (top->s_axi_bresp) std::exit(2);
    tick();
    top->s_axi_bready = 0;
}

}  // namespace

int main(int argc, char** argv) {
    Verilated::commandArgs(argc, argv);
    top = new Vtop;
    top->rst = 1;
    tick();
    tick();
    top->rst = 0;
    const mover device = {nullptr, read, write};
    if (mover_probe(&device, 0) || !mover_probe(&device, 1)) return 3;
    // A program that is none fails; the next one runs.
    mover_job job = {0, 1 << 20, 0x800, 100000, {static_cast<uint32_t>(std::atoi(argv[1])), 0, 0, 0}};
    mover_start(&device, &job);
    if (!mover_wait(&device, 10000)) return 4;
    const struct mover_status failed = mover_status(&device);
    if (failed.state != MOVER_IS_FAULT || failed.fault != MOVER_FAULT_OPCODE) return 5;
    if (mover_acknowledge(&device) != 2) return 6;
    while (mover_draining(&device)) {}
    job.program = 0;
    mover_start(&device, &job);
    if (mover_wait(&device, 10000)) return 7;
    if (!top->__SYM__interrupt || mover_acknowledge(&device) != 1) return 8;
    settle();
    if (top->__SYM__interrupt) return 9;
    std::printf("%llu\n", static_cast<unsigned long long>(mover_cycles(&device)));
    mover_abort(&device);
    delete top;
    return 0;
}
