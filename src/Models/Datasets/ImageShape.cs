namespace MergeEngine.Models.Datasets;

/// <summary>Channels, height and width of an image in pixels.</summary>
public readonly record struct ImageShape(int Channels, int Height, int Width)
{
    /// <summary>Values of one image.</summary>
    public int Length => checked(Channels * Height * Width);

    /// <summary>As shapes are written: <c>[3, 224, 224]</c>.</summary>
    public override string ToString() => $"[{Channels}, {Height}, {Width}]";
}
