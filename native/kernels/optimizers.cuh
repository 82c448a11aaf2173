// Steps of AdamW, Adam and SGD over flat vectors, element by element in the order of the CPU device (Cpu/Optimizers), rounding for
// rounding: the same bits. 256 threads, 4096 elements a block in four 16-byte packets a thread.
//
// Adam reads 16 and writes 12 bytes an element, SGD with momentum 12 and 8. Adam costs about 45 instructions an element with its IEEE
// division and root, a quarter of what a multiprocessor has at its share of the bandwidth, and has 2048 * 64 bytes of loads in flight
// on it. The clip factor (one float64 root and one division) is worked out by each thread for its 16 elements, which costs less than a
// launch or a barrier. So both should keep a copy's rate.
#pragma once
#include "platform.cuh"

constexpr int OPTIMIZER_THREADS = 256;
constexpr int OPTIMIZER_PACKETS = 4;

// Clipping by the global norm: min(1, max_norm / (sqrt(squared_norm) + 1e-6)), NaN if the norm is.
struct Clip
{
    const double* squared_norm; // null: no clipping
    double max_norm;

    DEVICE float factor() const
    {
        if (squared_norm == nullptr) return 1.0f;
        const double share = divide(max_norm, square_root(*squared_norm) + 1e-6);
        return (float)(share >= 1.0 ? 1.0 : share);
    }
};

struct AdamArguments
{
    float* parameters;
    const float* gradients;
    float* first;           // moments
    float* second;
    Clip clip;
    int64_t length;
    float gain1, gain2;     // 1 - beta
    float rate;             // learning rate / (1 - beta1^step)
    float root_scale;       // 1 / sqrt(1 - beta2^step)
    float epsilon;
    float coupled;          // weight decay of Adam, 0 for AdamW
    float decoupled;        // learning rate * weight decay of AdamW, 0 for Adam
    int32_t aligned;        // all vectors are aligned to 16 bytes
};

DEVICE void adam(const AdamArguments& with, float clip, float& p, float gradient, float& m, float& v)
{
    const float g = fused(with.coupled, p, gradient * clip);
    m = fused(with.gain1, g - m, m);
    v = fused(with.gain2, g * g - v, v);
    const float root = fused(square_root(v), with.root_scale, with.epsilon);
    p -= fused(with.decoupled, p, divide(m * with.rate, root));
}

KERNEL(adam_step, OPTIMIZER_THREADS, AdamArguments)
{
    float* const parameters = arguments.parameters;
    float* const first = arguments.first;
    float* const second = arguments.second;
    const float clip = arguments.clip.factor();
    for (int packet = 0; packet < OPTIMIZER_PACKETS; packet++)
    {
        const int64_t i = (((int64_t)blockIdx.x * OPTIMIZER_PACKETS + packet) * OPTIMIZER_THREADS + threadIdx.x) * 4;
        if (arguments.aligned && i + 4 <= arguments.length)
        {
            Vector4 p = load4(parameters + i), m = load4(first + i), v = load4(second + i);
            const Vector4 g = load4(arguments.gradients + i);
            adam(arguments, clip, p.x, g.x, m.x, v.x);
            adam(arguments, clip, p.y, g.y, m.y, v.y);
            adam(arguments, clip, p.z, g.z, m.z, v.z);
            adam(arguments, clip, p.w, g.w, m.w, v.w);
            store4(parameters + i, p);
            store4(first + i, m);
            store4(second + i, v);
        }
        else
        {
            for (int64_t j = i; j < i + 4 && j < arguments.length; j++)
                adam(arguments, clip, parameters[j], arguments.gradients[j], first[j], second[j]);
        }
    }
}

struct SgdArguments
{
    float* parameters;
    const float* gradients;
    float* momentum;        // null: none
    Clip clip;
    int64_t length;
    float decay;            // weight decay
    float rate;             // -learning rate
    float keep;             // momentum
    int32_t nesterov;
    int32_t is_first;       // step 1 sets the momentum to the gradient
    int32_t aligned;        // all vectors are aligned to 16 bytes
};

DEVICE void sgd(const SgdArguments& with, float clip, float& p, float gradient, float& velocity)
{
    float g = fused(with.decay, p, gradient * clip);
    if (with.momentum != nullptr)
    {
        velocity = with.is_first ? g : fused(with.keep, velocity, g);
        g = with.nesterov ? fused(with.keep, velocity, g) : velocity;
    }

    p = fused(with.rate, g, p);
}

KERNEL(sgd_step, OPTIMIZER_THREADS, SgdArguments)
{
    float* const parameters = arguments.parameters;
    float* const momentum = arguments.momentum;
    const float clip = arguments.clip.factor();
    for (int packet = 0; packet < OPTIMIZER_PACKETS; packet++)
    {
        const int64_t i = (((int64_t)blockIdx.x * OPTIMIZER_PACKETS + packet) * OPTIMIZER_THREADS + threadIdx.x) * 4;
        if (arguments.aligned && i + 4 <= arguments.length)
        {
            Vector4 p = load4(parameters + i), b = { 0, 0, 0, 0 };
            const Vector4 g = load4(arguments.gradients + i);
            if (momentum != nullptr && !arguments.is_first) b = load4(momentum + i);
            sgd(arguments, clip, p.x, g.x, b.x);
            sgd(arguments, clip, p.y, g.y, b.y);
            sgd(arguments, clip, p.z, g.z, b.z);
            sgd(arguments, clip, p.w, g.w, b.w);
            if (momentum != nullptr) store4(momentum + i, b);
            store4(parameters + i, p);
        }
        else
        {
            for (int64_t j = i; j < i + 4 && j < arguments.length; j++)
            {
                float b = momentum != nullptr && !arguments.is_first ? momentum[j] : 0.0f;
                sgd(arguments, clip, parameters[j], arguments.gradients[j], b);
                if (momentum != nullptr) momentum[j] = b;
            }
        }
    }
}
