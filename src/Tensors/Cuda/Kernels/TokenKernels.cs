using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>Patches, tokens, embeddings, pooling: <c>native/kernels/patches.cuh</c>, <c>tokens.cuh</c>, <c>embedding.cuh</c>, <c>mean_pool.cuh</c>.</summary>
internal static class TokenKernels
{
    /// <summary>Rows of a block of the embedding's backward kernels, a warp each.</summary>
    public const int EmbeddingWarps = 4;

    public static readonly Kernel<PatchesArguments> PatchesForward = new("patches_forward", 256);
    public static readonly Kernel<PatchesArguments> PatchesBackward = new("patches_backward", 256);
    public static readonly Kernel<AssembleTokensForwardArguments> AssembleTokensForward = new("assemble_tokens_forward", RowLaunch.Threads);
    public static readonly Kernel<AssembleTokensBackwardArguments> AssembleTokensBackward = new("assemble_tokens_backward", RowLaunch.ColumnThreads);
    public static readonly Kernel<EmbeddingForwardArguments> EmbeddingForward = new("embedding_forward", RowLaunch.Threads);
    public static readonly Kernel<EmbeddingOrderArguments> EmbeddingOrder = new("embedding_order", 32 * EmbeddingWarps);
    public static readonly Kernel<EmbeddingRunsArguments> EmbeddingRuns = new("embedding_runs", 32 * EmbeddingWarps);
    public static readonly Kernel<EmbeddingRunsArguments> EmbeddingSums = new("embedding_sums", 32 * EmbeddingWarps);
    public static readonly Kernel<MeanPoolArguments> MeanPoolForward = new("mean_pool_forward", RowLaunch.ColumnThreads);
    public static readonly Kernel<MeanPoolArguments> MeanPoolBackward = new("mean_pool_backward", RowLaunch.ColumnThreads);
}

[StructLayout(LayoutKind.Sequential)]
internal struct PatchesArguments
{
    public RowsArgument Patches;
    public nint Images;
    public int Planes;
    public int Channels;
    public int Height;
    public int Width;
    public int Side;
    public int Packet;
}

[StructLayout(LayoutKind.Sequential)]
internal struct AssembleTokensForwardArguments
{
    public RowsArgument Hidden;
    public RowsArgument Patches;
    public RowsArgument Prefix;
    public RowsArgument Positions;
    public int Rows;
    public int Columns;
    public int Tokens;
    public int PrefixRows;
    public int PositionStart;
    public int LanesLog2;
}

[StructLayout(LayoutKind.Sequential)]
internal struct AssembleTokensBackwardArguments
{
    public RowsArgument PatchGradient;
    public RowsArgument PrefixGradient;
    public RowsArgument PositionGradient;
    public RowsArgument HiddenGradient;
    public int Batch;
    public int Columns;
    public int Tokens;
    public int PrefixRows;
    public int PositionStart;
    public int Absolute;
}

[StructLayout(LayoutKind.Sequential)]
internal struct EmbeddingForwardArguments
{
    public RowsArgument Hidden;
    public RowsArgument Table;
    public nint Ids;
    public int Rows;
    public int Columns;
    public int Accumulate;
    public int LanesLog2;
}

[StructLayout(LayoutKind.Sequential)]
internal struct EmbeddingOrderArguments
{
    public nint Order;
    public nint SortedIds;
    public nint Ids;
    public int Rows;
    public int Unused;
}

[StructLayout(LayoutKind.Sequential)]
internal struct EmbeddingRunsArguments
{
    public RowsArgument TableGradient;
    public RowsArgument HiddenGradient;
    public RowsArgument Partials;
    public nint Next;
    public nint Order;
    public nint SortedIds;
    public int Rows;
    public int Columns;
    public int Section;
    public int Absolute;
}

[StructLayout(LayoutKind.Sequential)]
internal struct MeanPoolArguments
{
    public RowsArgument Hidden;
    public RowsArgument Pooled;
    public nint Mask;
    public int Columns;
    public int Tokens;
    public int FirstToken;
    public int Unused;
}
