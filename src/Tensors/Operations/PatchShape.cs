namespace MergeEngine.Tensors.Operations;

/// <summary>Sizes of the cut of images [Batch, Channels, Height, Width] into square patches without overlap, in row-major order.</summary>
/// <param name="Batch">Number of images.</param>
/// <param name="Channels">Channels of an image.</param>
/// <param name="Height">Height in pixels; a remainder below one patch is not read, as in a strided convolution.</param>
/// <param name="Width">Width in pixels.</param>
/// <param name="Patch">Side of a patch in pixels.</param>
public readonly record struct PatchShape(int Batch, int Channels, int Height, int Width, int Patch)
{
    public int PatchesPerImage => checked((Height / Patch) * (Width / Patch));

    /// <summary>Values of one patch, in the order channel, row, column: the layout of a convolution's weight [out, C, p, p].</summary>
    public int PatchLength => checked(Channels * Patch * Patch);

    public long ImageLength => (long)Channels * Height * Width;
}
