// Runs the generated C driver on the generated Verilog example: argv[1] is the program's argument 1.

#include <cstdio>
#include <cstdlib>

#include "Vtop.h"
#include "accelerator.h"
#include "verilated.h"

namespace {

constexpr uint32_t kBytes = 1 << 20;  // of the example's memory

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
    const accelerator device = {nullptr, read, write};
    if (accelerator_probe(&device, ACCELERATOR_CONFIGURATION_VALUE)) return 3;
    if (!accelerator_probe(&device, ACCELERATOR_CONFIGURATION_VALUE + 1)) return 4;
    // Where memory ends there is no program; the next one runs.
    const uint32_t argument = static_cast<uint32_t>(std::atoi(argv[1]));
    accelerator_job job = {0, kBytes, kBytes - 64, 100000, {argument, 0, 0, 0}};
    accelerator_start(&device, &job);
    if (!accelerator_wait(&device, 10000)) return 5;
    const struct accelerator_status failed = accelerator_status(&device);
    if (failed.state != ACCELERATOR_IS_FAULT || failed.fault != ACCELERATOR_FAULT_OPCODE) return 6;
    if (accelerator_acknowledge(&device) != 2) return 7;
    while (accelerator_draining(&device)) {}
    job.program = 0;
    accelerator_start(&device, &job);
    if (accelerator_wait(&device, 1000000)) return 8;
    if (!top->__SYM__interrupt || accelerator_acknowledge(&device) != 1) return 9;
    settle();
    if (top->__SYM__interrupt) return 10;
    std::printf("%llu\n", static_cast<unsigned long long>(accelerator_cycles(&device)));
    accelerator_abort(&device);
    delete top;
    return 0;
}
