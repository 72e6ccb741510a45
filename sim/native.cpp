// Runs a Verilator model over its streams: beats from files, beats and their cycles to files.
//
// sim/native.py puts the streams of one component in front of this text, as
//   #define INPUTS(S)   S("i", i___05F) S("weights", weights___05F)
//   #define OUTPUTS(S)  S("o", o___05F)
//   #define SETTINGS(S) S("mutsel", mutsel)
// with each name and how Verilator spells its ports. It is sim/exchange.py in C++.
//
// It is one file, long as it is, because it is one text that is compiled with every model.
// Per cycle: drive the inputs, let them settle with the clock low, look, and raise the clock.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "Vtop.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

namespace {

constexpr int kStreamError = 3;
constexpr int kUsageError = 4;
constexpr int kResetCycles = 2;
constexpr uint64_t kProbeShare = UINT64_MAX / 8;

[[noreturn]] void fail(int code, const std::string& message) {
    std::fprintf(stderr, "%s\n", message.c_str());
    std::exit(code);
}

// splitmix64: enough for pauses, and one word of state per stream.
class Random {
public:
    explicit Random(uint64_t seed) : state_(seed) {}
    uint64_t operator()() {
        uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31);
    }

private:
    uint64_t state_;
};

// A share of paused cycles in bursts of geometric length.
class Pauses {
public:
    void set(double share, double burst) {
        active_ = share > 0;
        begin_ = threshold(share / burst);
        end_ = threshold((1 - share) / burst);
    }
    bool active() const { return active_; }
    bool draw(Random& random) {
        if (active_) paused_ = paused_ ? random() >= end_ : random() < begin_;
        return paused_;
    }

private:
    static uint64_t threshold(double chance) {
        return chance >= 1 ? UINT64_MAX : static_cast<uint64_t>(chance * 0x1p64);
    }
    bool active_ = false;
    bool paused_ = false;
    uint64_t begin_ = 0;
    uint64_t end_ = 0;
};

template <class T>
std::vector<T> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (!file) fail(kUsageError, "cannot read " + path);
    std::vector<T> values(static_cast<size_t>(file.tellg()) / sizeof(T));
    file.seekg(0);
    file.read(reinterpret_cast<char*>(values.data()), values.size() * sizeof(T));
    return values;
}

template <class T>
void write_file(const std::string& path, const std::vector<T>& values) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
    if (!file.flush()) fail(kUsageError, "cannot write " + path);
}

// What all streams have: their place in the run, and what they last showed.
struct Stream {
    std::string name;
    uint64_t expected = 0;
    uint64_t moved = 0;
    std::vector<uint64_t> cycles;
    std::vector<uint64_t> offered;
    bool valid = false;
    bool ready = false;
    Random random{0};
    Pauses pauses;

    bool complete() const { return moved == expected; }
    void expect(uint64_t count) {
        expected = count;
        cycles.resize(count);
        offered.resize(count);
    }
    std::string describe() const {
        std::ostringstream text;
        text << name << " moved " << moved << " of " << expected << " beats (valid " << valid
             << ", ready " << ready << ")";
        return text.str();
    }
};

struct Gate {
    const Stream* other;
    std::vector<uint64_t> needed;
};

// Offers beats to an input stream; holds each until it is taken.
template <class Port>
struct Source : Stream {
    static constexpr size_t kSize = sizeof(typename Port::Payload);
    static constexpr size_t kBytes = (kSize + 3) / 4 * 4;
    std::vector<uint8_t> beats;
    std::vector<Gate> gates;
    bool rubbish = false;

    void drive(Vtop& top, uint64_t cycle) {
        if (valid) return;
        if (!complete() && open() && !pauses.draw(random)) {
            std::memcpy(Port::payload(top), &beats[moved * kBytes], kSize);
            Port::valid(top) = valid = true;
            offered[moved] = cycle;
            rubbish = false;
        } else if (!rubbish) {
            // What stands on the wires while nothing is valid must not matter.
            Port::valid(top) = false;
            if (!beats.empty()) {
                const size_t beat = random() % (beats.size() / kBytes);
                std::memcpy(Port::payload(top), &beats[beat * kBytes], kSize);
            }
            rubbish = true;
        }
    }
    bool sample(Vtop& top, uint64_t cycle) {
        ready = Port::ready(top);
        if (!(valid && ready)) return false;
        cycles[moved++] = cycle;
        valid = false;
        return true;
    }

private:
    bool open() const {
        for (const Gate& gate : gates)
            if (gate.other->moved < gate.needed[moved]) return false;
        return true;
    }
};

