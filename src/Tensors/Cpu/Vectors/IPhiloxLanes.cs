namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// Lanes of 64 bits in which Philox keeps its 32-bit words. A multiplication looks at the lower halves alone, so what is in the upper halves
/// need not be cleared between rounds.
/// </summary>
internal unsafe interface IPhiloxLanes<U>
    where U : struct
{
    /// <summary>Counters in one vector.</summary>
    static abstract int Count { get; }

    /// <summary>32 registers instead of 16: room for six vectors of counters at a time instead of four.</summary>
    static abstract bool HasManyRegisters { get; }

    static abstract U Create(ulong value);

    /// <summary>first, first + 1, …</summary>
    static abstract U Sequence(ulong first);

    /// <summary>The 64-bit products of the lower halves.</summary>
    static abstract U MultiplyLower(U a, U b);

    static abstract U Xor(U a, U b, U c);

    static abstract U And(U a, U b);

    /// <summary>Each lane shifted right by 32 bits.</summary>
    static abstract U UpperHalf(U a);

    /// <summary>The bits so far, and others where a &lt; b, for numbers below 2⁶³.</summary>
    static abstract U OrWhereLess(U bits, U a, U b, U others);

    /// <summary>The counters of one vector from first on, in the order in which <see cref="StoreWords"/> takes them.</summary>
    static abstract U Interleaved(ulong first);

    /// <summary>Stores the words of the counters of <see cref="Interleaved"/>, from the lower halves of four vectors, in the order of the stream.</summary>
    static abstract void StoreWords(uint* target, U w0, U w1, U w2, U w3);

    /// <summary>Stores the lower halves: 4 bytes for each counter.</summary>
    static abstract void StoreLower(byte* target, U a, U b);
}
