// The kernels' elementary functions against float64, in units in the last place of the float32 result. By default at every 4801st bit
// pattern (a prime, so that all exponents and signs meet all kinds of fractions); MERGE_ENGINE_MATH_STEP=1 takes every float32 number, some
// minutes with -O3 -mfma on four cores. With MERGE_ENGINE_MATH_STEP set, the largest errors found are printed.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <algorithm>
#include <thread>
#include "../../kernels/gelu.cuh"
#include "core/check.h"
#include "core/program.cuh"

namespace {

struct Worst { double error = 0; uint32_t bits = 0; };

uint64_t step()
{
    const char* const text = getenv("MERGE_ENGINE_MATH_STEP");
    const long long value = text == nullptr ? 4801 : atoll(text);
    return value < 1 ? 1 : static_cast<uint64_t>(value);
}

// The distance between the float32 numbers beside a result; of the smallest numbers, that of the subnormal ones.
double unit(double expected)
{
    const float rounded = fabsf(static_cast<float>(expected));
    return static_cast<double>(nextafterf(rounded, INFINITY)) - rounded;
}

// The largest of error(x) over the chosen float32 numbers, NaN and infinities left out.
template <class Error> Worst worst_of(Error error)
{
    constexpr int parts = 4;
    Worst worst[parts];
    std::thread threads[parts];
    for (int part = 0; part < parts; part++)
        threads[part] = std::thread([&, part] {
            const uint64_t by = step();
            for (uint64_t bits = static_cast<uint64_t>(part) * by; bits <= UINT32_MAX; bits += parts * by) {
                const float x = bits_float(static_cast<uint32_t>(bits));
                if (!isfinite(x)) continue;
                const double found = error(x);
                if (!(found <= worst[part].error)) worst[part] = { found, static_cast<uint32_t>(bits) };
            }
        });
    for (std::thread& thread : threads) thread.join();
    return *std::max_element(worst, worst + parts, [](const Worst& a, const Worst& b) { return a.error < b.error; });
}

void within(const char* name, double bound, const Worst& worst)
{
    if (getenv("MERGE_ENGINE_MATH_STEP") != nullptr) printf("%-32s %.3g at %.9g\n", name, worst.error, static_cast<double>(bits_float(worst.bits)));
    if (worst.error <= bound) return;
    check::fail(std::string(name) + " is off by " + std::to_string(worst.error) + " at " + std::to_string(bits_float(worst.bits)), __FILE__, __LINE__);
}

// In units in the last place. Results that must be infinite are, and no others.
template <class Function, class Reference> Worst units(Function function, Reference reference)
{
    return worst_of([=](float x) {
        const double expected = reference(static_cast<double>(x));
        const float found = function(x);
        if (isinf(static_cast<float>(expected)) || isnan(expected)) return found == static_cast<float>(expected) || (isnan(found) && isnan(expected)) ? 0.0 : INFINITY;
        return fabs(found - expected) / unit(expected);
    });
}

// As a part of max(1, |x|).
template <class Function, class Reference> Worst relative(Function function, Reference reference)
{
    return worst_of([=](float x) { return fabs(function(x) - reference(static_cast<double>(x))) / fmax(1.0, fabs(static_cast<double>(x))); });
}

double reference_sigmoid(double x) { return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)); }

double reference_normal(double x) { return 0.5 * erfc(-x / sqrt(2.0)); }

double reference_tanh_argument(double x) { return 2 * sqrt(2 / M_PI) * (x + 0.044715 * x * x * x); }

} // namespace

TEST(exponential_is_within_1_1_units_in_the_last_place)
{
    within("exponential", 1.1, units([](float x) { return exponential(x); }, [](double x) { return exp(x); }));
}

TEST(logarithm_is_within_0_9_units_in_the_last_place)
{
    within("logarithm", 0.9, units([](float x) { return logarithm(x); }, [](double x) { return log(x); }));
}

TEST(hyperbolic_tangent_is_within_1_4_units_in_the_last_place)
{
    within("hyperbolic_tangent", 1.4, units([](float x) { return hyperbolic_tangent(x); }, [](double x) { return tanh(x); }));
}

TEST(error_function_is_within_1_2_units_in_the_last_place)
{
    within("error_function", 1.2, units([](float x) { return error_function(x); }, [](double x) { return erf(x); }));
}

TEST(sigmoid_is_within_two_and_a_half_units_in_the_last_place)
{
    within("sigmoid", 2.5, units([](float x) { return sigmoid(x); }, reference_sigmoid));
}

