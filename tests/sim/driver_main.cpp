// Runs the generated C driver on the generated Verilog example: argv[1] is the driver as a shared
// library, argv[2] the program's argument 1.

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

#include "Vtop.h"
#include "accelerator.h"
#include "verilated.h"

namespace {

constexpr uint32_t kBytes = 1 << 20;  // of the example's memory

Vtop* top;
void* library;

// The driver is C: it is compiled as such, and found by name, as the header declares it.
void* symbol(const char* name) {
    void* found = dlsym(library, name);
    if (!found) std::exit(12);
    return found;
}
#define DRIVER(name) reinterpret_cast<decltype(&accelerator_##name)>(symbol("accelerator_" #name))

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
    library = dlopen(argv[1], RTLD_NOW);
    if (!library) return 11;
    const auto probe = DRIVER(probe);
    const auto start = DRIVER(start);
    const auto wait = DRIVER(wait);
    const auto status = DRIVER(status);
    const auto acknowledge = DRIVER(acknowledge);
    const auto draining = DRIVER(draining);
    const auto cycles = DRIVER(cycles);
    const auto abort = DRIVER(abort);
    top = new Vtop;
    top->rst = 1;
    tick();
    tick();
    top->rst = 0;
    const accelerator device = {nullptr, read, write};
    if (probe(&device, ACCELERATOR_CONFIGURATION_VALUE)) return 3;
    if (!probe(&device, ACCELERATOR_CONFIGURATION_VALUE + 1)) return 4;
    // Where memory ends there is no program; the next one runs.
    const uint32_t argument = static_cast<uint32_t>(std::atoi(argv[2]));
    accelerator_job job = {0, kBytes, kBytes - 64, 100000, {argument, 0, 0, 0}};
    start(&device, &job);
    if (!wait(&device, 10000)) return 5;
    const struct accelerator_status failed = status(&device);
    if (failed.state != ACCELERATOR_IS_FAULT || failed.fault != ACCELERATOR_FAULT_OPCODE) return 6;
    if (acknowledge(&device) != 2) return 7;
    while (draining(&device)) {}
    job.program = 0;
    start(&device, &job);
    if (wait(&device, 1000000)) return 8;
    if (!top->__SYM__interrupt || acknowledge(&device) != 1) return 9;
    settle();
    if (top->__SYM__interrupt) return 10;
    std::printf("%llu\n", static_cast<unsigned long long>(cycles(&device)));
    start(&device, &job);
    abort(&device);
    if (!wait(&device, 1) || status(&device).fault != ACCELERATOR_FAULT_STOPPED) return 12;
    if (acknowledge(&device) != 2) return 13;
    delete top;
    return 0;
}
