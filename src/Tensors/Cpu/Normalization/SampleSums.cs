using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Normalization;

/// <summary>
/// Sums over the rows of a batch that become gradients of vectors (biases, scales, norms). Rows are cut into blocks of whole samples;
/// each block adds into a partial of its own, and the partials are put together in order. A partial has levels of <c>count</c> vectors of
/// <c>stride</c> elements, each of which takes over the one before it after <see cref="LongestChain"/> additions, so that no chain of float32
/// additions gets long: rows and their total, and in the per-sample mode rows, one sample, absolute values of samples and their total.
/// </summary>
internal readonly unsafe struct SampleSums
{
    private const int MostBlocks = 128;
    private const int LongestChain = 32;

    private readonly float* _partials;
    private readonly int _count, _stride, _width, _rows;
    private readonly int _samples;   // rows of a sample in the per-sample mode, 0 in the other

    public SampleSums(Workspace workspace, int rows, int width, int count, GradientReduction reduction, int rowsPerSample)
    {
        _rows = rows;
        _width = width;
        _count = count;
        _stride = (int)Workspace.Align(width);
        _samples = reduction == GradientReduction.AbsolutePerSample ? rowsPerSample : 0;
        int block = Math.Max(Blocks.RowsFor(width), Blocks.Count(rows, MostBlocks));
        RowsPerBlock = _samples == 0 ? block : Blocks.Count(block, _samples) * _samples;
        Tasks = Blocks.Count(rows, RowsPerBlock);
        _partials = workspace.Reserve((long)Tasks * PartialLength);
    }

    public int RowsPerBlock { get; }

    /// <summary>Number of blocks, one task each.</summary>
    public int Tasks { get; }

    private int LevelLength => _count * _stride;

    private int Levels => _samples == 0 ? 2 : 4;

    private int PartialLength => LevelLength * Levels;

    /// <summary>Vector number <paramref name="vector"/> into which the rows of a block are added.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float* Running(int task, int vector) => _partials + ((nint)task * PartialLength) + ((nint)vector * _stride);

    /// <summary>First and last (exclusive) row of a block; clears its partial.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public (int First, int End) Begin<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        Lanes.Clear<S, V>(Running(task, 0), PartialLength);
        int first = task * RowsPerBlock;
        return (first, Math.Min(first + RowsPerBlock, _rows));
    }

    /// <summary>To be called after each row: ends a chain, and in the per-sample mode a sample.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void EndRow<S, V>(int task, int row)
        where S : struct, ISimd<V>
        where V : struct
    {
        int done = row + 1;
        if (_samples != 0 && done % _samples == 0) EndSample<S, V>(task, done);
        else if (done % LongestChain == 0 || EndsBlock(done)) TakeOver<S, V>(Running(task, 0));
    }

    private bool EndsBlock(int done) => done == _rows || done % RowsPerBlock == 0;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void EndSample<S, V>(int task, int done)
        where S : struct, ISimd<V>
        where V : struct
    {
        int length = LevelLength;
        float* running = Running(task, 0), sample = running + length, recent = sample + length;
        for (int c = 0; c < length; c += S.Count)
        {
            S.Store(recent + c, S.Add(S.Load(recent + c), S.Abs(S.Add(S.Load(sample + c), S.Load(running + c)))));
            S.Store(sample + c, S.Zero);
            S.Store(running + c, S.Zero);
        }

        if (done / _samples % LongestChain == 0 || EndsBlock(done)) TakeOver<S, V>(recent);
    }

    /// <summary>Adds a level to the next one and clears it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void TakeOver<S, V>(float* level)
        where S : struct, ISimd<V>
        where V : struct
    {
        int length = LevelLength;
        for (int c = 0; c < length; c += S.Count)
        {
            S.Store(level + length + c, S.Add(S.Load(level + length + c), S.Load(level + c)));
            S.Store(level + c, S.Zero);
        }
    }

    /// <summary>The kernel that adds the partials of one vector to <paramref name="target"/>, after all blocks are done.</summary>
    public Combine Combined(int vector, DeviceSpan<float> target) =>
        new(_partials + ((Levels - 1) * LevelLength) + ((nint)vector * _stride), PartialLength, Tasks, target.Pointer, _width);

    /// <summary>target += Σ partials, in runs of eight blocks: a fixed order with short chains.</summary>
    internal readonly struct Combine(float* partials, nint stride, int blocks, float* target, int width) : IVectorKernel
    {
        private const int Columns = 256;

        public int Tasks => Blocks.Count(width, Columns);

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Execute<S, V>(int task)
            where S : struct, ISimd<V>
            where V : struct
        {
            int end = Math.Min((task + 1) * Columns, width);
            for (int c = task * Columns; c < end; c += S.Count)
            {
                V total = S.Zero;
                for (int first = 0; first < blocks; first += 8)
                {
                    V run = S.Load(partials + (first * stride) + c);
                    for (int b = first + 1; b < Math.Min(first + 8, blocks); b++) run = S.Add(run, S.Load(partials + (b * stride) + c));
                    total = S.Add(total, run);
                }

                int left = end - c;
                Lanes.Store<S, V>(target + c, S.Add(Lanes.Load<S, V>(target + c, left), total), left);
            }
        }
    }
}
