// Modules of a design that are Verilator models of their own: one code for all of their places.
//
// sim/blocks.py writes behind this text what it makes for each block; the design calls it by DPI.
// An edge of the clock is one call with all inputs; outputs that follow inputs without an edge are
// further ones. A block whose inputs stay and whose whole state an edge leaves as it was would do
// the same at every further edge: it sleeps until an input changes.

#include <cstring>
#include <vector>

#include "svdpi.h"
#include "verilated.h"

namespace {

constexpr unsigned kFirstTrial = 8;
// An edge changes the clock itself, and what the model remembers of it.
constexpr unsigned kBytesOfClock = 2;

template <class Model, class State>
class Block {
public:
    Model model;

    // Whether an input has changed since the last time.
    void note(bool changed) {
        if (!changed) return;
        quiet_ = 0;
        asleep_ = false;
    }
    void settle(bool changed) {
        note(changed);
        if (changed) model.eval();
    }
    // In a block both edges of the clock count.
    void edge() {
        if (asleep_) return;
        ++quiet_;
        // A trial costs a copy of the state: only now and then.
        const bool trial = quiet_ >= kFirstTrial && !(quiet_ & (quiet_ - 1));
        const auto* state = reinterpret_cast<const char*>(model.rootp->vlSymsp);
        if (trial) before_.assign(state, state + sizeof(State));
        model.clk = !model.clk;
        model.eval();
        if (!trial) return;
        asleep_ = changes(state) == kBytesOfClock;
    }

private:
    // Bytes that are not as they were; it stops at a line with too many.
    unsigned changes(const char* state) const {
        static_assert(sizeof(State) % VL_CACHE_LINE_BYTES == 0, "states fill their lines");
        unsigned changed = 0;
        for (size_t line = 0; line < sizeof(State) && changed <= kBytesOfClock;
             line += VL_CACHE_LINE_BYTES) {
            if (!std::memcmp(&before_[line], state + line, VL_CACHE_LINE_BYTES)) continue;
            for (size_t k = line; k < line + VL_CACHE_LINE_BYTES; ++k)
                changed += before_[k] != state[k];
        }
        return changed;
    }
    std::vector<char> before_;
    unsigned quiet_ = 0;
    bool asleep_ = false;
};

bool take(CData& port, svBit value) {
    const bool changed = port != value;
    port = value;
    return changed;
}
template <class Port>
bool take(Port& port, const svBitVecVal* value) {
    if (!std::memcmp(&port, value, sizeof port)) return false;
    std::memcpy(&port, value, sizeof port);
    return true;
}
void give(const CData& port, svBit* value) { *value = port; }
template <class Port>
void give(const Port& port, svBitVecVal* value) {
    if (sizeof port < sizeof *value) *value = 0;
    std::memcpy(value, &port, sizeof port);
}

}  // namespace
