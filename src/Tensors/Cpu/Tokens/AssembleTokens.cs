using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Tokens;

/// <summary>hidden[n, t] ← row t of [prefix; patches of n] + position.</summary>
internal readonly unsafe struct AssembleTokensForward(
    Matrix hidden, Matrix patches, Matrix prefix, Matrix positions, int positionStart, int batch, int tokens) : IVectorKernel
{
    private readonly Rows _hidden = new(hidden), _patches = new(patches), _prefix = new(prefix), _positions = new(positions);
    private readonly int _prefixRows = prefix.IsNone ? 0 : prefix.Rows;
    private readonly int _width = hidden.Columns, _rows = batch * tokens, _block = Blocks.RowsFor(hidden.Columns);

    public int Tasks => Blocks.Count(_rows, _block);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        int end = Math.Min((task + 1) * _block, _rows);
        for (int r = task * _block; r < end; r++)
        {
            int n = r / tokens, t = r % tokens;
            float* source = t < _prefixRows ? _prefix[t] : _patches[(n * (tokens - _prefixRows)) + t - _prefixRows], target = _hidden[r];
            if (t < positionStart)
            {
                Lanes.Copy<S, V>(target, source, _width);
                continue;
            }

            float* position = _positions[t - positionStart];
            for (int c = 0; c < _width; c += S.Count)
            {
                int left = _width - c;
                Lanes.Store<S, V>(target + c, S.Add(Lanes.Load<S, V>(source + c, left), Lanes.Load<S, V>(position + c, left)), left);
            }
        }
    }
}

/// <summary>The gradient of one token position: copied to the patches of every sample, summed over samples for prefix and position.</summary>
internal readonly unsafe struct AssembleTokensBackward(
    Matrix patchGradient, Matrix prefixGradient, Matrix positionGradient, Matrix hiddenGradient, int prefixRows, int positionStart, GradientReduction reduction, int batch, int tokens) : IVectorKernel
{
    private const int LongestChain = 16;

    private readonly Rows _patches = new(patchGradient), _prefix = new(prefixGradient), _positions = new(positionGradient), _hidden = new(hiddenGradient);
    private readonly int _width = hiddenGradient.Columns;
    private readonly bool _absolute = reduction == GradientReduction.AbsolutePerSample;

    /// <summary>One for each token position.</summary>
    public int Tasks => tokens;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Execute<S, V>(int task)
        where S : struct, ISimd<V>
        where V : struct
    {
        bool prefix = task < prefixRows;
        for (int c = 0; c < _width; c += S.Count)
        {
            int left = _width - c;
            V total = S.Zero;
            for (int first = 0; first < batch; first += LongestChain)
            {
                V chain = S.Zero;
                for (int n = first; n < Math.Min(first + LongestChain, batch); n++)
                {
                    V gradient = Lanes.Load<S, V>(_hidden[(n * tokens) + task] + c, left);
                    if (!prefix) Lanes.Store<S, V>(_patches[(n * (tokens - prefixRows)) + task - prefixRows] + c, gradient, left);
                    chain = S.Add(chain, _absolute ? S.Abs(gradient) : gradient);
                }

                total = S.Add(total, chain);
            }

            if (prefix && !_prefix.IsNone) Add<S, V>(_prefix[task] + c, total, left);
            if (task >= positionStart && !_positions.IsNone) Add<S, V>(_positions[task - positionStart] + c, total, left);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<S, V>(float* target, V value, int count)
        where S : struct, ISimd<V>
        where V : struct => Lanes.Store<S, V>(target, S.Add(Lanes.Load<S, V>(target, count), value), count);
}
