using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Tokens;

/// <summary>output[n] ← mean over the tokens of sample n that count.</summary>
internal readonly unsafe struct MeanPoolForward(Matrix output, Matrix hidden, int firstToken, DeviceSpan<int> mask, int tokens) : IVectorKernel
{
    private const int LongestChain = 16;

    /// <summary>Columns that are summed together, 4 KiB of them.</summary>
    private const int Columns = 1024;

    private readonly Rows _output = new(output), _hidden = new(hidden);
    private readonly int* _mask = mask.Pointer;
    private readonly int _width = hidden.Columns;

    /// <summary>One for each sample.</summary>
    public int Tasks { get; } = output.Rows;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        int* mask = _mask == null ? null : _mask + ((nint)task * tokens);
        int shown = Shown(mask, firstToken, tokens);
        V scale = S.Create(shown == 0 ? 0 : 1f / shown);
        // Row by row over as many columns as the first-level cache holds well: memory is read in order.
        float* chain = stackalloc float[Columns];
        for (int column = 0; column < _width; column += Columns)
        {
            int columns = Math.Min(Columns, _width - column);
            float* total = _output[task] + column;
            Lanes.Clear<S, V>(total, columns);
            for (int first = firstToken; first < tokens; first += LongestChain)
            {
                Lanes.Clear<S, V>(chain, columns);
                for (int t = first; t < Math.Min(first + LongestChain, tokens); t++)
                {
                    if (mask == null || mask[t] != 0) Add<S, V>(chain, _hidden[(task * tokens) + t] + column, columns);
                }

                Add<S, V>(total, chain, columns);
            }

            for (int c = 0; c < columns; c += S.Count) Lanes.Store<S, V>(total + c, S.Multiply(Lanes.Load<S, V>(total + c, columns - c), scale), columns - c);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<S, V>(float* sums, float* row, int columns)
        where S : struct, ISimd<V>
        where V : struct
    {
        int c = 0;
        for (; c <= columns - S.Count; c += S.Count) S.Store(sums + c, S.Add(S.Load(sums + c), S.Load(row + c)));
        if (c < columns) S.StorePartial(sums + c, S.Add(S.LoadPartial(sums + c, columns - c), S.LoadPartial(row + c, columns - c)), columns - c);
    }

    public static int Shown(int* mask, int firstToken, int tokens)
    {
        if (mask == null) return Math.Max(0, tokens - firstToken);
        int shown = 0;
        for (int t = firstToken; t < tokens; t++) shown += mask[t] != 0 ? 1 : 0;
        return shown;
    }
}

/// <summary>hiddenGradient ← the pooled gradient divided by the number of tokens that count, 0 for the others.</summary>
internal readonly unsafe struct MeanPoolBackward(Matrix hiddenGradient, Matrix outputGradient, int firstToken, DeviceSpan<int> mask, int tokens) : IVectorKernel
{
    private readonly Rows _hidden = new(hiddenGradient), _output = new(outputGradient);
    private readonly int* _mask = mask.Pointer;
    private readonly int _width = hiddenGradient.Columns;

    /// <summary>One for each sample.</summary>
    public int Tasks { get; } = outputGradient.Rows;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        int* mask = _mask == null ? null : _mask + ((nint)task * tokens);
        V scale = S.Create(1f / Math.Max(1, MeanPoolForward.Shown(mask, firstToken, tokens)));
        float* gradient = _output[task];
        for (int t = 0; t < tokens; t++)
        {
            float* target = _hidden[(task * tokens) + t];
            if (t < firstToken || (mask != null && mask[t] == 0))
            {
                Lanes.Clear<S, V>(target, _width);
                continue;
            }

            for (int c = 0; c < _width; c += S.Count)
                Lanes.Store<S, V>(target + c, S.Multiply(Lanes.Load<S, V>(gradient + c, _width - c), scale), _width - c);
        }
    }
}
