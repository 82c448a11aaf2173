// Streams as queues of operations, and the scheduler that decides when an operation runs.
//
// An operation becomes an item of its stream's queue, with a marker that is done once it ran. Events are markers; waiting for an event,
// and the legacy default stream's implicit ordering, are markers that an item comes after. So one rule covers all: an item may run when
// it heads its queue and everything that it comes after is done.
#pragma once

#include "memory.h"

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace emulator {

struct Capture;
struct Context;
class Faults;

// How an operation ended: a status, and for anything but success a sentence.
struct Outcome {
    CUresult status = CUDA_SUCCESS;
    std::string sentence;
    bool ordered = false; // a test wanted it
};

// A piece of device work that can be run, and in a graph run again.
struct Operation {
    std::string name;      // "cuLaunchKernel layer_norm_forward"
    std::vector<Use> uses; // the memory that it touches
    std::function<Outcome()> run;
    uint64_t frees = 0;    // the allocation that a stream-ordered free gives back
};

struct Stream;

// A point in a stream: done once everything up to it has run.
struct Marker {
    std::weak_ptr<Stream> stream;
    bool done = false;
    double milliseconds = 0; // the host's clock when it was done
};

using MarkerPointer = std::shared_ptr<Marker>;

struct Item {
    std::shared_ptr<const Operation> operation;
    std::vector<MarkerPointer> after;
    MarkerPointer marker;
    std::shared_ptr<Context> context;
    uint64_t sequence = 0;
};

struct Stream {
    bool legacy = false;   // the legacy default stream
    bool blocking = true;  // ordered against the legacy default stream
    int priority = 0;
    bool destroyed = false;
    std::deque<Item> queue;
    MarkerPointer last;    // of the item submitted last; null when none was
    std::shared_ptr<Context> context;
    // While captured: the capture, and the nodes that the next one comes after.
    std::shared_ptr<Capture> capture;
    std::vector<size_t> frontier;
};

struct Event {
    unsigned flags = 0;
    MarkerPointer marker; // of the last record; null before one
    std::weak_ptr<Capture> capture;
    bool captured = false;
    std::vector<size_t> frontier;
};

enum class StreamMode { Eager, Late, Random };

class Scheduler {
public:
    Scheduler(Memory& memory, Faults& faults);

    void set_mode(StreamMode mode, uint64_t seed);
    StreamMode mode() const { return mode_; }

    void add(const std::shared_ptr<Stream>& stream);
    // Queues an operation behind the stream's work and the markers given; in eager mode it has run when this returns.
    MarkerPointer submit(const std::shared_ptr<Stream>& stream, std::shared_ptr<const Operation> operation,
                         std::vector<MarkerPointer> after = {});
    void drain(const MarkerPointer& marker); // runs what must run before the marker is done; null is done
    void drain_all();
    void step(const MarkerPointer& marker);  // runs one operation on the way to the marker
    void progress();                         // in random mode: runs some ready operations
    size_t queued() const;
    // Streams whose work is ordered with the legacy default stream.
    const std::vector<std::shared_ptr<Stream>>& streams() const { return streams_; }
    void forget_finished(); // drops destroyed streams whose work has ended
    void clear();
    uint64_t random();

private:
    bool ready(const Stream& stream) const;
    bool run_any(); // runs one operation of a random stream that has a ready one; false: there is none
    void run_head(Stream& stream);
    Outcome execute(const Item& item);

    Memory& memory_;
    Faults& faults_;
    StreamMode mode_ = StreamMode::Eager;
    uint64_t seed_ = 1;
    uint64_t sequence_ = 0;
    std::vector<std::shared_ptr<Stream>> streams_;
};

} // namespace emulator
