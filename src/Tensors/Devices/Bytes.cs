using System.Globalization;

namespace MergeEngine.Tensors;

/// <summary>Amounts of memory in words.</summary>
internal static class Bytes
{
    public static string Describe(long bytes) => bytes switch
    {
        1 => "1 byte",
        < 1L << 20 => string.Create(CultureInfo.InvariantCulture, $"{bytes} bytes"),
        < 1L << 30 => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 20):0.#} MiB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1L << 30):0.##} GiB"),
    };
}
