using System.Numerics;
using System.Runtime.CompilerServices;

namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>
/// Counters of every worker: several interleaved tables, since neighbouring elements often share a digit and an increment of a
/// counter must wait for the one before it. Sums of integers do not depend on the
/// order, so neither do the counts on which worker took which task.
/// </summary>
internal readonly unsafe struct HistogramTables
{
    /// <summary>What 32-bit counters can hold, whoever counts.</summary>
    public const long MostElements = uint.MaxValue;

    /// <summary>More than this many bits a digit and four tables leave the first cache.</summary>
    private const int LargestInterleavedDigit = 11;

    private readonly uint* _memory;
    private readonly int _workers;

    public HistogramTables(int digitBits, int workers)
    {
        Size = 1 << digitBits;
        Interleaved = digitBits <= LargestInterleavedDigit ? 4 : 1;
        _workers = workers;
        long bytes = (long)workers * LengthOfWorker * sizeof(uint);
        _memory = (uint*)Scratch.Require(bytes);
        new Span<byte>(_memory, checked((int)bytes)).Clear();
    }

    /// <summary>Counters in one table.</summary>
    public readonly int Size;

    /// <summary>Tables side by side: the first at <see cref="Tables"/>, each <see cref="Size"/> after the one before.</summary>
    public readonly int Interleaved;

    /// <summary>Whole cache lines.</summary>
    private int LengthOfWorker => ((Size * Interleaved) + 15) & ~15;

    public uint* Tables(int worker) => _memory + ((long)worker * LengthOfWorker);

    /// <summary>Adds the tables of all workers to <paramref name="counts"/>.</summary>
    public void AddTo(Span<long> counts)
    {
        fixed (long* totals = counts)
        {
            for (int worker = 0; worker < _workers; worker++)
            {
                for (int t = 0; t < Interleaved; t++) Add(Tables(worker) + (t * Size), (ulong*)totals);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Add(uint* table, ulong* totals)
    {
        int digit = 0;
        for (; digit <= Size - Vector<uint>.Count; digit += Vector<uint>.Count)
        {
            Vector.Widen(Vector.Load(table + digit), out Vector<ulong> low, out Vector<ulong> high);
            (Vector.Load(totals + digit) + low).Store(totals + digit);
            (Vector.Load(totals + digit + Vector<ulong>.Count) + high).Store(totals + digit + Vector<ulong>.Count);
        }

        for (; digit < Size; digit++) totals[digit] += table[digit];
    }
}
