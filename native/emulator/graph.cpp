#include "graph.h"

#include "failure.h"

#include <algorithm>
#include <set>

namespace emulator {

void capture_operation(Stream& stream, std::shared_ptr<const Operation> operation)
{
    Capture& capture = *stream.capture;
    capture.nodes.push_back(Node{std::move(operation), stream.frontier});
    stream.frontier.assign(1, capture.nodes.size() - 1);
}

void merge_frontier(std::vector<size_t>& frontier, const std::vector<size_t>& more)
{
    frontier.insert(frontier.end(), more.begin(), more.end());
    std::sort(frontier.begin(), frontier.end());
    frontier.erase(std::unique(frontier.begin(), frontier.end()), frontier.end());
}

bool joined(const Capture& capture, const std::vector<size_t>& frontier)
{
    std::vector<bool> reached(capture.nodes.size(), false);
    for (const size_t node : frontier)
        reached[node] = true;
    for (size_t node = capture.nodes.size(); node-- > 0;)
        if (reached[node])
            for (const size_t earlier : capture.nodes[node].after)
                reached[earlier] = true;
    return std::all_of(reached.begin(), reached.end(), [](bool node) { return node; });
}

void detach_streams(Capture& capture)
{
    for (const auto& weak : capture.streams)
        if (const auto stream = weak.lock()) {
            stream->capture = nullptr;
            stream->frontier.clear();
        }
    capture.streams.clear();
}

namespace {

// The order to run nodes in. Random mode takes, again and again, any node whose predecessors were taken.
std::vector<size_t> running_order(const std::vector<Node>& nodes, Scheduler& scheduler)
{
    std::vector<size_t> order;
    order.reserve(nodes.size());
    if (scheduler.mode() != StreamMode::Random) {
        for (size_t node = 0; node < nodes.size(); ++node)
            order.push_back(node);
        return order;
    }
    std::vector<size_t> missing(nodes.size());
    std::vector<std::vector<size_t>> followers(nodes.size());
    std::vector<size_t> ready;
    for (size_t node = 0; node < nodes.size(); ++node) {
        missing[node] = nodes[node].after.size();
        for (const size_t earlier : nodes[node].after)
            followers[earlier].push_back(node);
        if (missing[node] == 0)
            ready.push_back(node);
    }
    while (!ready.empty()) {
        const size_t pick = scheduler.random() % ready.size();
        const size_t node = ready[pick];
        ready[pick] = ready.back();
        ready.pop_back();
        order.push_back(node);
        for (const size_t follower : followers[node])
            if (--missing[follower] == 0)
                ready.push_back(follower);
    }
    return order;
}

} // namespace

std::shared_ptr<const Operation> make_launch(const Graph& graph, Scheduler& scheduler, Memory& memory)
{
    auto launch = std::make_shared<Operation>();
    launch->name = text("cuGraphLaunch of %zu nodes", graph.nodes.size());
    std::set<uint64_t> seen;
    for (const Node& node : graph.nodes)
        for (const Use& use : node.operation->uses)
            if (seen.insert(use.allocation).second)
                launch->uses.push_back(use);
    launch->run = [nodes = graph.nodes, &scheduler, &memory] {
        for (const size_t index : running_order(nodes, scheduler)) {
            const Operation& operation = *nodes[index].operation;
            Outcome outcome;
            if (!memory.alive(operation.uses, outcome.sentence))
                outcome.status = CUDA_ERROR_ILLEGAL_ADDRESS;
            else if (operation.run)
                outcome = operation.run();
            if (outcome.status != CUDA_SUCCESS) {
                outcome.sentence = text("node %zu, %s: %s", index, operation.name.c_str(), outcome.sentence.c_str());
                return outcome;
            }
        }
        return Outcome{};
    };
    return launch;
}

} // namespace emulator
