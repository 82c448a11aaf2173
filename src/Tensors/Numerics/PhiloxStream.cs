namespace MergeEngine.Tensors.Numerics;

/// <summary>
/// Sequential draws from <see cref="Philox"/> for data order, augmentation and initialisation. A mutable struct: pass it by reference,
/// a copy repeats the same draws. Every draw uses integer operations or IEEE 754 basic operations alone, so all machines agree to the bit.
/// </summary>
public struct PhiloxStream
{
    private readonly ulong _key;
    private readonly ulong _stream;
    private ulong _counter;
    private uint _w0, _w1, _w2, _w3;
    private int _left;

    /// <param name="key">The key, usually of <see cref="PhiloxKey.From"/>.</param>
    /// <param name="stream">The upper half of the counter: one key has 2⁶⁴ streams that never overlap (an epoch, an image).</param>
    public PhiloxStream(ulong key, ulong stream = 0)
    {
        this = default;
        _key = key;
        _stream = stream;
    }

    public PhiloxStream(ulong seed, string name, ulong stream = 0)
        : this(PhiloxKey.From(seed, name), stream)
    {
    }

    /// <summary>32 random bits: the four words of counter 0, then those of counter 1, and so on.</summary>
    public uint NextUInt()
    {
        if (_left == 0)
        {
            (_w0, _w1, _w2, _w3) = Philox.Generate(_key, _stream, _counter++);
            _left = 4;
        }

        return _left-- switch { 4 => _w0, 3 => _w1, 2 => _w2, _ => _w3 };
    }

    /// <summary>A float in [0, 1) with 24 random bits.</summary>
    public float NextFloat() => Philox.Uniform(NextUInt());

    /// <summary>An integer in [0, <paramref name="exclusive"/>), every one equally likely (Lemire, ACM TOMACS 29(1), 2019).</summary>
    public int NextInt(int exclusive)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(exclusive);
        uint n = (uint)exclusive;
        ulong product = (ulong)NextUInt() * n;
        if ((uint)product < n)
        {
            uint threshold = unchecked(0u - n) % n;
            while ((uint)product < threshold) product = (ulong)NextUInt() * n;
        }

        return (int)(product >> 32);
    }

    /// <summary>A draw from the normal distribution with mean 0 and variance 1, by the inverse of its distribution function; one word each.</summary>
    public float NextGaussian() => (float)NormalQuantile.Of((NextUInt() + 0.5) * (1.0 / 4294967296.0));

    /// <summary>Fisher–Yates: every order equally likely.</summary>
    public void Shuffle(Span<int> values)
    {
        for (int i = values.Length - 1; i > 0; i--)
        {
            int j = NextInt(i + 1);
            (values[i], values[j]) = (values[j], values[i]);
        }
    }
}
