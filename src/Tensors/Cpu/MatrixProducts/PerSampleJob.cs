using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>
/// acc[n, k] += Σ over samples of |dYᵀ·X|, each product over the rows of one sample. A task owns a block of acc: it goes through it panel by panel with a
/// group of samples; the strip of acc that is being added to lies side by side in the first-level cache, and the product of one sample exists in registers only.
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

    /// <summary>Floats of scratch for a worker: a strip of acc, rows of dY, one panel of X.</summary>
    public readonly nint ScratchFloats => FloatsOfStrip + FloatsOfA + (nint)SamplesInGroup * RowsPerSample * MicroKernel<S, V>.Columns;

    private static nint FloatsOfStrip => (nint)TaskGrid.MaxRows * MicroKernel<S, V>.Columns;

    private readonly nint FloatsOfA => (nint)TaskGrid.MaxRows * SamplesInGroup * RowsPerSample;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Execute(int task)
    {
        int width = MicroKernel<S, V>.Columns, height = MicroKernel<S, V>.Rows;
        float* strip = Scratch + Pool.CurrentWorker * ScratchFloats, packedA = strip + FloatsOfStrip, packedB = packedA + FloatsOfA;
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
            bool packsA = plain || OutputGradientStride > ProductArguments.MaxStrideInPlace;
            float* gradient = OutputGradient + first * OutputGradientStride + row;
            for (int part = 0; packsA && part < parts; part++)
            {
                Panels<S, V>.PackTransposedA(
                    gradient + (nint)part * length * OutputGradientStride, OutputGradientStride, length, rows, packedA + part * paddedRows * length);
            }
            if (plain)
                TakeAbsolute(packedA, paddedRows * length);
            for (int panel = firstPanel; panel < endPanel; panel++)
            {
                int column = panel * width, columns = Math.Min(width, K - column);
                Panels<S, V>.PackB(false, Input + first * InputStride + column, InputStride, parts * length, columns, packedB);
                if (plain)
                    TakeAbsolute(packedB, (nint)width * length);
                LoadStrip(strip, row, rows, column, columns);
                for (int part = 0; part < parts; part++)
                {
                    float* b = packedB + (nint)part * length * width;
                    if (packsA)
                        AddTiles(packedA + part * paddedRows * length, length, height, b, length, rows, strip);
                    else
                        AddTiles(gradient + (nint)part * length * OutputGradientStride, 1, OutputGradientStride, b, length, rows, strip);
                }
                StoreStrip(strip, row, rows, column, columns);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TakeAbsolute(float* values, nint count)
    {
        nint i = 0;
        for (; i <= count - S.Count; i += S.Count)
            S.Store(values + i, S.Abs(S.Load(values + i)));
        for (; i < count; i++)
            values[i] = Math.Abs(values[i]);
    }

    /// <summary>
    /// Adds the absolute values of one part's product, tile by tile: tile t of op(A) starts at <c>a + t·height·aRow</c>, with its columns side by side and
    /// <paramref name="aStep"/> floats from one row of the part to the next.
    /// </summary>
    private static void AddTiles(float* a, nint aRow, nint aStep, float* b, int length, int rows, float* strip)
    {
        int width = MicroKernel<S, V>.Columns, height = MicroKernel<S, V>.Rows;
        for (int done = 0; done < rows; done += height)
        {
            MicroKernel<S, V>.Multiply<AddAbsoluteTile, FloatPanel>(
                Math.Min(height, rows - done), length, a + done * aRow, 1, aStep, b, width, b + PanelRows.Ahead * width, width, strip + (nint)done * width, width);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void LoadStrip(float* strip, int row, int rows, int column, int columns)
    {
        int low = Math.Min(columns, S.Count);
        float* acc = Accumulator + row * AccumulatorStride + column;
        for (int r = 0; r < rows; r++, acc += AccumulatorStride, strip += 2 * S.Count)
        {
            S.Store(strip, S.LoadPartial(acc, low));
            S.Store(strip + S.Count, S.LoadPartial(acc + low, columns - low));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void StoreStrip(float* strip, int row, int rows, int column, int columns)
    {
        int low = Math.Min(columns, S.Count);
        float* acc = Accumulator + row * AccumulatorStride + column;
        for (int r = 0; r < rows; r++, acc += AccumulatorStride, strip += 2 * S.Count)
        {
            S.StorePartial(acc, S.Load(strip), low);
            S.StorePartial(acc + low, S.Load(strip + S.Count), columns - low);
        }
    }
}
