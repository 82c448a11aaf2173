namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>32-bit lanes of whole numbers without sign: the bits of magnitudes, and random words.</summary>
internal unsafe interface IKeyLanes<U>
    where U : struct
{
    static abstract int Count { get; }

    static abstract U Create(uint value);

    static abstract U Load(uint* source);

    static abstract void Store(uint* target, U a);

    static abstract U And(U a, U b);

    static abstract U Max(U a, U b);

    static abstract U Add(U a, U b);

    static abstract U Subtract(U a, U b);

    static abstract U ShiftRight(U a, int bits);

    /// <summary>The largest lane.</summary>
    static abstract uint MaxLane(U a);

    /// <summary>Bit i: lane i of a is less than that of b.</summary>
    static abstract uint Below(U a, U b);

    /// <summary>Byte i ← 1 where lane i of a is less than that of b, else 0.</summary>
    static abstract void StoreBelow(byte* target, U a, U b);

    /// <summary>Stores numbers below 2¹⁶ in two bytes each.</summary>
    static abstract void StoreNarrow(ushort* target, U a);

    /// <summary>Lane i: the sum of lanes 0 … i.</summary>
    static abstract U RunningSums(U a);

    /// <summary>The last lane in every lane.</summary>
    static abstract U Last(U a);

    /// <summary>Stores fma(lane, step, first) for every lane, a whole number with sign.</summary>
    static abstract void StoreLine(double* target, U lanes, double step, double first);
}
