// Runs the accelerator's Verilator model beside a model of its memory, as a script says.
//
// sim/accelerator/machine_bench.py puts the bus in front of this text, as
//   #define BUS_BYTES 64
// and writes the script, one command a line (see Script::run). It is one file since it is one text
// that is compiled with every model.
//
// Per cycle: drive the inputs, let them settle with the clock low, look, and raise the clock.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "Vtop.h"
#ifdef COMPLETIONS
#include "Vtop___024root.h"
#endif
#include "verilated.h"

namespace {

constexpr int kBusError = 3;
constexpr int kUsageError = 4;
constexpr uint64_t kNever = UINT64_MAX;
constexpr uint64_t kRegisterPatience = 10'000;
constexpr int kSlaveError = 2;
constexpr uint64_t kLongestBurst = 16;

[[noreturn]] void fail(int code, const std::string& message) {
    std::fprintf(stderr, "%s\n", message.c_str());
    std::exit(code);
}

// splitmix64 decides each cycle whether a channel pauses.
class Pauses {
public:
    void set(double share, uint64_t seed) {
        threshold_ = static_cast<uint64_t>(share * 0x1p63) * 2;
        state_ = seed;
    }
    bool draw() {
        if (!threshold_) return false;
        uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        return (z ^ (z >> 31)) < threshold_;
    }

private:
    uint64_t threshold_ = 0;
    uint64_t state_ = 0;
};

// A slave on AXI4 that answers in order: `latency` cycles after a burst was asked for, then a beat
// every `pace` cycles. It holds the master to the rules of the bus.
class Memory {
public:
    std::vector<uint8_t> bytes;
    uint64_t base = 0;
    uint64_t latency = 40;
    uint64_t pace = 1;
    uint64_t read_error = kNever;   // beats until one is answered with an error
    uint64_t write_error = kNever;  // bursts until one is answered with an error
    uint64_t silent = kNever;       // answers until there are no more
    Pauses pauses;

    void reset(Vtop& top) {
        reads_.clear();
        writes_.clear();
        answers_.clear();
        read_address_ = write_address_ = write_data_ = {};
        top.m_axi_rvalid = top.m_axi_bvalid = 0;
    }

    void drive(Vtop& top, uint64_t cycle) {
        top.m_axi_arready = silent && !pauses.draw();
        top.m_axi_awready = silent && !pauses.draw();
        top.m_axi_wready = silent && !writes_.empty() && cycle >= write_next_ && !pauses.draw();
        if (!top.m_axi_rvalid && silent && !reads_.empty() && cycle >= reads_.front().due &&
            cycle >= read_next_ && !pauses.draw()) {
            Burst& burst = reads_.front();
            std::memcpy(&top.m_axi_rdata, &bytes[burst.place], BUS_BYTES);
            top.m_axi_rlast = burst.beats == 1;
            top.m_axi_rresp = read_error == 0 ? kSlaveError : 0;
            top.m_axi_rvalid = 1;
            burst.place += BUS_BYTES;
            if (--burst.beats == 0) reads_.pop_front();
            read_next_ = cycle + pace;
            count(read_error);
            count(silent);
        }
        if (!top.m_axi_bvalid && silent && !answers_.empty() && cycle >= answers_.front().due &&
            !pauses.draw()) {
            const Burst& burst = answers_.front();
            std::memcpy(&bytes[burst.place], burst.data.data(), burst.data.size());
            answers_.pop_front();
            top.m_axi_bresp = write_error == 0 ? kSlaveError : 0;
            top.m_axi_bvalid = 1;
            count(write_error);
            count(silent);
        }
    }