// Takes beats from an output stream and checks its rules. Now and then it offers no ready until it
// sees valid, since valid must not wait for ready.
template <class Port>
struct Sink : Stream {
    static constexpr size_t kSize = sizeof(typename Port::Payload);
    static constexpr size_t kBytes = (kSize + 3) / 4 * 4;
    std::vector<uint8_t> beats;
    uint8_t held[kSize] = {};
    bool holding = false;
    bool probing = false;
    bool released = false;

    void drive(Vtop& top, bool may_probe) {
        if (complete() || released || !pauses.active()) {
            ready = true;
        } else if (probing) {
            ready = false;
        } else {
            probing = may_probe && !valid && random() < kProbeShare;
            ready = !probing && !pauses.draw(random);
        }
        Port::ready(top) = ready;
    }
    bool sample(Vtop& top, uint64_t cycle) {
        valid = Port::valid(top);
        if (holding) check(top, cycle);
        if (!valid) return false;
        if (released) fail(kStreamError, at(cycle) + ".valid waited for ready");
        probing = false;
        if (!holding && !complete()) offered[moved] = cycle;
        holding = !ready;
        if (holding) {
            std::memcpy(held, Port::payload(top), kSize);
            return false;
        }
        if (complete())
            fail(kStreamError, at(cycle) + " gave more than " + std::to_string(expected) + " beats");
        std::memcpy(&beats[moved * kBytes], Port::payload(top), kSize);
        cycles[moved++] = cycle;
        return true;
    }

    // Offer ready for good: if valid comes now, it was ready that it waited for.
    void release() {
        released = probing;
        probing = false;
    }

private:
    std::string at(uint64_t cycle) const { return "cycle " + std::to_string(cycle) + ": " + name; }
    void check(Vtop& top, uint64_t cycle) {
        if (!valid) fail(kStreamError, at(cycle) + ".valid fell before the transfer");
        if (std::memcmp(held, Port::payload(top), kSize))
            fail(kStreamError, at(cycle) + ".payload changed before the transfer");
    }
};

