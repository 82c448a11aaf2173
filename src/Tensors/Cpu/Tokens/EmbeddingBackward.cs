using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Tokens;

/// <summary>
/// Links the rows of each sample that share an id: next[r] is the next such row, −1 at the end, and the rows that begin a
/// chain are marked in starts. One hash table of a sample's size for each worker.
/// </summary>
internal readonly unsafe struct LinkEqualIds(DeviceSpan<int> ids, int rowsPerSample, int samples, int* next, byte* starts, int* tables, WorkerPool pool) : IVectorKernel
{
    private readonly int* _ids = ids.Pointer;
    private readonly int _slots = Slots(rowsPerSample);

    /// <summary>Places in a hash table for one sample: a power of two, at most half full.</summary>
    public static int Slots(int rowsPerSample) => (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(2, 2 * rowsPerSample));

    public int Tasks => samples;

    public void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        // The last row of each id that was seen, found by open addressing; −1 is an empty place.
        var last = new Span<int>(tables + ((nint)pool.CurrentWorker * _slots), _slots);
        last.Fill(-1);
        int first = task * rowsPerSample;
        for (int r = first; r < first + rowsPerSample; r++)
        {
            int slot = (int)((uint)_ids[r] * 2654435769u >> 7) & (_slots - 1);
            while (last[slot] >= 0 && _ids[last[slot]] != _ids[r]) slot = (slot + 1) & (_slots - 1);
            next[r] = -1;
            starts[r] = last[slot] < 0 ? (byte)1 : (byte)0;
            if (last[slot] >= 0) next[last[slot]] = r;
            last[slot] = r;
        }
    }
}

/// <summary>
/// tableGradient[id] += Σ of a sample's rows with that id, or its absolute value. A task owns some columns of the table and goes through all rows in
/// order, so no two tasks meet and the order of every sum is fixed.
/// </summary>
internal readonly unsafe struct EmbeddingBackward(
    Matrix tableGradient, DeviceSpan<int> ids, Matrix hiddenGradient, GradientReduction reduction, int* next, byte* starts) : IVectorKernel
{
    /// <summary>Two cache lines: enough for a row to be fetched in one go, few enough that narrow models keep all threads busy.</summary>
    private const int Columns = 32;
    private const int LongestChain = 16;

    private readonly Rows _table = new(tableGradient), _hidden = new(hiddenGradient);
    private readonly int* _ids = ids.Pointer;
    private readonly int _rows = hiddenGradient.Rows, _width = hiddenGradient.Columns;
    private readonly bool _absolute = reduction == GradientReduction.AbsolutePerSample;

    public int Tasks => Blocks.Count(_width, Columns);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        int end = Math.Min((task + 1) * Columns, _width);
        for (int r = 0; r < _rows; r++)
        {
            if (starts[r] == 0) continue;
            float* target = _table[_ids[r]];
            for (int c = task * Columns; c < end; c += S.Count)
            {
                V sum = Chain<S, V>(r, c, end - c);
                if (_absolute) sum = S.Abs(sum);
                Lanes.Store<S, V>(target + c, S.Add(Lanes.Load<S, V>(target + c, end - c), sum), end - c);
            }
        }
    }

    /// <summary>The sum of a vector of columns over the rows linked from <paramref name="row"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private V Chain<S, V>(int row, int column, int count)
        where S : struct, ISimd<V>
        where V : struct
    {
        V total = S.Zero;
        while (row >= 0)
        {
            V part = S.Zero;
            for (int i = 0; i < LongestChain && row >= 0; i++)
            {
                part = S.Add(part, Lanes.Load<S, V>(_hidden[row] + column, count));
                row = next[row];
            }

            total = S.Add(total, part);
        }

        return total;
    }
}
