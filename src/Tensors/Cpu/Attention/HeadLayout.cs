using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Attention;

/// <summary>
/// How attention is cut: a task is some (sample, head) pairs, a head works through its query rows in blocks that keep scores in the second-level
/// cache. Panels in scratch have rows padded to the widest vector.
/// </summary>
internal readonly unsafe struct HeadLayout
{
    /// <summary>Query rows whose scores are held at one time.</summary>
    public const int RowBlock = 64;

    /// <summary>Multiply-adds in a task, some tens of microseconds of work.</summary>
    private const long TaskWork = 400_000;

    /// <summary>Floats of a cache line.</summary>
    private const int CacheLine = 16;

    private readonly long _units;
    private readonly int _unitsPerTask;

    public HeadLayout(AttentionShape shape)
    {
        Shape = shape;
        PaddedTokens = (int)Workspace.Align(shape.Tokens);
        PaddedSize = (int)Workspace.Align(shape.HeadSize);
        _units = (long)shape.Batch * shape.Heads;
        long work = Math.Max(1, 2L * shape.Tokens * shape.Tokens * shape.HeadSize);
        _unitsPerTask = (int)Math.Clamp(TaskWork / work, 1, _units);
    }

    public AttentionShape Shape { get; }

    /// <summary>Row length of score panels and transposed panels.</summary>
    public int PaddedTokens { get; }

    /// <summary>Row length of panels with one row a token.</summary>
    public int PaddedSize { get; }

    /// <summary>Floats of a panel with a row for every token; whole tiles of rows, for the transpose.</summary>
    public long PanelLength => (long)PaddedTokens * PaddedSize;

    /// <summary>Floats of the scores of one block of query rows.</summary>
    public long ScoreLength => (long)Math.Min(RowBlock, Shape.Tokens) * PaddedTokens;

    /// <summary>Floats of scratch for each worker in the forward pass: K, Kᵀ, V, outputs and scores of a block, a row for the mask, maxima and sums.</summary>
    public long ForwardScratch => (3 * PanelLength) + ((long)RowBlock * PaddedSize) + ScoreLength + PaddedTokens + (2 * RowBlock);

    /// <summary>The same for the backward pass: K, Kᵀ, Vᵀ, Q, dO, dK, dV, a block of dQ, two blocks of scores, a row for the mask.</summary>
    public long BackwardScratch => (7 * PanelLength) + ((long)RowBlock * PaddedSize) + (2 * ScoreLength) + PaddedTokens;

    public int Tasks => Blocks.Count(_units, _unitsPerTask);

    /// <summary>The (sample, head) pairs of a task, numbered with the head innermost.</summary>
    public (long First, long End) Units(int task) => ((long)task * _unitsPerTask, Math.Min((task + 1L) * _unitsPerTask, _units));

    /// <summary>
    /// First row and column of the unit after this one, if it is small enough to be fetched ahead into the first-level cache; else −1. It may belong to the next
    /// task, which most likely the same thread begins.
    /// </summary>
    public (int Row, int Column) Following(long unit)
    {
        if (++unit >= _units || Shape.Tokens > RowBlock) return (-1, 0);
        return ((int)(unit / Shape.Heads) * Shape.Tokens, (int)(unit % Shape.Heads) * Shape.HeadSize);
    }

    /// <summary>Asks for one token of a head.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch<S, V>(float* source)
        where S : struct, ISimd<V>
        where V : struct
    {
        for (int c = 0; c < Shape.HeadSize; c += CacheLine) S.Prefetch(source + c);
        S.Prefetch(source + Shape.HeadSize - 1);
    }

    /// <summary>panel ← the head's columns of one sample, a row for every token, zeros behind the head.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Gather<S, V>(float* panel, float* source, nint stride)
        where S : struct, ISimd<V>
        where V : struct
    {
        for (int t = 0; t < Shape.Tokens; t++, panel += PaddedSize, source += stride)
        {
            for (int c = 0; c < Shape.HeadSize; c += S.Count) S.Store(panel + c, Lanes.Load<S, V>(source + c, Shape.HeadSize - c));
        }
    }

    /// <summary>transposed[d, t] ← panel[t, d]; zeros behind the last token up to a whole vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Transpose<S, V>(float* transposed, float* panel)
        where S : struct, ISimd<V>
        where V : struct
    {
        int whole = (Shape.Tokens + S.Count - 1) / S.Count * S.Count;
        Lanes.Clear<S, V>(panel + ((nint)Shape.Tokens * PaddedSize), (whole - Shape.Tokens) * PaddedSize);
        for (int t = 0; t < whole; t += S.Count)
        {
            for (int d = 0; d < Shape.HeadSize; d += S.Count)
                S.Transpose(panel + ((nint)t * PaddedSize) + d, PaddedSize, transposed + ((nint)d * PaddedTokens) + t, PaddedTokens);
        }
    }

    /// <summary>The head's columns of some rows of a matrix ← rows of a panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Scatter<S, V>(float* target, nint stride, float* panel, int rows)
        where S : struct, ISimd<V>
        where V : struct
    {
        for (int t = 0; t < rows; t++, panel += PaddedSize, target += stride)
            Lanes.Copy<S, V>(target, panel, Shape.HeadSize);
    }

    /// <summary>The same with every row times its factor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Scatter<S, V>(float* target, nint stride, float* panel, float* factors, int rows)
        where S : struct, ISimd<V>
        where V : struct
    {
        for (int t = 0; t < rows; t++, panel += PaddedSize, target += stride)
        {
            V factor = S.Create(factors[t]);
            for (int c = 0; c < Shape.HeadSize; c += S.Count) Lanes.Store<S, V>(target + c, S.Multiply(S.Load(panel + c), factor), Shape.HeadSize - c);
        }
    }

    /// <summary>bias[s] ← 0 for keys that are seen, −∞ for those that the mask hides.</summary>
    public void FillBias(float* bias, int* mask)
    {
        for (int s = 0; s < Shape.Tokens; s++) bias[s] = mask == null || mask[s] != 0 ? 0 : float.NegativeInfinity;
        for (int s = Shape.Tokens; s < PaddedTokens; s++) bias[s] = float.NegativeInfinity;
    }

    /// <summary>How many keys the query at position <paramref name="token"/> may look at, counted from the first.</summary>
    public int Visible(int token) => Shape.Causal ? token + 1 : Shape.Tokens;
}
