using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.VectorMath;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu.Attention;

/// <summary>
/// Attention over a few tokens, one head to a lane: a panel holds element (t, d) of as many heads as a vector has lanes. No lane waits for
/// another, 17 tokens cost 17 and not two vectors, and a softmax needs no sum over lanes.
/// </summary>
internal readonly unsafe struct LaneLayout(AttentionShape shape)
{
    /// <summary>Heads of one vector at the widest.</summary>
    private const int MostLanes = 16;

    /// <summary>With more tokens vectors of keys are filled well enough.</summary>
    private const int MostTokens = 24;

    /// <summary>Elements of a head in a panel, which is 64 KiB then: the panels of a pass stay in the second-level cache.</summary>
    private const int MostElements = 1024;

    /// <summary>Rows of as many samples as lanes are asked for this many tokens ahead; the processor's own prefetcher does not follow so many.</summary>
    private const int PrefetchRows = 4;

    /// <summary>Multiply-adds in a task.</summary>
    private const long TaskWork = 200_000;

    private readonly long _units = (long)shape.Batch * shape.Heads;
    private readonly int _unitsPerTask = MostLanes * (int)Math.Max(1, TaskWork / (2L * MostLanes * shape.Tokens * shape.Tokens * shape.HeadSize));

    public AttentionShape Shape { get; } = shape;

    /// <summary>Floats of a panel of one row a token, and what is read and written behind it in whole blocks.</summary>
    public nint PanelLength => MostLanes * (((nint)Shape.Tokens * Shape.HeadSize) + MostLanes);

    /// <summary>Floats of a panel of scores.</summary>
    public nint ScoreLength => (nint)MostLanes * Shape.Tokens * Shape.Tokens;

    /// <summary>Floats of one number for each token, and of a block for transposes.</summary>
    public nint RowLength => MostLanes * ((nint)Shape.Tokens + MostLanes);

    /// <summary>Floats of scratch for each worker in the forward pass: Q and later the output, K, V, scores, the mask, log-sum-exps, a block.</summary>
    public nint ForwardScratch => (3 * PanelLength) + ScoreLength + (3 * RowLength);

    /// <summary>The same for the backward pass: Q, K, V, dO, a gradient, probabilities and their gradients, the mask, log-sum-exps, a block.</summary>
    public nint BackwardScratch => (5 * PanelLength) + (2 * ScoreLength) + (3 * RowLength);

    public int Tasks => Blocks.Count(_units, _unitsPerTask);

    /// <summary>Whether heads are small enough. How many there are does not matter, so that a sample's bits do not depend on its batch.</summary>
    public static bool Serves(AttentionShape shape) => shape.Tokens <= MostTokens && (long)shape.Tokens * shape.HeadSize <= MostElements;

    /// <summary>The (sample, head) pairs of a task, numbered with the head innermost.</summary>
    public (long First, long End) Units(int task) => ((long)task * _unitsPerTask, Math.Min(((long)task + 1) * _unitsPerTask, _units));

    /// <summary>rows[lane] ← where the head's columns of its sample's first token lie. Lanes behind the last unit repeat it.</summary>
    public void Locate(float** rows, Rows matrix, long unit, long end, int lanes)
    {
        for (int lane = 0; lane < lanes; lane++)
        {
            (long sample, long head) = Math.DivRem(Math.Min(unit + lane, end - 1), Shape.Heads);
            rows[lane] = matrix[(int)sample * Shape.Tokens] + (head * Shape.HeadSize);
        }
    }

    /// <summary>panel ← the heads' columns of all tokens.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Gather<S, V>(float* panel, float* block, Rows matrix, long unit, long end)
        where S : struct, ISimd<V>
        where V : struct
    {
        float** rows = stackalloc float*[S.Count];
        Locate(rows, matrix, unit, end, S.Count);
        for (int t = 0; t < Shape.Tokens; t++)
        {
            if (t + PrefetchRows < Shape.Tokens)
            {
                nint ahead = (t + PrefetchRows) * matrix.Stride;
                for (int lane = 0; lane < S.Count; lane++)
                {
                    S.Prefetch(rows[lane] + ahead);
                    S.Prefetch(rows[lane] + ahead + Shape.HeadSize - 1);
                }
            }

            Gather<S, V>(panel + ((nint)t * Shape.HeadSize * S.Count), block, rows, t * matrix.Stride, Shape.HeadSize);
        }
    }

    /// <summary>The heads' columns of all tokens ← panel; nothing for lanes behind the last unit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Scatter<S, V>(Rows matrix, float* panel, float* block, long unit, long end)
        where S : struct, ISimd<V>
        where V : struct
    {
        float** rows = stackalloc float*[S.Count];
        Locate(rows, matrix, unit, end, S.Count);
        int lanes = (int)Math.Min(S.Count, end - unit);
        for (int t = 0; t < Shape.Tokens; t++) Scatter<S, V>(rows, t * matrix.Stride, panel + ((nint)t * Shape.HeadSize * S.Count), block, lanes, Shape.HeadSize);
    }

    /// <summary>target[i] ← element i behind every lane's address; a block behind the last is overwritten.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Gather<S, V>(float* target, float* block, float** rows, nint offset, int length)
        where S : struct, ISimd<V>
        where V : struct
    {
        for (int c = 0; c < length; c += S.Count)
        {
            if (length - c >= S.Count)
            {
                for (int lane = 0; lane < S.Count; lane++) S.Store(block + (lane * S.Count), S.Load(rows[lane] + offset + c));
            }
            else
            {
                for (int lane = 0; lane < S.Count; lane++) S.Store(block + (lane * S.Count), S.LoadPartial(rows[lane] + offset + c, length - c));
            }

            S.Transpose(block, S.Count, target + ((nint)c * S.Count), S.Count);
        }
    }

    /// <summary>Element i behind the first lanes' addresses ← source[i].</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scatter<S, V>(float** rows, nint offset, float* source, float* block, int lanes, int length)
        where S : struct, ISimd<V>
        where V : struct
    {
        for (int c = 0; c < length; c += S.Count)
        {
            S.Transpose(source + ((nint)c * S.Count), S.Count, block, S.Count);
            if (length - c >= S.Count)
            {
                for (int lane = 0; lane < lanes; lane++) S.Store(rows[lane] + offset + c, S.Load(block + (lane * S.Count)));
            }
            else
            {
                for (int lane = 0; lane < lanes; lane++) S.StorePartial(rows[lane] + offset + c, S.Load(block + (lane * S.Count)), length - c);
            }
        }
    }

    /// <summary>bias[s] ← 0 in the lanes of samples where key s is seen, −∞ where the mask hides it.</summary>
    public void FillBias(float* bias, int* mask, long unit, long end, int lanes)
    {
        for (int lane = 0; lane < lanes; lane++)
        {
            int* seen = mask == null ? null : mask + (Math.Min(unit + lane, end - 1) / Shape.Heads * Shape.Tokens);
            for (int s = 0; s < Shape.Tokens; s++) bias[(s * lanes) + lane] = seen == null || seen[s] != 0 ? 0 : float.NegativeInfinity;
        }
    }

    /// <summary>How many keys the query at position <paramref name="token"/> may look at, counted from the first.</summary>
    public int Visible(int token) => Shape.Causal ? token + 1 : Shape.Tokens;
}
