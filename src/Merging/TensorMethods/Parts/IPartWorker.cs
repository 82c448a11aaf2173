namespace MergeEngine.Merging.TensorMethods.Parts;

/// <summary>What one thread needs to do parts of a merge, one after the other: its memory above all.</summary>
internal interface IPartWorker : IDisposable
{
    /// <summary>Does a part. It writes nothing that another part reads or writes.</summary>
    void Do(int part);
}
