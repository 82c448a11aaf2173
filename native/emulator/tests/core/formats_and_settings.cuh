// Number formats against the processor's own conversions, and what the environment says.
#pragma once
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "check.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

// Bit patterns of all kinds: every exponent, with the fractions at which rounding changes.
template <class Body> void for_patterns(Body body)
{
    const uint32_t fractions[] = { 0, 1, 0xfff, 0x1000, 0x1001, 0x1fff, 0x2000, 0x3000, 0x7fff, 0x8000, 0x8001, 0xffff, 0x10000, 0x18000,
        0x3fffff, 0x400000, 0x400001, 0x7fdfff, 0x7fe000, 0x7fefff, 0x7ff000, 0x7ff001, 0x7f7fff, 0x7f8000, 0x7fffff };
    for (uint32_t upper = 0; upper < 512; upper++) {
        for (const uint32_t fraction : fractions) body(upper << 23 | fraction);
        for (uint32_t i = 0; i < 500; i++) body(upper << 23 | ((i * 2654435761u) >> 9));
    }
}

#if defined(__x86_64__)
__attribute__((target("f16c"))) uint16_t processor_float_to_half(float value)
{
    return static_cast<uint16_t>(_mm_extract_epi16(_mm_cvtps_ph(_mm_set_ss(value), 0), 0));
}

__attribute__((target("f16c"))) float processor_half_to_float(uint16_t bits)
{
    return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(bits)));
}
#endif

std::string settings_with(const char* schedule, const char* threads)
{
    char self[4096];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    CHECK(length > 0);
    self[length] = 0;
    const std::string command = "MERGE_ENGINE_EMULATOR_SCHEDULE='" + std::string(schedule) + "' MERGE_ENGINE_EMULATOR_THREADS='" + threads + "' '" +
        self + "' --settings";
    FILE* const pipe = popen(command.c_str(), "r");
    CHECK(pipe != nullptr);
    char line[512] = {};
    const bool read = fgets(line, sizeof line, pipe) != nullptr;
    CHECK(pclose(pipe) == 0 && read);
    line[strcspn(line, "\n")] = 0;
    return line;
}

} // namespace

TEST(half_conversions_have_the_bits_of_the_processors_own)
{
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2")) check::skip("this processor has no AVX2, which F16C comes with");
    for_patterns([](uint32_t bits) {
        CHECK(float_to_half(bits_float(bits)) == processor_float_to_half(bits_float(bits)));
    });
    for (uint32_t bits = 0; bits < 65536; bits++)
        CHECK(float_bits(half_to_float(static_cast<uint16_t>(bits))) == float_bits(processor_half_to_float(static_cast<uint16_t>(bits))));
#else
    check::skip("compared on x86-64 only");
#endif
}

TEST(bfloat16_and_tf32_take_the_nearest_number)
{
    for_patterns([](uint32_t bits) {
        if ((bits & 0x7fffffff) > 0x7f800000) {
            CHECK(float_to_bf16(bits_float(bits)) == (bits >> 16 | 0x40));
            CHECK(to_tf32(bits_float(bits)) == 0x7fffffff);
            return;
        }
        // Of the neighbours below and above in magnitude the nearer; a tie goes to the even one, or away from zero for TF32.
        const uint32_t rest16 = bits & 0xffff, rest13 = bits & 0x1fff;
        const bool up16 = rest16 > 0x8000 || (rest16 == 0x8000 && (bits >> 16 & 1) == 1);
        CHECK(float_to_bf16(bits_float(bits)) == (bits >> 16) + up16);
        CHECK(to_tf32(bits_float(bits)) == (bits & ~0x1fffu) + (rest13 >= 0x1000 ? 0x2000 : 0));
    });
    CHECK(pack_bf16(1.0f, -2.0f) == 0xc0003f80 && low_bf16(0xc0003f80) == 1.0f && high_bf16(0xc0003f80) == -2.0f);
}

TEST(bit_functions_do_what_their_names_say)
{
    CHECK(leading_zeros(0u) == 32 && leading_zeros(1u) == 31 && leading_zeros(uint64_t{ 0 }) == 64 && leading_zeros(uint64_t{ 1 } << 40) == 23);
    CHECK(population(0xf0f0u) == 8 && population(~uint64_t{ 0 }) == 64);
    CHECK(multiply_high(0x80000000u, 6) == 3 && multiply_high(~0u, ~0u) == 0xfffffffeu);
    CHECK(fused(0x1.000002p0f, 0x1.000002p0f, -0x1.000004p0f) == 0x1p-46f);
    CHECK(fused(0x1.0000000000001p0, 0x1.0000000000001p0, -0x1.0000000000002p0) == 0x1p-104);
    for_patterns([](uint32_t bits) {
        const float a = bits_float(bits), b = bits_float(bits * 2654435761u), c = bits_float(bits ^ 0x83000001u);
        const double u = a * 1.0000001, v = b * 1.0000002, w = c;
        const float narrow = __builtin_fmaf(a, b, c);
        const double wide = __builtin_fma(u, v, w);
        CHECK(narrow != narrow ? fused(a, b, c) != fused(a, b, c) : float_bits(fused(a, b, c)) == float_bits(narrow));
        CHECK(wide != wide ? fused(u, v, w) != fused(u, v, w) : double_bits(fused(u, v, w)) == double_bits(wide));
    });
    CHECK(divide(1.0f, 3.0f) == 0x1.555556p-2f && square_root(2.0f) == 0x1.6a09e6p0f);
}

TEST(the_environment_sets_schedule_and_threads)
{
    CHECK(settings_with("reverse", "3") == "1 0 3");
    CHECK(settings_with("random:987654321", "1") == "2 987654321 1");
    CHECK(settings_with("forward", "7") == "0 0 7");
    CHECK_TEXT(settings_with("backward", "1"), "MERGE_ENGINE_EMULATOR_SCHEDULE is 'backward'; it must be forward, reverse or random:SEED.");
    CHECK_TEXT(settings_with("random:", "1"), "MERGE_ENGINE_EMULATOR_SCHEDULE is 'random:'");
    CHECK_TEXT(settings_with("random:7x", "1"), "MERGE_ENGINE_EMULATOR_SCHEDULE is 'random:7x'");
    CHECK_TEXT(settings_with("random:-1", "1"), "MERGE_ENGINE_EMULATOR_SCHEDULE is 'random:-1'");
    CHECK_TEXT(settings_with("", "none"), "MERGE_ENGINE_EMULATOR_THREADS is 'none'; it must be a number from 1 to 1024.");
    CHECK_TEXT(settings_with("", "0"), "MERGE_ENGINE_EMULATOR_THREADS is '0'");
}
