namespace MergeEngine.Merging.TensorMethods;

/// <summary>How much of a tensor a sample shows a merge before its first pass (<see cref="TensorMerge.Sample"/>).</summary>
internal static class SampleSize
{
    /// <summary>Elements of a piece: a call of the system for each must not cost more than what it brings.</summary>
    public const int Piece = 128;

    /// <summary>The tensor's share of which about one piece is taken.</summary>
    private const int Share = 64;

    /// <summary>Pieces of a tensor: fewer foretell too little, more hardly more.</summary>
    private const int Least = 128, Most = 8192;

    /// <summary>Of a stretch with a piece in it the least that saves more than the sample costs, in pieces.</summary>
    private const int LeastStretch = 16;

    /// <summary>Whether looking at a part of a tensor saves anything.</summary>
    public static bool IsWorthIt(long elements) => elements / Pieces(elements) >= LeastStretch * Piece;

    /// <summary>Pieces of a tensor of so many elements.</summary>
    public static long Pieces(long elements) => Math.Clamp(elements / (Share * Piece), Least, Most);
}
