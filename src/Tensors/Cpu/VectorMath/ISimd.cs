namespace MergeEngine.Tensors.Cpu.VectorMath;

/// <summary>
/// The vector instructions that kernels are written against, so that one source serves every width. A kernel is generic over an empty struct
/// that implements this interface and over the vector type, <c>Kernel&lt;S, V&gt; where S : struct, ISimd&lt;V&gt; where V : struct</c>; the compiler
/// makes one body per width with every call inlined. Implementations: <see cref="Simd128"/>, <see cref="Simd256"/>, <see cref="Simd512"/>.
/// </summary>
/// <remarks>
/// Pointers need no alignment. Comparisons give all-ones or all-zeros lanes for <see cref="Select"/> and <see cref="And"/>. Where an operation
/// has to choose an order of summation it is fixed.
/// </remarks>
internal unsafe interface ISimd<V>
    where V : struct
{
    /// <summary>float32 lanes in one vector.</summary>
    static abstract int Count { get; }

    static abstract V Zero { get; }

    /// <summary>The same value in every lane.</summary>
    static abstract V Create(float value);

    static abstract V Load(float* source);

    /// <summary>Count pairs of BF16 numbers, a pair in 32 bits: the number in each pair's lower half, widened.</summary>
    static abstract V LoadLowBFloat16(float* pairs);

    /// <summary>Count pairs of BF16 numbers, a pair in 32 bits: the number in each pair's upper half, widened.</summary>
    static abstract V LoadHighBFloat16(float* pairs);

    static abstract void Store(float* target, V value);

    /// <summary>Asks for a cache line that will be needed soon; any address will do.</summary>
    static abstract void Prefetch(float* address);

    /// <summary>Reads the first <paramref name="count"/> (0 … Count) floats and nothing beyond them; the other lanes are 0.</summary>
    static abstract V LoadPartial(float* source, int count);

    /// <summary>Writes the first <paramref name="count"/> (0 … Count) lanes and touches nothing beyond them.</summary>
    static abstract void StorePartial(float* target, V value, int count);

    static abstract V Add(V a, V b);

    static abstract V Subtract(V a, V b);

    static abstract V Multiply(V a, V b);

    static abstract V Divide(V a, V b);

    /// <summary>a·b + c, rounded once where the hardware can.</summary>
    static abstract V MultiplyAdd(V a, V b, V c);

    static abstract V Negate(V a);

    static abstract V Abs(V a);

    static abstract V Sqrt(V a);

    /// <summary>The smaller of each pair; where <paramref name="b"/> is NaN the result is NaN.</summary>
    static abstract V Min(V a, V b);

    /// <summary>The larger of each pair; where <paramref name="b"/> is NaN the result is NaN.</summary>
    static abstract V Max(V a, V b);

    static abstract V LessThan(V a, V b);

    static abstract V LessThanOrEqual(V a, V b);

    static abstract V Equal(V a, V b);

    static abstract V And(V a, V b);

    static abstract V Or(V a, V b);

    static abstract V Xor(V a, V b);

    /// <summary>Lanes of <paramref name="whenTrue"/> where the mask is set, of <paramref name="whenFalse"/> elsewhere.</summary>
    static abstract V Select(V mask, V whenTrue, V whenFalse);

    /// <summary>The magnitude of <paramref name="magnitude"/> with the sign of <paramref name="sign"/>.</summary>
    static abstract V CopySign(V magnitude, V sign);

    /// <summary>Nearest integer, halves to even.</summary>
    static abstract V Round(V a);

    /// <summary>x·2ⁿ for integral n in [-250, 250], rounded once, with overflow to infinity and gradual underflow.</summary>
    static abstract V Scale(V x, V n);

    /// <summary>⌊log₂ a⌋ of positive normal numbers; of others some whole number.</summary>
    static abstract V Exponent(V a);

    /// <summary>Sum of the lanes: halves are added until one lane is left.</summary>
    static abstract float Sum(V a);

    /// <summary>Sum of the lanes in float64: the lower half is widened and added to the upper half, then halves again.</summary>
    static abstract double SumDouble(V a);

    /// <summary>Largest lane; which one is not defined where a lane is NaN.</summary>
    static abstract float MaxLane(V a);

    /// <summary>
    /// Writes the transpose of a Count×Count block: source row i at <c>source + i·sourceStride</c> becomes column i of the target, whose row j starts at
    /// <c>target + j·targetStride</c>.
    /// </summary>
    static abstract void Transpose(float* source, nint sourceStride, float* target, nint targetStride);
}