    void sample(Vtop& top, uint64_t cycle) {
        if (read_address_.moves("ar", cycle, top.m_axi_arvalid, top.m_axi_arready,
                                top.m_axi_araddr, top.m_axi_arlen))
            reads_.push_back(burst(top.m_axi_araddr, top.m_axi_arlen, cycle));
        if (write_address_.moves("aw", cycle, top.m_axi_awvalid, top.m_axi_awready,
                                 top.m_axi_awaddr, top.m_axi_awlen))
            writes_.push_back(burst(top.m_axi_awaddr, top.m_axi_awlen, cycle));
        uint64_t first = 0;
        std::memcpy(&first, &top.m_axi_wdata, BUS_BYTES < 8 ? BUS_BYTES : 8);
        if (write_data_.moves("w", cycle, top.m_axi_wvalid, top.m_axi_wready, first,
                              top.m_axi_wlast)) {
            Burst& burst = writes_.front();
            const auto* data = reinterpret_cast<const uint8_t*>(&top.m_axi_wdata);
            burst.data.insert(burst.data.end(), data, data + BUS_BYTES);
            if (top.m_axi_wlast != (--burst.beats == 0)) fail(kBusError, "wlast in a wrong beat");
            write_next_ = cycle + pace;
            if (burst.beats == 0) {
                burst.due = cycle + latency;
                answers_.push_back(std::move(burst));
                writes_.pop_front();
            }
        }
        if (top.m_axi_rvalid && top.m_axi_rready) read_taken_ = true;
        if (top.m_axi_bvalid && top.m_axi_bready) answer_taken_ = true;
    }

    // After the clock's edge: what was taken is no longer offered.
    void release(Vtop& top) {
        if (read_taken_) top.m_axi_rvalid = 0;
        if (answer_taken_) top.m_axi_bvalid = 0;
        read_taken_ = answer_taken_ = false;
    }

private:
    struct Burst {
        uint64_t place;
        uint64_t beats;
        uint64_t due;
        std::vector<uint8_t> data;
    };
    // What a channel offered last: it must hold until it is taken.
    struct Offer {
        bool held = false;
        uint64_t first = 0, second = 0;
        bool moves(const char* name, uint64_t cycle, bool valid, bool ready, uint64_t a,
                   uint64_t b) {
            if (held && (!valid || a != first || b != second))
                fail(kBusError, "cycle " + std::to_string(cycle) + ": m_axi_" + name +
                                    " changed before the transfer");
            held = valid && !ready;
            first = a;
            second = b;
            return valid && ready;
        }
    };

    Burst burst(uint64_t address, uint64_t length, uint64_t cycle) const {
        const uint64_t size = (length + 1) * BUS_BYTES;
        const uint64_t place = address - base;
        if (length >= kLongestBurst || address % BUS_BYTES || address / 4096 != (address + size - 1) / 4096)
            fail(kBusError, "a burst of " + std::to_string(length + 1) + " beats from " +
                                std::to_string(address) + " breaks the rules of AXI");
        if (address < base || place + size > bytes.size())
            fail(kBusError, "a burst of " + std::to_string(length + 1) + " beats from " +
                                std::to_string(address) + " leaves memory");
        return {place, length + 1, cycle + latency, {}};
    }
    static void count(uint64_t& left) {
        if (left != kNever && left) --left;
        else if (left == 0) left = kNever;
    }

    std::deque<Burst> reads_, writes_, answers_;
    Offer read_address_, write_address_, write_data_;
    uint64_t read_next_ = 0, write_next_ = 0;
    bool read_taken_ = false, answer_taken_ = false;
};

class Machine {
public:
    Memory memory;
    uint64_t cycle = 0;

    Machine() { reset(); }

    void tick() {
        look();
        finish();
    }
    void reset() {
        top_.s_axi_awvalid = top_.s_axi_wvalid = top_.s_axi_arvalid = 0;
        top_.s_axi_bready = top_.s_axi_rready = 1;
        memory.reset(top_);
        top_.rst = 1;
        for (int k = 0; k < 2; ++k) {
            step(0);
            step(1);
        }
        top_.rst = 0;
    }
    // Per unit the instructions that are complete, modulo 256; nothing of other machines.
    std::vector<uint8_t> completed() {
#ifdef COMPLETIONS
#define COUNT(unit) \
    top_.rootp->top__DOT__sequencer__DOT__dispatch__DOT__load_queue__DOT__completed___05F##unit
        return {COUNT(0), COUNT(1), COUNT(2), COUNT(3), COUNT(4), COUNT(5)};
#else
        return {};
#endif
    }
    bool interrupt() const { return top_.__SYM__interrupt; }

