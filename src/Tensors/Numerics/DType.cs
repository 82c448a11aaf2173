namespace MergeEngine.Tensors.Numerics;

/// <summary>
/// Every element type of the safetensors format, in the order of the reference crate's enumeration: alignment never decreases, and the
/// writer sorts by this order descending so that its files have the same bytes as the crate's.
/// </summary>
public enum DType : byte
{
    /// <summary>One byte, 0 or 1.</summary>
    Bool,

    /// <summary>OCP MX 4-bit float, two elements a byte.</summary>
    F4,

    /// <summary>OCP MX 6-bit float with two exponent bits.</summary>
    F6E2M3,

    /// <summary>OCP MX 6-bit float with three exponent bits.</summary>
    F6E3M2,
    U8,
    I8,

    /// <summary>OCP 8-bit float with five exponent bits.</summary>
    F8E5M2,

    /// <summary>OCP 8-bit float with four exponent bits, no infinities.</summary>
    F8E4M3,

    /// <summary>OCP MX scale: a power of two.</summary>
    F8E8M0,
    F8E4M3Fnuz,
    F8E5M2Fnuz,
    I16,
    U16,

    /// <summary>IEEE 754 binary16.</summary>
    F16,

    /// <summary>The upper half of binary32.</summary>
    BF16,
    I32,
    U32,

    /// <summary>IEEE 754 binary32.</summary>
    F32,

    /// <summary>Two binary32 values, real and imaginary.</summary>
    C64,

    /// <summary>IEEE 754 binary64.</summary>
    F64,
    I64,
    U64,
}
