using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// Masks of a byte an element, 0 or 1, kept in a bit each: an eighth of the memory, of which fresh pages and the way there and back cost more than these few instructions for eight elements.
/// </summary>
internal static class MaskBits
{
    private const ulong EachByte = 0x0101_0101_0101_0101, OneBitEach = 0x8040_2010_0804_0201, AllButTop = 0x7F7F_7F7F_7F7F_7F7F, Gather = 0x0102_0408_1020_4080;

    /// <summary>Bytes that so many bits take.</summary>
    public static long Bytes(long elements) => (elements + 7) / 8;

    /// <summary>Writes a piece of a mask and leaves the bits around it as they are.</summary>
    /// <param name="mask">Zeros and ones.</param>
    /// <param name="bits">Element i at bit i mod 8 of byte i/8.</param>
    /// <param name="first">Where the piece begins, an element's number.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack(ReadOnlySpan<byte> mask, Span<byte> bits, long first)
    {
        int i = 0;
        for (; i < mask.Length && ((first + i) & 7) != 0; i++) Set(bits, first + i, mask[i]);
        ReadOnlySpan<ulong> eights = MemoryMarshal.Cast<byte, ulong>(mask[i..]);
        Span<byte> packed = bits.Slice((int)((first + i) >> 3), eights.Length);
        i += 8 * eights.Length;
        int k = 0;
        for (; k <= eights.Length - 8; k += 8)
        {
            ulong set = Vector512.Equals(Vector512.Create(eights.Slice(k, 8)).AsByte(), Vector512<byte>.One).ExtractMostSignificantBits();
            BinaryPrimitives.WriteUInt64LittleEndian(packed[k..], set);
        }

        // The product has bit 0 of byte k at bit 56 + k.
        for (; k < eights.Length; k++) packed[k] = (byte)((LittleEndian(eights[k]) * Gather) >> 56);
        for (; i < mask.Length; i++) Set(bits, first + i, mask[i]);
    }

    /// <summary>Reads a piece again.</summary>
    /// <inheritdoc cref="Pack"/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(ReadOnlySpan<byte> bits, Span<byte> mask, long first)
    {
        int i = 0;
        for (; i < mask.Length && ((first + i) & 7) != 0; i++) mask[i] = Get(bits, first + i);
        Span<ulong> eights = MemoryMarshal.Cast<byte, ulong>(mask[i..]);
        ReadOnlySpan<byte> packed = bits.Slice((int)((first + i) >> 3), eights.Length);
        i += 8 * eights.Length;
        int k = 0;
        if (Avx512BW.IsSupported)
        {
            // Every byte of bits goes to the eight bytes of its elements; within 16 bytes, each of which has all eight of them.
            Vector512<byte> places = Vector512.Create((ulong)0, EachByte, 2 * EachByte, 3 * EachByte, 4 * EachByte, 5 * EachByte, 6 * EachByte, 7 * EachByte).AsByte();
            Vector512<byte> bit = Vector512.Create(OneBitEach).AsByte();
            for (; k <= eights.Length - 8; k += 8)
            {
                Vector512<byte> spread = Avx512BW.Shuffle(Vector512.Create(BinaryPrimitives.ReadUInt64LittleEndian(packed[k..])).AsByte(), places) & bit;
                (Vector512.Equals(spread, bit) & Vector512<byte>.One).AsUInt64().CopyTo(eights[k..]);
            }
        }

        // Byte k of the product keeps bit k alone; adding makes that the top bit.
        for (; k < eights.Length; k++) eights[k] = LittleEndian(((((packed[k] * EachByte) & OneBitEach) + AllButTop) >> 7) & EachByte);
        for (; i < mask.Length; i++) mask[i] = Get(bits, first + i);
    }

    /// <summary>Byte 0 is the lowest.</summary>
    private static ulong LittleEndian(ulong bytes) => BitConverter.IsLittleEndian ? bytes : BinaryPrimitives.ReverseEndianness(bytes);

    private static byte Get(ReadOnlySpan<byte> bits, long element) => (byte)((bits[(int)(element >> 3)] >> (int)(element & 7)) & 1);

    private static void Set(Span<byte> bits, long element, byte value)
    {
        int bit = (int)(element & 7);
        ref byte own = ref bits[(int)(element >> 3)];
        own = (byte)((own & ~(1 << bit)) | (value << bit));
    }
}
