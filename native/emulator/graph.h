// Captured work: nodes with the nodes that they come after, graphs of them, and graphs made ready to run.
#pragma once

#include "stream.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace emulator {

struct Node {
    std::shared_ptr<const Operation> operation;
    std::vector<size_t> after; // lower indices only: capture order is a topological order
};

// A capture under way. It ends with cuStreamEndCapture on its origin, valid or not.
struct Capture {
    CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
    std::thread::id thread;
    std::weak_ptr<Stream> origin;
    std::vector<std::weak_ptr<Stream>> streams; // the origin and those that joined by an event
    std::vector<Node> nodes;
    bool invalid = false;
};

struct Graph {
    std::vector<Node> nodes;
};

struct GraphExecutable {
    std::shared_ptr<const Operation> launch;
    size_t nodes = 0;
};

// Records an operation at the end of a capturing stream.
void capture_operation(Stream& stream, std::shared_ptr<const Operation> operation);
// Adds nodes to a sorted list of nodes without repeating any.
void merge_frontier(std::vector<size_t>& frontier, const std::vector<size_t>& more);
// Whether everything captured in the other streams leads to the origin's last nodes.
bool joined(const Capture& capture, const std::vector<size_t>& frontier);
// Takes all the streams out of the capture.
void detach_streams(Capture& capture);
// One operation that runs all the nodes: in capture order, or in random mode in a random order that the dependencies allow.
std::shared_ptr<const Operation> make_launch(const Graph& graph, Scheduler& scheduler, Memory& memory);

} // namespace emulator
