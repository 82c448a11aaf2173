namespace MergeEngine.Tests.Support;

/// <summary>A directory that is gone when the test ends.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    /// <param name="inMemory">On a file system without a disk, where the system has one: for tests of many small outputs, each of which is synced.</param>
    public TemporaryDirectory(bool inMemory = false)
    {
        const string memory = "/dev/shm";
        Path = inMemory && Directory.Exists(memory)
            ? Directory.CreateDirectory(System.IO.Path.Combine(memory, $"merge-engine-{Guid.NewGuid():n}")).FullName
            : Directory.CreateTempSubdirectory("merge-engine-").FullName;
    }

    public string Path { get; }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
