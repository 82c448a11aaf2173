namespace MergeEngine.Tensors.Cuda.Kernels;

/// <summary>The three kernels of attention for one precision and head width, with their tiles and the shared memory that these take.</summary>
internal sealed class AttentionVariant
{
    private AttentionVariant(
        int width, AttentionStage<AttentionForwardArguments> forward, AttentionStage<AttentionBackwardArguments> keyValueGradients,
        AttentionStage<AttentionBackwardArguments> queryGradients)
    {
        Width = width;
        Forward = forward;
        KeyValueGradients = keyValueGradients;
        QueryGradients = queryGradients;
    }

    /// <summary>Widest head.</summary>
    public int Width { get; }

    public AttentionStage<AttentionForwardArguments> Forward { get; }

    public AttentionStage<AttentionBackwardArguments> KeyValueGradients { get; }

    public AttentionStage<AttentionBackwardArguments> QueryGradients { get; }

    /// <summary>Tiles of 8·R rows against 16·C, in float32 (attention_products_float32.cuh).</summary>
    public static AttentionVariant Float32(
        int width, Kernel<AttentionForwardArguments> forwardKernel, Kernel<AttentionBackwardArguments> keyValueKernel, Kernel<AttentionBackwardArguments> queryKernel,
        (int R, int C) forward, (int R, int C) backward)
    {
        int Tile(int rows) => rows * (width + 4);
        int own = 8 * forward.R, other = 16 * forward.C;
        var first = new AttentionStage<AttentionForwardArguments>(forwardKernel, own, Tile(own) + (2 * Tile(other)) + (own * (other + 4)) + other);
        own = 8 * backward.R;
        other = 16 * backward.C;
        int tiles = (2 * Tile(own)) + (2 * Tile(other)), weights = own * (other + 4);
        return new(width, first, new(keyValueKernel, own, tiles + (2 * weights) + (2 * other)), new(queryKernel, own, tiles + weights + other));
    }

    /// <summary>64 rows of a block against tiles of that many tokens, rounded to TF32 (attention_fragments.cuh).</summary>
    public static AttentionVariant TF32(
        int width, Kernel<AttentionForwardArguments> forwardKernel, Kernel<AttentionBackwardArguments> keyValueKernel, Kernel<AttentionBackwardArguments> queryKernel,
        int forward, int backward)
    {
        // One tile serves products along rows and along columns.
        int Tile(int rows) => rows * (width + 4);
        return Tensor(width, forwardKernel, keyValueKernel, queryKernel, forward, backward, Tile(TensorRows), (Tile(forward), Tile(forward)), (Tile(backward), 0));
    }

    /// <summary>The same, rounded to bfloat16.</summary>
    public static AttentionVariant BF16(
        int width, Kernel<AttentionForwardArguments> forwardKernel, Kernel<AttentionBackwardArguments> keyValueKernel, Kernel<AttentionBackwardArguments> queryKernel,
        int forward, int backward)
    {
        int Rows(int rows) => rows * ((width / 2) + 4);
        int Columns(int rows) => rows / 2 * (width + 8);
        return Tensor(
            width, forwardKernel, keyValueKernel, queryKernel, forward, backward, Rows(TensorRows), (Rows(forward), Columns(forward)), (Rows(backward), Columns(backward)));
    }

    private const int TensorRows = 64;

    private static AttentionVariant Tensor(
        int width, Kernel<AttentionForwardArguments> forwardKernel, Kernel<AttentionBackwardArguments> keyValueKernel, Kernel<AttentionBackwardArguments> queryKernel,
        int forwardTile, int backwardTile, int own, (int Rows, int Columns) forward, (int Rows, int Columns) backward)
    {
        int tiles = (2 * own) + (2 * backward.Rows);
        return new(
            width,
            new(forwardKernel, TensorRows, forward.Rows + forward.Columns + forwardTile),
            new(keyValueKernel, TensorRows, tiles + (2 * backward.Columns) + (2 * backwardTile)),
            new(queryKernel, TensorRows, tiles + backward.Columns + backwardTile));
    }
}

/// <summary>One kernel of attention and how it is launched.</summary>
internal sealed class AttentionStage<TArguments>(Kernel<TArguments> kernel, int tileRows, int sharedWords)
    where TArguments : unmanaged
{
    public Kernel<TArguments> Kernel { get; } = kernel;

    /// <summary>Tokens that a block owns.</summary>
    public int TileRows { get; } = tileRows;

    public int SharedBytes { get; } = sharedWords * sizeof(float);
}
