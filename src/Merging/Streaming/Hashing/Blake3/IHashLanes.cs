namespace MergeEngine.Merging.Streaming.Hashing.Blake3;

/// <summary>
/// The vector instructions that BLAKE3 is written against: 32-bit words, one of each node that is hashed at the same time. Vectors are made of quads,
/// parts of 128 bits, and the two-operand shuffles work within each.
/// </summary>
internal unsafe interface IHashLanes<V>
    where V : unmanaged
{
    /// <summary>Words in one vector: nodes that are hashed at the same time.</summary>
    static abstract int Count { get; }

    /// <summary>The same word in every lane.</summary>
    static abstract V Create(uint value);

    static abstract V Load(uint* source);

    /// <summary>Quad q from the 16 bytes at <c>source + 4·q·stride</c>.</summary>
    static abstract V LoadQuads(byte* source, nint stride);

    /// <summary>Quad q to the 16 bytes at <c>target + 4·q·stride</c>.</summary>
    static abstract void StoreQuads(byte* target, nint stride, V value);

    /// <summary>a₀ b₀ a₁ b₁ of each quad.</summary>
    static abstract V UnpackLow(V a, V b);

    /// <summary>a₂ b₂ a₃ b₃ of each quad.</summary>
    static abstract V UnpackHigh(V a, V b);

    /// <summary>a₀ a₁ b₀ b₁ of each quad.</summary>
    static abstract V UnpackLowPairs(V a, V b);

    /// <summary>a₂ a₃ b₂ b₃ of each quad.</summary>
    static abstract V UnpackHighPairs(V a, V b);

    static abstract V Add(V a, V b);

    static abstract V Xor(V a, V b);

    static abstract V RotateRight16(V a);

    static abstract V RotateRight12(V a);

    static abstract V RotateRight8(V a);

    static abstract V RotateRight7(V a);
}