    void write(uint32_t offset, uint32_t value) {
        top_.s_axi_awaddr = offset;
        top_.s_axi_wdata = value;
        top_.s_axi_wstrb = 15;
        top_.s_axi_awvalid = top_.s_axi_wvalid = 1;
        bool address = false, data = false, answered = false;
        for (uint64_t k = 0; !answered; ++k) {
            if (k > kRegisterPatience) fail(kBusError, "a register did not answer a write");
            look();
            address |= top_.s_axi_awvalid && top_.s_axi_awready;
            data |= top_.s_axi_wvalid && top_.s_axi_wready;
            answered = top_.s_axi_bvalid;
            if (answered && top_.s_axi_bresp) fail(kBusError, "a register refused a write");
            finish();
            if (address) top_.s_axi_awvalid = 0;
            if (data) top_.s_axi_wvalid = 0;
        }
    }
    uint32_t read(uint32_t offset) {
        top_.s_axi_araddr = offset;
        top_.s_axi_arvalid = 1;
        uint32_t value = 0;
        bool address = false, answered = false;
        for (uint64_t k = 0; !answered; ++k) {
            if (k > kRegisterPatience) fail(kBusError, "a register did not answer a read");
            look();
            address |= top_.s_axi_arvalid && top_.s_axi_arready;
            answered = top_.s_axi_rvalid;
            value = top_.s_axi_rdata;
            if (answered && top_.s_axi_rresp) fail(kBusError, "a register refused a read");
            finish();
            if (address) top_.s_axi_arvalid = 0;
        }
        return value;
    }

private:
    void step(int level) {
        top_.clk = level;
        top_.eval();
    }
    void look() {
        memory.drive(top_, cycle);
        step(0);
        memory.sample(top_, cycle);
    }
    void finish() {
        step(1);
        memory.release(top_);
        ++cycle;
    }
    Vtop top_;
};

class Script {
public:
    explicit Script(const std::string& folder) : folder_(folder) {}

    void run() {
        std::ifstream file(folder_ + "/script");
        if (!file) fail(kUsageError, "cannot read " + folder_ + "/script");
        std::string line;
        while (std::getline(file, line)) {
            std::istringstream words(line);
            std::string command;
            words >> command;
            execute(command, words);
            if (words.fail()) fail(kUsageError, "cannot understand: " + line);
        }
    }

private:
    void execute(const std::string& command, std::istringstream& words) {
        Memory& memory = machine_.memory;
        std::string name;
        uint64_t a = 0, b = 0, c = 0;
        double share = 0;
        if (command == "memory") {  // bytes, bus address of the first one
            if (words >> a >> b) {
                memory.bytes.assign(a, 0);
                memory.base = b;
            }
        } else if (command == "load") {  // file, place
            if (words >> name >> a) load(name, a);
        } else if (command == "save") {  // file, place, bytes
            if (words >> name >> a >> b) save(name, a, b);
        } else if (command == "timing") {  // cycles of latency, cycles per beat
            words >> memory.latency >> memory.pace;
        } else if (command == "stall") {  // share of paused cycles, seed
            if (words >> share >> a) memory.pauses.set(share, a);
        } else if (command == "fail") {  // read beats, write bursts, answers until it happens
            memory.read_error = number(words);
            memory.write_error = number(words);
            memory.silent = number(words);
        } else if (command == "reset") {
            machine_.reset();
        } else if (command == "write") {  // offset, value
            if (words >> a >> b) machine_.write(a, b);
        } else if (command == "read") {  // offset
            if (words >> a) std::printf("%u\n", machine_.read(a));
        } else if (command == "drain") {  // offset, bits that shall become 0, cycles at most
            if (words >> a >> b >> c)
                for (c += machine_.cycle; machine_.cycle < c && machine_.read(a) & b;) {}
        } else if (command == "stop") {  // cycles until a register is written, offset, value
            words >> stop_after_ >> stop_offset_ >> stop_value_;
        } else if (command == "wait") {  // cycles at most until the interrupt
            if (words >> a) wait(a);
        } else if (command == "sample") {  // file, cycles from one to the next, offsets
            sampled_.clear();
            words >> sample_file_ >> interval_;
            while (words >> a) sampled_.push_back(a);
            words.clear();
        } else if (command == "completions") {  // file for cycle and unit of each
            words >> completion_file_;
        } else {
            fail(kUsageError, "no command " + command);
        }
    }

