namespace MergeEngine.Tensors.Safetensors;

/// <summary>
/// Orders strings by their UTF-8 bytes, as Rust and C do. It differs from .NET's ordinal order only where a surrogate pair meets
/// U+E000 to U+FFFF.
/// </summary>
internal sealed class Utf8Order : IComparer<string>
{
    public static Utf8Order Instance { get; } = new();

    public int Compare(string? x, string? y)
    {
        if (x is null || y is null) return (x is null ? 0 : 1) - (y is null ? 0 : 1);
        int common = x.AsSpan().CommonPrefixLength(y);
        if (common == x.Length || common == y.Length) return x.Length.CompareTo(y.Length);
        char a = x[common], b = y[common];
        int order = char.IsSurrogate(a).CompareTo(char.IsSurrogate(b));
        return order != 0 ? order : a.CompareTo(b);
    }
}
