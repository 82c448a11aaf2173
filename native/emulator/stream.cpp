#include "stream.h"

#include "driver.h"
#include "failure.h"

#include <algorithm>
#include <chrono>

namespace emulator {

namespace {

double now_milliseconds()
{
    using namespace std::chrono;
    return duration<double, std::milli>(steady_clock::now().time_since_epoch()).count();
}

} // namespace

Scheduler::Scheduler(Memory& memory, Faults& faults) : memory_(memory), faults_(faults) {}

void Scheduler::set_mode(StreamMode mode, uint64_t seed)
{
    mode_ = mode;
    seed_ = seed;
}

// SplitMix64: every seed is as good as another.
uint64_t Scheduler::random()
{
    uint64_t z = seed_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

void Scheduler::add(const std::shared_ptr<Stream>& stream)
{
    streams_.push_back(stream);
}

MarkerPointer Scheduler::submit(const std::shared_ptr<Stream>& stream, std::shared_ptr<const Operation> operation,
                                std::vector<MarkerPointer> after)
{
    for (const auto& other : streams_) {
        const bool ordered = stream->legacy ? other->blocking && !other->legacy : other->legacy && stream->blocking;
        if (ordered && other->last != nullptr && !other->last->done)
            after.push_back(other->last);
    }
    Item item;
    item.operation = std::move(operation);
    item.after = std::move(after);
    item.marker = std::make_shared<Marker>();
    item.marker->stream = stream;
    item.context = stream->context;
    item.sequence = ++sequence_;
    const MarkerPointer marker = item.marker;
    stream->last = marker;
    stream->queue.push_back(std::move(item));
    if (mode_ == StreamMode::Eager)
        drain(marker);
    return marker;
}

void Scheduler::drain(const MarkerPointer& marker)
{
    while (marker != nullptr && !marker->done) {
        if (mode_ == StreamMode::Random && random() % 2 == 0)
            run_any();
        else
            step(marker);
    }
}

void Scheduler::drain_all()
{
    while (mode_ == StreamMode::Random && run_any()) {
    }
    // A stream may be dropped when its queue ends, so a copy of the list is walked.
    const std::vector<std::shared_ptr<Stream>> streams = streams_;
    for (const auto& stream : streams)
        drain(stream->last);
}

void Scheduler::step(const MarkerPointer& marker)
{
    if (marker == nullptr || marker->done)
        return;
    std::shared_ptr<Stream> stream = marker->stream.lock();
    for (;;) {
        if (stream == nullptr || stream->queue.empty()) {
            marker->done = true; // its stream was dropped with its work
            return;
        }
        const auto& after = stream->queue.front().after;
        const auto open = std::find_if(after.begin(), after.end(), [](const MarkerPointer& other) { return !other->done; });
        if (open == after.end())
            break;
        const MarkerPointer earlier = *open;
        stream = earlier->stream.lock();
        if (stream == nullptr)
            earlier->done = true;
    }
    run_head(*stream);
}

bool Scheduler::ready(const Stream& stream) const
{
    if (stream.queue.empty())
        return false;
    const auto& after = stream.queue.front().after;
    return std::all_of(after.begin(), after.end(), [](const MarkerPointer& marker) { return marker->done; });
}

bool Scheduler::run_any()
{
    std::vector<std::shared_ptr<Stream>> candidates;
    for (const auto& stream : streams_)
        if (ready(*stream))
            candidates.push_back(stream);
    if (!candidates.empty())
        run_head(*candidates[random() % candidates.size()]);
    return !candidates.empty();
}

void Scheduler::progress()
{
    // Often nothing: the calls of a host that does not wait come faster than a device works.
    if (mode_ == StreamMode::Random && random() % 2 == 0)
        for (uint64_t steps = random() % 4; steps > 0 && run_any(); --steps) {
        }
}

Outcome Scheduler::execute(const Item& item)
{
    const Operation& operation = *item.operation;
    std::string sentence;
    if (!memory_.alive(operation.uses, sentence))
        return Outcome{CUDA_ERROR_ILLEGAL_ADDRESS, sentence};
    if (operation.frees != 0)
        for (const auto& stream : streams_)
            for (const Item& other : stream->queue)
                if (other.sequence < item.sequence)
                    for (const Use& use : other.operation->uses)
                        if (use.allocation == operation.frees)
                            return Outcome{CUDA_ERROR_ILLEGAL_ADDRESS,
                                           text("allocation %llu is freed while %s, submitted earlier on another stream, still uses it",
                                                static_cast<unsigned long long>(use.allocation), other.operation->name.c_str())};
    return operation.run ? operation.run() : Outcome{};
}

void Scheduler::run_head(Stream& stream)
{
    const Item item = std::move(stream.queue.front());
    stream.queue.pop_front();
    if (item.context->poison == CUDA_SUCCESS) {
        const Outcome outcome = execute(item);
        if (outcome.status != CUDA_SUCCESS) {
            item.context->poison = outcome.status;
            faults_.report(item.operation->name + ": " + outcome.sentence, !outcome.ordered);
        }
    }
    item.marker->milliseconds = now_milliseconds();
    item.marker->done = true;
    if (stream.destroyed && stream.queue.empty())
        forget_finished();
}

void Scheduler::forget_finished()
{
    streams_.erase(std::remove_if(streams_.begin(), streams_.end(),
                                  [](const std::shared_ptr<Stream>& stream) { return stream->destroyed && stream->queue.empty(); }),
                   streams_.end());
}

size_t Scheduler::queued() const
{
    size_t count = 0;
    for (const auto& stream : streams_)
        count += stream->queue.size();
    return count;
}

void Scheduler::clear()
{
    streams_.clear();
}

} // namespace emulator
