namespace MergeEngine.Tensors.Cpu.Kernels;

/// <summary>
/// Where work is cut into tasks: by its size alone, never by the number of threads, so that every sum has the same order on every machine.
/// </summary>
internal static class Blocks
{
    /// <summary>Elements of a flat vector in one task: 64 KiB a vector, small enough for the second-level cache, large enough to be worth a dispatch.</summary>
    public const int Elements = 16384;

    public static int Count(long length, int block) => checked((int)((length + block - 1) / block));

    /// <summary>Rows in one task, so that it has about <paramref name="elements"/> elements.</summary>
    public static int RowsFor(int width, int elements = Elements) => Math.Max(1, elements / Math.Max(1, width));
}