#define PORT(text, prefix)                                                   \
    struct Port_##prefix {                                                   \
        using Payload = std::remove_reference_t<decltype(Vtop::prefix##payload)>; \
        static void* payload(Vtop& top) { return &top.prefix##payload; }     \
        static auto& valid(Vtop& top) { return top.prefix##valid; }          \
        static auto& ready(Vtop& top) { return top.prefix##ready; }          \
    };
INPUTS(PORT)
OUTPUTS(PORT)

struct Run {
#define SOURCE(text, prefix) Source<Port_##prefix> prefix##stream;
#define SINK(text, prefix) Sink<Port_##prefix> prefix##stream;
    INPUTS(SOURCE)
    OUTPUTS(SINK)
    std::string folder;
    std::string trace;
    uint64_t patience = 0;
    uint64_t drain = 0;
    uint64_t aborted = 0;
    std::map<std::string, uint64_t> settings;

    // The file `run` holds one word and its values a line.
    explicit Run(const std::string& path) : folder(path) {
        std::ifstream file(folder + "/run");
        if (!file) fail(kUsageError, "cannot read " + folder + "/run");
        std::map<std::string, Stream*> streams;
#define NAME(text, prefix) streams[text] = &prefix##stream; prefix##stream.name = text;
        INPUTS(NAME)
        OUTPUTS(NAME)
        std::string word, name, other;
        double share, burst;
        uint64_t count, seed;
        while (file >> word) {
            if (word == "stream" && file >> name >> count >> share >> burst >> seed) {
                streams.at(name)->expect(count);
                streams.at(name)->pauses.set(share, burst);
                streams.at(name)->random = Random(seed);
            } else if (word == "after" && file >> name >> other) {
                const Gate gate{streams.at(other), read_file<uint64_t>(
                    folder + "/" + name + ".after." + other)};
#define GATE(text, prefix) if (name == text) prefix##stream.gates.push_back(gate);
                INPUTS(GATE)
            } else if (word == "set" && file >> name >> count) {
                settings[name] = count;
            } else if (word == "patience") {
                file >> patience;
            } else if (word == "drain") {
                file >> drain;
            } else if (word == "aborted") {
                file >> aborted;
            } else if (word == "trace") {
                file >> trace;
            } else {
                fail(kUsageError, "cannot understand " + word + " in " + folder + "/run");
            }
        }
#define LOAD(text, prefix) if (prefix##stream.expected) \
        prefix##stream.beats = read_file<uint8_t>(folder + "/" text ".beats");
#define ROOM(text, prefix) prefix##stream.beats.resize( \
        prefix##stream.expected * prefix##stream.kBytes);
        INPUTS(LOAD)
        OUTPUTS(ROOM)
    }

    bool complete() const {
        bool all = true;
#define COMPLETE(text, prefix) all = all && prefix##stream.complete();
        INPUTS(COMPLETE)
        OUTPUTS(COMPLETE)
        return all;
    }
    void drive(Vtop& top, uint64_t cycle) {
        bool probing = false;
#define DRIVE(text, prefix) prefix##stream.drive(top, cycle);
#define PROBING(text, prefix) probing = probing || prefix##stream.probing;
#define OFFER(text, prefix) \
        prefix##stream.drive(top, !probing); \
        probing = probing || prefix##stream.probing;
        INPUTS(DRIVE)
        OUTPUTS(PROBING)
        OUTPUTS(OFFER)
    }
    bool sample(Vtop& top, uint64_t cycle) {
        bool any = false;
#define SAMPLE(text, prefix) any |= prefix##stream.sample(top, cycle);
        INPUTS(SAMPLE)
        OUTPUTS(SAMPLE)
        return any;
    }
    void release() {
#define RELEASE(text, prefix) prefix##stream.release();
        OUTPUTS(RELEASE)
    }
    [[noreturn]] void hang() const {
        std::ostringstream text;
        text << "no transfer for " << patience << " cycles: ";
        const char* separator = "";
#define DESCRIBE(name, prefix) text << separator << prefix##stream.describe(); separator = "; ";
        INPUTS(DESCRIBE)
        OUTPUTS(DESCRIBE)
        fail(kStreamError, text.str());
    }
    void save() const {
#define CYCLES(text, prefix) \
        write_file(folder + "/" text ".cycles", prefix##stream.cycles); \
        write_file(folder + "/" text ".offered", prefix##stream.offered);
#define TAKEN(text, prefix) write_file(folder + "/" text ".beats", prefix##stream.beats);
        INPUTS(CYCLES)
        OUTPUTS(CYCLES)
        OUTPUTS(TAKEN)
    }
};

class Clock {
public:
    explicit Clock(Vtop& top, const std::string& trace) : top_(top) {
#if VM_TRACE
        if (!trace.empty()) {
            Verilated::traceEverOn(true);
            top_.trace(&trace_, 99);
            trace_.open(trace.c_str());
        }
#else
        if (!trace.empty()) fail(kUsageError, "this build writes no waveforms");
#endif
    }
    ~Clock() { close(); }
    void low() { step(0); }
    void high() { step(1); }
    void close() {
#if VM_TRACE
        if (trace_.isOpen()) trace_.close();
#endif
    }

private:
    void step(int level) {
        top_.clk = level;
        top_.eval();
#if VM_TRACE
        if (trace_.isOpen()) trace_.dump(time_);
        time_ += 5;
#endif
    }
    Vtop& top_;
#if VM_TRACE
    VerilatedVcdC trace_;
    uint64_t time_ = 0;
#endif
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) fail(kUsageError, "usage: simulation FOLDER");
    Run run(argv[1]);
    static Vtop top;
    static Clock clock(top, run.trace);
    // A failing run leaves a whole waveform file.
    std::atexit([] { clock.close(); });
#define SET(text, port) top.port = run.settings[text];
    SETTINGS(SET)
    top.rst = 1;
    for (int k = 0; k < kResetCycles; ++k) {
        clock.low();
        clock.high();
    }
    top.rst = 0;
    if (run.aborted) {
        // A reset of one cycle in the middle of a run, whose last beats are still on the wires.
        Run first(argv[1]);
        uint64_t cycle = 0;
        for (; cycle < run.aborted; ++cycle) {
            first.drive(top, cycle);
            clock.low();
            first.sample(top, cycle);
            clock.high();
        }
        first.drive(top, cycle);
        top.rst = 1;
        clock.low();
        clock.high();
        top.rst = 0;
    }

    const auto began = std::chrono::steady_clock::now();
    uint64_t last = 0;
    bool complete = run.complete();
    for (uint64_t cycle = 0; !complete || cycle <= last + run.drain; ++cycle) {
        run.drive(top, cycle);
        clock.low();
        if (run.sample(top, cycle)) {
            last = cycle;
            complete = run.complete();
        } else if (!complete) {
            if (cycle - last == run.patience / 2) run.release();
            if (cycle - last >= run.patience) run.hang();
        }
        clock.high();
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
    top.final();
    run.save();
    std::printf("%llu %.9f\n", static_cast<unsigned long long>(last + 1), seconds.count());
    return 0;
}
