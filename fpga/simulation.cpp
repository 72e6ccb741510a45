// A board's top in Verilator behind a pseudo-terminal: the board that `BOARD=sim` talks to.
//
// fpga/simulation.py puts `#define DIVISOR n` in front of this text. The terminal's name is the
// first line of the output; the program ends when its input is closed. Bytes of the terminal go
// to the line `rx` as a serial chip sends them, and back from `tx`.

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>

#include "Vtop.h"
#include "verilated.h"

namespace {

constexpr int kBits = 10;
constexpr int kResetCycles = 4;
// Cycles without a byte on either line after which the simulation waits for one.
constexpr uint64_t kQuiet = 200'000;
constexpr int kPollMilliseconds = 50;

int open_terminal() {
    const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal < 0 || grantpt(terminal) || unlockpt(terminal)) {
        std::fprintf(stderr, "this system has no pseudo-terminal\n");
        std::exit(1);
    }
    termios settings;
    tcgetattr(terminal, &settings);
    cfmakeraw(&settings);
    tcsetattr(terminal, TCSANOW, &settings);
    fcntl(terminal, F_SETFL, O_NONBLOCK);
    return terminal;
}

// Sends bytes on a line, ten bits each.
class Sender {
public:
    bool busy() const { return left_ > 0; }
    void start(uint8_t byte) {
        bits_ = 1u << 9 | static_cast<unsigned>(byte) << 1;
        left_ = kBits * DIVISOR;
    }
    int level() {
        if (!left_) return 1;
        const int bit = (kBits * DIVISOR - left_--) / DIVISOR;
        return bits_ >> bit & 1;
    }

private:
    unsigned bits_ = 0;
    int left_ = 0;
};

// Reads bytes from a line, each bit in its middle.
class Reader {
public:
    bool busy() const { return age_ >= 0; }
    // Whether a byte ended in this cycle.
    bool sample(int level, uint8_t& byte) {
        if (age_ < 0) {
            if (level) return false;
            age_ = 0;
            bits_ = 0;
        }
        const int bit = age_ / DIVISOR;
        if (age_ % DIVISOR == DIVISOR / 2) bits_ |= static_cast<unsigned>(level) << bit;
        if (bit == kBits - 1 && age_ % DIVISOR == DIVISOR / 2) {
            age_ = -1;
            byte = bits_ >> 1 & 0xff;
            return bits_ >> 9 & 1;
        }
        ++age_;
        return false;
    }

private:
    int age_ = -1;
    unsigned bits_ = 0;
};

// Bytes between the terminal and the lines.
class Terminal {
public:
    Terminal() : file_(open_terminal()) {
        // Held open here too, so that the terminal outlives a host that closes it.
        held_ = open(ptsname(file_), O_RDWR | O_NOCTTY);
        std::printf("%s\n", ptsname(file_));
        std::fflush(stdout);
    }
    ~Terminal() {
        close(held_);
        close(file_);
    }
    bool next(uint8_t& byte) {
        if (at_ == end_) {
            const ssize_t got = read(file_, buffer_, sizeof buffer_);
            at_ = 0;
            end_ = got > 0 ? got : 0;
        }
        if (at_ == end_) return false;
        byte = buffer_[at_++];
        return true;
    }
    void put(uint8_t byte) {
        while (write(file_, &byte, 1) != 1) usleep(100);
    }
    // Sleep until a byte comes; false once nobody holds our input any more.
    bool wait(int milliseconds) const {
        pollfd files[] = {{file_, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
        poll(files, 2, milliseconds);
        char ignored;
        return !files[1].revents || read(STDIN_FILENO, &ignored, 1) > 0;
    }

private:
    int file_;
    int held_;
    uint8_t buffer_[4096];
    ssize_t at_ = 0;
    ssize_t end_ = 0;
};

}  // namespace

int main() {
    Vtop top;
    Terminal terminal;
    Sender sender;
    Reader reader;
    uint64_t quiet = 0;
    for (uint64_t cycle = 0;; ++cycle) {
        uint8_t byte;
        // A read of the terminal costs a hundred cycles: look for bytes once per bit.
        if (cycle % DIVISOR == 0 && !sender.busy()) {
            if (terminal.next(byte)) {
                sender.start(byte);
                quiet = 0;
            }
        }
        top.rst = cycle < kResetCycles;
        top.rx = sender.level();
        top.clk = 0;
        top.eval();
        if (reader.sample(top.tx, byte)) terminal.put(byte);
        top.clk = 1;
        top.eval();
        quiet = reader.busy() ? 0 : quiet + 1;
        const bool asleep = quiet >= kQuiet;
        if (asleep || cycle % (1 << 16) == 0)
            if (!terminal.wait(asleep ? kPollMilliseconds : 0)) return 0;
    }
}
