namespace MergeEngine.Merging.Streaming.Planning;

/// <summary>Gives memory back that planning has used, where it is much: a hundred thousand names leave hundreds of MiB, which would count as memory of the merge.</summary>
internal static class PlanGarbage
{
    private const long Much = 64 << 20;
    private const int ManyTensors = 20_000;

    /// <summary>After parsing that is large whatever the number of tensors, such as that of tokenizers.</summary>
    public static void Drop()
    {
        if (GC.GetTotalMemory(false) > Much) GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
    }

    /// <summary>After a step over all tensors.</summary>
    public static void Drop(int tensors)
    {
        if (tensors > ManyTensors) Drop();
    }
}