TEST(logarithm_in_float64_is_within_two_units_in_the_last_place)
{
    within("logarithm of float64", 2.0, worst_of([](float x) {
        if (!(x > 0)) return 0.0;
        const double y = x * (1 + x * 1e-17) * 1.2345678901234567;   // numbers that use all bits
        const long double expected = logl(static_cast<long double>(y));
        const double rounded = fabs(static_cast<double>(expected));
        return static_cast<double>(fabsl(logarithm(y) - expected)) / (nextafter(rounded, INFINITY) - rounded);
    }));
    within("logarithm of one plus", 4e-16, worst_of([](float x) {
        if (!(x > 0)) return 0.0;
        const long double expected = log1pl(static_cast<long double>(x));
        return static_cast<double>(fabsl(logarithm_of_one_plus(static_cast<double>(x)) - expected) / expected);
    }));
}

TEST(functions_keep_their_limits)
{
    const float infinity = INFINITY, nan = NAN;
    CHECK(exponential(infinity) == infinity && exponential(-infinity) == 0 && isnan(exponential(nan)) && exponential(-0.0f) == 1);
    CHECK(logarithm(infinity) == infinity && logarithm(0.0f) == -infinity && logarithm(-0.0f) == -infinity && isnan(logarithm(-1.0f)) && isnan(logarithm(nan)) && logarithm(1.0f) == 0);
    CHECK(logarithm(static_cast<double>(infinity)) == infinity && logarithm(0.0) == -infinity && isnan(logarithm(-1.0)) && logarithm(1.0) == 0);
    CHECK(hyperbolic_tangent(infinity) == 1 && hyperbolic_tangent(-infinity) == -1 && isnan(hyperbolic_tangent(nan)) && hyperbolic_tangent(-0.0f) == 0);
    CHECK(error_function(infinity) == 1 && error_function(-infinity) == -1 && isnan(error_function(nan)) && signbit(error_function(-0.0f)));
    CHECK(sigmoid(infinity) == 1 && sigmoid(-infinity) == 0 && isnan(sigmoid(nan)) && sigmoid(0.0f) == 0.5f);
    float (*const values[])(float) = { gelu_erf, gelu_tanh, gelu_quick };
    for (auto value : values) CHECK(value(infinity) == infinity && value(-infinity) == 0 && isnan(value(nan)) && value(0.0f) == 0);
    float (*const slopes[])(float) = { gelu_erf_derivative, gelu_tanh_derivative, gelu_quick_derivative };
    for (auto slope : slopes) CHECK(slope(infinity) == 1 && slope(-infinity) == 0 && isnan(slope(nan)) && slope(0.0f) == 0.5f);
}

TEST(activations_and_derivatives_are_exact_to_float32)
{
    // Three roundings of a number up to 1 (half a unit is 6e-8 each), times x.
    constexpr double bound = 2e-7;
    within("gelu_erf", bound, relative(gelu_erf, [](double x) { return x * reference_normal(x); }));
    within("gelu_erf_derivative", bound, relative(gelu_erf_derivative, [](double x) {
        const double density = exp(-0.5 * x * x) / sqrt(2 * M_PI);
        return reference_normal(x) + (density == 0 ? 0 : x * density);
    }));
    within("gelu_tanh", bound, relative(gelu_tanh, [](double x) { return x * reference_sigmoid(reference_tanh_argument(x)); }));
    within("gelu_tanh_derivative", bound, relative(gelu_tanh_derivative, [](double x) {
        const double s = reference_sigmoid(reference_tanh_argument(x)), rest = reference_sigmoid(-reference_tanh_argument(x));
        return s + (s * rest == 0 ? 0 : 2 * x * s * rest * sqrt(2 / M_PI) * (1 + 3 * 0.044715 * x * x));
    }));
    within("gelu_quick", bound, relative(gelu_quick, [](double x) { return x * reference_sigmoid(1.702 * x); }));
    within("gelu_quick_derivative", bound, relative(gelu_quick_derivative, [](double x) {
        const double s = reference_sigmoid(1.702 * x), rest = reference_sigmoid(-1.702 * x);
        return s + (s * rest == 0 ? 0 : 1.702 * x * s * rest);
    }));
    within("hyperbolic_tangent_derivative", bound, relative(hyperbolic_tangent_derivative, [](double x) { return 1 - tanh(x) * tanh(x); }));
}
