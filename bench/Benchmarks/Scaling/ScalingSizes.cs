namespace MergeEngine.Benchmarks.Scaling;

/// <summary>How far costs are followed: in batch, depth, width, parameters and threads.</summary>
internal sealed record ScalingSizes
{
    /// <summary>Side of the images, 32 pixels a patch.</summary>
    public int Side { get; init; } = 224;

    /// <summary>Width of the encoders, 64 for each head, where width is not what changes.</summary>
    public int Width { get; init; } = 768;

    /// <summary>Blocks of the encoders, where depth is not what changes.</summary>
    public int Layers { get; init; } = 12;

    public int[] Batches { get; init; } = [1, 2, 4, 8, 16, 24, 32];

    public int[] Depths { get; init; } = [2, 4, 6, 8, 10, 12];

    public int[] Widths { get; init; } = [192, 384, 576, 768];

    /// <summary>Images of a pass, where the batch is not what changes.</summary>
    public int Batch { get; init; } = 8;

    /// <summary>Tensors of <see cref="TensorRows"/> x 768 in each of the eight models that are merged.</summary>
    public int[] Tensors { get; init; } = [1, 2, 4, 6, 8];

    public int TensorRows { get; init; } = 3072;

    /// <summary>Rows and columns of the products that are spread over threads.</summary>
    public int Product { get; init; } = 2048;

    /// <summary>Images of the training step that is spread over threads.</summary>
    public int ThreadBatch { get; init; } = 32;

    /// <summary>Measurements of each point; the best counts.</summary>
    public int Rounds { get; init; } = 7;
}