    // Go on to the interrupt; tell how many cycles and seconds it took, and whether it came.
    void wait(uint64_t limit) {
        const auto began = std::chrono::steady_clock::now();
        const uint64_t first = machine_.cycle;
        uint64_t next = first;
        std::ofstream samples, completions;
        if (!sampled_.empty()) samples.open(folder_ + "/" + sample_file_);
        if (completion_file_ != "none") completions.open(folder_ + "/" + completion_file_);
        std::vector<uint8_t> completed = machine_.completed();
        while (!machine_.interrupt() && machine_.cycle < first + limit) {
            if (machine_.cycle - first >= stop_after_) {
                stop_after_ = kNever;
                machine_.write(stop_offset_, stop_value_);
                continue;
            }
            if (sampled_.empty() || machine_.cycle < next) {
                machine_.tick();
                if (completions.is_open()) {
                    const std::vector<uint8_t> now = machine_.completed();
                    for (size_t unit = 0; unit < now.size(); ++unit)
                        if (static_cast<uint8_t>(now[unit] - completed[unit]) == 1)
                            completions << machine_.cycle - first << ' ' << unit + 1 << '\n';
                    completed = now;
                }
                continue;
            }
            next = machine_.cycle + interval_;
            samples << machine_.cycle - first;
            for (uint64_t offset : sampled_) samples << ' ' << machine_.read(offset);
            samples << '\n';
        }
        stop_after_ = kNever;
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
        std::printf("%llu %d %.6f\n", static_cast<unsigned long long>(machine_.cycle - first),
                    machine_.interrupt(), seconds.count());
    }

    static uint64_t number(std::istringstream& words) {
        int64_t value = -1;
        words >> value;
        return value < 0 ? kNever : static_cast<uint64_t>(value);
    }
    void load(const std::string& name, uint64_t place) {
        std::ifstream file(folder_ + "/" + name, std::ios::binary | std::ios::ate);
        if (!file) fail(kUsageError, "cannot read " + name);
        const auto size = static_cast<uint64_t>(file.tellg());
        std::vector<uint8_t>& bytes = machine_.memory.bytes;
        if (place + size > bytes.size()) fail(kUsageError, name + " does not fit into memory");
        file.seekg(0);
        file.read(reinterpret_cast<char*>(&bytes[place]), static_cast<std::streamsize>(size));
    }
    void save(const std::string& name, uint64_t place, uint64_t size) {
        const std::vector<uint8_t>& bytes = machine_.memory.bytes;
        if (place + size > bytes.size()) fail(kUsageError, name + " is more than memory holds");
        std::ofstream file(folder_ + "/" + name, std::ios::binary);
        file.write(reinterpret_cast<const char*>(&bytes[place]), static_cast<std::streamsize>(size));
        if (!file.flush()) fail(kUsageError, "cannot write " + name);
    }

    std::string folder_, sample_file_, completion_file_ = "none";
    Machine machine_;
    std::vector<uint64_t> sampled_;
    uint64_t interval_ = 0;
    uint64_t stop_after_ = kNever;
    uint32_t stop_offset_ = 0, stop_value_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) fail(kUsageError, "usage: simulation FOLDER");
    static Script script(argv[1]);
    script.run();
    return 0;
}
