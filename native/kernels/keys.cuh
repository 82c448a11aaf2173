// Non-negative IEEE numbers as integers, in the order of the numbers: what radix selection works on. Sixteen bytes of them at a time.
#pragma once
#include "platform.cuh"

// |x| of a float32: 31 bits.
struct MagnitudeKeys
{
    typedef float Number;
    typedef uint32_t Bits;
    static constexpr int PER_PACKET = 4;
    static DEVICE Bits bits(float x) { return float_bits(x) & 0x7FFFFFFF; }
    static DEVICE bool counts(float, Bits bits) { return bits <= 0x7F800000; }
    static DEVICE bool equal(float x, float wanted) { return bits_float(bits(x)) == wanted; }
    static DEVICE void unpack(const Packet& p, float (&x)[4])
    {
        x[0] = bits_float(p.x);
        x[1] = bits_float(p.y);
        x[2] = bits_float(p.z);
        x[3] = bits_float(p.w);
    }
};

// A float64 that is not negative: 63 bits; -0 counts as 0.
struct DoubleKeys
{
    typedef double Number;
    typedef uint64_t Bits;
    static constexpr int PER_PACKET = 2;
    static DEVICE Bits bits(double x) { return double_bits(x) & 0x7FFFFFFFFFFFFFFF; }
    static DEVICE bool counts(double x, Bits) { return x >= 0; }
    static DEVICE bool equal(double x, double wanted) { return x == wanted; }
    static DEVICE void unpack(const Packet& p, double (&x)[2])
    {
        x[0] = bits_double(p.x | (uint64_t)p.y << 32);
        x[1] = bits_double(p.z | (uint64_t)p.w << 32);
    }
};

// Up to a packet of numbers from place i on (i < length); gives how many there are.
template <class Keys> DEVICE int load_keys(const typename Keys::Number* values, int64_t i, int64_t length, bool aligned, typename Keys::Number (&x)[Keys::PER_PACKET])
{
    if (aligned && i + Keys::PER_PACKET <= length)
    {
        Keys::unpack(load16(values + i), x);
        return Keys::PER_PACKET;
    }

    const int count = length - i < Keys::PER_PACKET ? (int)(length - i) : Keys::PER_PACKET;
#pragma unroll
    for (int j = 0; j < Keys::PER_PACKET; j++) x[j] = j < count ? values[i + j] : 0;
    return count;
}
