namespace MergeEngine.Tensors.Cpu.VectorMath;

/// <summary>
/// What flat-vector kernels need beside <see cref="ISimd{V}"/>: float64 lanes <typeparamref name="D"/> of the same register width, exact
/// fused multiply-add, and byte masks. One <typeparamref name="V"/> widens to two <typeparamref name="D"/>.
/// </summary>
/// <remarks>
/// All of these are exact or correctly rounded, so a kernel made of them gives the same bits at every width. Comparisons are false where
/// an operand is NaN and give all-ones or all-zeros lanes.
/// </remarks>
internal unsafe interface ISimdDouble<V, D>
    where V : struct
    where D : struct
{
    /// <summary>a·b + c, rounded once, also where the hardware has no such instruction.</summary>
    static abstract V FusedMultiplyAdd(V a, V b, V c);

    /// <summary>Number of lanes that are set in a comparison's result.</summary>
    static abstract int CountMask(V mask);

    /// <summary>Bit i is lane i of a comparison's result.</summary>
    static abstract uint Bits(V mask);

    /// <summary>Count BF16 numbers, widened; reads nothing beyond them.</summary>
    static abstract V LoadBFloat16(ushort* source);

    /// <summary>Count F16 numbers, widened; reads nothing beyond them.</summary>
    static abstract V LoadFloat16(ushort* source);

    /// <summary>Lane i is set where byte i is not 0; reads exactly Count bytes.</summary>
    static abstract V LoadMask(byte* source);

    /// <summary>Byte i ← 1 where lane i is set, else 0; writes exactly Count bytes.</summary>
    static abstract void StoreMask(byte* target, V mask);

    static abstract D CreateDouble(double value);

    static abstract D LoadDouble(double* source);

    static abstract void StoreDouble(double* target, D value);

    /// <summary>The first half of the lanes in float64.</summary>
    static abstract D WidenLower(V a);

    /// <summary>The second half of the lanes in float64.</summary>
    static abstract D WidenUpper(V a);

    /// <summary>Rounds to float32, nearest even.</summary>
    static abstract V Narrow(D lower, D upper);

    /// <summary>The same for the results of comparisons.</summary>
    static abstract V NarrowMask(D lower, D upper);

    static abstract D Add(D a, D b);

    static abstract D Subtract(D a, D b);

    static abstract D Multiply(D a, D b);

    /// <summary>a·b + c, rounded once, also where the hardware has no such instruction.</summary>
    static abstract D FusedMultiplyAdd(D a, D b, D c);

    static abstract D Divide(D a, D b);

    static abstract D Abs(D a);

    static abstract D LessThan(D a, D b);

    static abstract D LessThanOrEqual(D a, D b);

    static abstract D Equal(D a, D b);

    static abstract D And(D a, D b);

    static abstract D Or(D a, D b);

    static abstract D Xor(D a, D b);

    static abstract D Select(D mask, D whenTrue, D whenFalse);

    /// <summary>2ⁿ for whole numbers n of −1022 … 1023; anything for others.</summary>
    static abstract D PowerOfTwo(D n);

    /// <summary>m and n of x = m·2ⁿ with √½ ≤ m &lt; √2, for positive normal numbers; anything for others.</summary>
    static abstract D Split(D x, out D n);

    static abstract int CountMask(D mask);

    static abstract uint Bits(D mask);
}
