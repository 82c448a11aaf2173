namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// Counters of every worker: several interleaved 32-bit tables, since neighbouring elements often share a digit and an increment of a
/// counter must wait for the one before it, and a 64-bit total that a task adds its tables to. Sums of integers do not depend on the
/// order, so neither do the counts on which worker took which task.
/// </summary>
internal readonly unsafe struct HistogramTables
{
    /// <summary>More than this many bits a digit and four tables leave the first cache.</summary>
    private const int LargestInterleavedDigit = 11;

    private readonly byte* _memory;
    private readonly int _workers;

    public HistogramTables(int digitBits, int workers)
    {
        Size = 1 << digitBits;
        Interleaved = digitBits <= LargestInterleavedDigit ? 4 : 1;
        _workers = workers;
        long bytes = (long)workers * BytesOfWorker;
        _memory = Scratch.Require(bytes);
        new Span<byte>(_memory, checked((int)bytes)).Clear();
    }

    /// <summary>Counters in one table.</summary>
    public readonly int Size;

    /// <summary>Tables side by side: the first at <see cref="Tables"/>, each <see cref="Size"/> after the one before.</summary>
    public readonly int Interleaved;

    private long BytesOfWorker => ((long)Size * (sizeof(long) + (Interleaved * sizeof(uint))) + 63) & ~63L;

    public uint* Tables(int worker) => (uint*)(Totals(worker) + Size);

    /// <summary>Adds a worker's tables to its totals and clears them.</summary>
    public void Flush(int worker)
    {
        long* totals = Totals(worker);
        uint* tables = Tables(worker);
        for (int t = 0; t < Interleaved; t++)
        {
            for (int digit = 0; digit < Size; digit++) totals[digit] += tables[(t * Size) + digit];
        }

        new Span<uint>(tables, Interleaved * Size).Clear();
    }

    /// <summary>Adds the totals of all workers to <paramref name="counts"/>.</summary>
    public void AddTo(Span<long> counts)
    {
        for (int worker = 0; worker < _workers; worker++)
        {
            long* totals = Totals(worker);
            for (int digit = 0; digit < Size; digit++) counts[digit] += totals[digit];
        }
    }

    private long* Totals(int worker) => (long*)(_memory + (worker * BytesOfWorker));
}
