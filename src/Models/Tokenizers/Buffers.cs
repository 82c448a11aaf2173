namespace MergeEngine.Models.Tokenizers;

/// <summary>Arrays that grow with the longest text and are kept.</summary>
internal static class Buffers
{
    /// <summary>At least <paramref name="needed"/>, and twice the old size, so that growing costs constant time an element.</summary>
    public static int Grown(int size, long needed) => needed <= Array.MaxLength
        ? (int)Math.Min(Math.Max(needed, size * 2L), Array.MaxLength)
        : throw new ModelException($"a text needs {needed} elements at once, expected at most {Array.MaxLength}: cut it into smaller ones.");

    /// <summary>Makes room for <paramref name="needed"/> elements; old values need not survive.</summary>
    public static void Ensure<T>(ref T[] array, long needed)
    {
        if (array.Length < needed) array = new T[Grown(array.Length, needed)];
    }
}
