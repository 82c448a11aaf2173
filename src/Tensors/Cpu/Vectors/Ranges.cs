namespace MergeEngine.Tensors.Cpu.Vectors;

/// <summary>The lengths of the ranges that vectors are cut into. They are constants, so no result depends on the machine.</summary>
internal static class Ranges
{
    /// <summary>
    /// Elements of one task: 128 KiB of float32, enough for the hand-out of a task to cost nothing, and little enough that several vectors
    /// of a million elements keep four threads busy.
    /// </summary>
    public const int Length = 32 * 1024;

    /// <summary>
    /// Elements that a pass over several vectors asks for ahead of those it works on. The processor's own reading ahead loses track of many
    /// streams of which each is read a little at a time.
    /// </summary>
    public const int Ahead = 256;

    /// <summary>Elements of one partial sum of a float64 reduction. A change alters the last bits of every norm.</summary>
    public const int Sum = Operations.SumTree.Block;

    /// <summary>Elements of one task of a histogram.</summary>
    public const int Histogram = 64 * 1024;
}
