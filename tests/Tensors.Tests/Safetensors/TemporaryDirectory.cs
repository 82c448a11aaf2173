namespace MergeEngine.Tensors.Tests.Safetensors;

/// <summary>A directory of its own for one test, removed at the end.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("safetensors-").FullName;

    public string this[string name] => Path.Combine(Root, name);

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
