using System.Buffers;
using System.Globalization;

namespace MergeEngine.Tensors.Cuda.Interop;

/// <summary>What a driver must be to compile PTX of some version.</summary>
internal static class PtxVersion
{
    private static readonly SearchValues<byte> s_decimal = SearchValues.Create("0123456789."u8);

    /// <summary>The version that the text asks for in its <c>.version</c> line, times ten: 80 for 8.0; 0 where there is none.</summary>
    public static int Of(ReadOnlySpan<byte> ptx)
    {
        ReadOnlySpan<byte> directive = ".version "u8;
        int at = ptx.IndexOf(directive);
        if (at < 0) return 0;
        ReadOnlySpan<byte> rest = ptx[(at + directive.Length)..].TrimStart((byte)' ');
        int end = rest.IndexOfAnyExcept(s_decimal);
        return decimal.TryParse(end < 0 ? rest : rest[..end], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal version) ? (int)(version * 10) : 0;
    }

    /// <summary>The CUDA version that introduced it, after the release table of the PTX ISA manual, as cuDriverGetVersion counts: 12000.</summary>
    public static int Needs(int ptxVersion) => ptxVersion switch
    {
        >= 90 => 13000 + ((ptxVersion - 90) * 10),
        >= 87 => 12080 + ((ptxVersion - 87) * 10),
        86 => 12070,
        >= 80 => 12000 + ((ptxVersion - 80) * 10),
        >= 70 => 11000 + ((ptxVersion - 70) * 10),
        _ => 10000,
    };

    /// <summary>12040 as "12.4".</summary>
    public static string Cuda(int version) => $"{version / 1000}.{version % 1000 / 10}";
}
