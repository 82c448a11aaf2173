using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>
/// acc[n, k] += Σ over samples of |dYᵀ·X|, each product over the rows of one sample. A task owns a block of acc: it goes through it panel by panel with a
/// group of samples, so that the part of acc that is being added to stays in the first-level cache, and the product of one sample exists in registers only.
/// </summary>
internal unsafe struct PerSampleJob<S, V> : IParallelJob
    where S : struct, ISimd<V>
    where V : struct
{
    /// <summary>Rows in a group of samples, if a sample is not longer: what a task packs at one time.</summary>
    public const int GroupRows = 512;

    public int Samples;
    public int RowsPerSample;
    public int N;
    public int K;
    public float* OutputGradient;
    public nint OutputGradientStride;
    public float* Input;
    public nint InputStride;
    public float* Accumulator;
    public nint AccumulatorStride;
    public TaskGrid Grid;
    public float* Scratch;
    public WorkerPool Pool;

    public readonly int SamplesInGroup => Math.Max(1, GroupRows / RowsPerSample);

    /// <summary>Floats of scratch for a worker: rows of dY, then one panel of X.</summary>
    public readonly nint ScratchFloats => (FloatsOfA + (nint)SamplesInGroup * RowsPerSample * MicroKernel<S, V>.Columns + 31) & ~31;

    private readonly nint FloatsOfA => (nint)TaskGrid.MaxRows * SamplesInGroup * RowsPerSample;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Execute(int task)
    {
        int width = MicroKernel<S, V>.Columns, height = MicroKernel<S, V>.Rows;
        float* tile = stackalloc float[PanelProduct<S, V>.TileFloats];
        tile = PanelProduct<S, V>.Align(tile);
        float* packedA = Scratch + Pool.CurrentWorker * ScratchFloats, packedB = packedA + FloatsOfA;
        (int firstTile, int endTile) = Grid.Rows(task);
        (int firstPanel, int endPanel) = Grid.Columns(task);
        int row = firstTile * height, rows = Math.Min(N, endTile * height) - row;
        nint paddedRows = (nint)(endTile - firstTile) * height;
        for (int sample = 0; sample < Samples; sample += SamplesInGroup)
        {
            int samples = Math.Min(SamplesInGroup, Samples - sample);
            nint first = (nint)sample * RowsPerSample;
            // The absolute value of a product of two numbers is the product of theirs: samples of one row make a plain sum of absolute values.
            bool plain = RowsPerSample == 1;
            int parts = plain ? 1 : samples, length = plain ? samples : RowsPerSample;
            for (int part = 0; part < parts; part++)
            {
                Panels<S, V>.PackTransposedA(
                    OutputGradient + (first + (nint)part * length) * OutputGradientStride + row, OutputGradientStride, length, rows,
                    packedA + part * paddedRows * length);
            }
            if (plain)
                TakeAbsolute(packedA, paddedRows * length);
            for (int panel = firstPanel; panel < endPanel; panel++)
            {
                int column = panel * width, columns = Math.Min(width, K - column);
                Panels<S, V>.PackB(false, Input + first * InputStride + column, InputStride, parts * length, columns, packedB);
                if (plain)
                    TakeAbsolute(packedB, (nint)width * length);
                for (int part = 0; part < parts; part++)
                {
                    float* a = packedA + part * paddedRows * length, b = packedB + (nint)part * length * width;
                    AddTiles(a, b, length, row, rows, column, columns, tile);
                }
            }
        }
    }

    private static void TakeAbsolute(float* values, nint count)
    {
        nint i = 0;
        for (; i <= count - S.Count; i += S.Count)
            S.Store(values + i, S.Abs(S.Load(values + i)));
        for (; i < count; i++)
            values[i] = Math.Abs(values[i]);
    }

    private readonly void AddTiles(float* a, float* b, int length, int row, int rows, int column, int columns, float* tile)
    {
        int width = MicroKernel<S, V>.Columns, height = MicroKernel<S, V>.Rows;
        for (int done = 0; done < rows; done += height)
        {
            int count = Math.Min(height, rows - done);
            float* target = Accumulator + (row + done) * AccumulatorStride + column;
            if (columns == width)
            {
                MicroKernel<S, V>.Multiply<AddAbsoluteTile>(
                    count, length, a + (nint)done * length, 1, height, b, width, target, AccumulatorStride);
                continue;
            }
            MicroKernel<S, V>.Multiply<SetTile>(count, length, a + (nint)done * length, 1, height, b, width, tile, width);
            for (int r = 0; r < count; r++, target += AccumulatorStride)
            {
                for (int offset = 0; offset < columns; offset += S.Count)
                {
                    int lanes = Math.Min(S.Count, columns - offset);
                    V sum = S.Add(S.LoadPartial(target + offset, lanes), S.Abs(S.Load(tile + r * width + offset)));
                    S.StorePartial(target + offset, sum, lanes);
                }
            }
        }
    }
}
