using System.Text;

namespace MergeEngine.Tensors.Numerics;

/// <summary>What is known about each <see cref="DType"/>: its name in a file, its width, and whether the engine computes with it.</summary>
public static class DTypes
{
    private static readonly (string Name, int Bits)[] s_table =
    [
        ("BOOL", 8), ("F4", 4), ("F6_E2M3", 6), ("F6_E3M2", 6), ("U8", 8), ("I8", 8), ("F8_E5M2", 8), ("F8_E4M3", 8), ("F8_E8M0", 8),
        ("F8_E4M3FNUZ", 8), ("F8_E5M2FNUZ", 8), ("I16", 16), ("U16", 16), ("F16", 16), ("BF16", 16), ("I32", 32), ("U32", 32), ("F32", 32),
        ("C64", 64), ("F64", 64), ("I64", 64), ("U64", 64),
    ];

    /// <summary>Every dtype in the order of the enumeration.</summary>
    public static IReadOnlyList<DType> All { get; } = Enum.GetValues<DType>();

    /// <summary>The name that a safetensors header uses, such as <c>BF16</c> or <c>F8_E4M3</c>.</summary>
    public static string Name(this DType dtype) => s_table[(int)dtype].Name;

    /// <summary>The width of one element in bits; 4 and 6 for the packed types.</summary>
    public static int Bits(this DType dtype) => s_table[(int)dtype].Bits;

    /// <summary>The alignment in bytes that an element wants; 1 for the packed types.</summary>
    public static int Alignment(this DType dtype) => Math.Max(1, s_table[(int)dtype].Bits / 8);

    /// <summary>True for real floating-point types of any width (C64 is not one).</summary>
    public static bool IsFloatingPoint(this DType dtype) => dtype
        is DType.F4 or DType.F6E2M3 or DType.F6E3M2
        or DType.F8E5M2 or DType.F8E4M3 or DType.F8E8M0 or DType.F8E4M3Fnuz or DType.F8E5M2Fnuz
        or DType.F16 or DType.BF16 or DType.F32 or DType.F64;

    /// <summary>True for signed and unsigned integers; BOOL is not one.</summary>
    public static bool IsInteger(this DType dtype) => dtype
        is DType.U8 or DType.I8 or DType.I16 or DType.U16 or DType.I32 or DType.U32 or DType.I64 or DType.U64;

    /// <summary>True for the types the engine computes with: F32, F16, BF16 and F64. Others can be listed and copied.</summary>
    public static bool IsArithmetic(this DType dtype) => dtype is DType.F16 or DType.BF16 or DType.F32 or DType.F64;

    /// <summary>The number of bytes of <paramref name="elements"/> elements.</summary>
    /// <exception cref="OverflowException">The size does not fit a signed 64-bit number.</exception>
    /// <exception cref="ArgumentException">A packed type whose elements do not fill whole bytes.</exception>
    public static long ByteCount(this DType dtype, long elements)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(elements);
        UInt128 bits = (UInt128)(ulong)elements * (uint)dtype.Bits();
        if (bits % 8 != 0)
            throw new ArgumentException($"{elements} elements of {dtype.Name()} take {bits} bits, expected a whole number of bytes.", nameof(elements));
        return checked((long)(bits / 8));
    }

    /// <summary>As <see cref="TryParse(string, out DType)"/>, from UTF-8.</summary>
    public static bool TryParse(ReadOnlySpan<byte> name, out DType dtype)
    {
        for (int i = 0; i < s_table.Length; i++)
        {
            if (!Ascii.Equals(name, s_table[i].Name)) continue;
            dtype = (DType)i;
            return true;
        }

        dtype = default;
        return false;
    }

    /// <summary>Finds a dtype by the exact name that a header uses; lower case is not accepted.</summary>
    public static bool TryParse(string name, out DType dtype)
    {
        for (int i = 0; i < s_table.Length; i++)
        {
            if (!string.Equals(s_table[i].Name, name, StringComparison.Ordinal)) continue;
            dtype = (DType)i;
            return true;
        }

        dtype = default;
        return false;
    }
}
