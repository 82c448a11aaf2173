using MergeEngine.Embeddings.Tests.Support;
using MergeEngine.Tensors;

namespace MergeEngine.Embeddings.Tests.Batching;

/// <summary>A text of megabytes is cut to what the model takes, and what tokenizing it took is not kept. Alone, because it measures the memory of the process.</summary>
[Collection(nameof(AloneCollection))]
public sealed class LongTextTests : IDisposable
{
    private readonly TinyTextModel _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public async Task A_text_of_megabytes_leaves_no_memory_behind()
    {
        using Device device = Device.Open("cpu", threads: 1);
        using BatchedTextEncoder encoder = BatchedTextEncoder.Load(device, _files.Base);
        string text = string.Concat(Enumerable.Repeat("good ", 400_000)), start = string.Concat(Enumerable.Repeat("good ", 20));
        TextOutput expected = await encoder.RunAsync(start);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        TextOutput output = await encoder.RunAsync(text);
        long growth = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.Equal(TinyTextModel.Config.Positions, output.TokenCount);
        Assert.Equal(expected.Embedding.ToArray(), output.Embedding.ToArray());
        // Two million code points took 80 MB, which the thread would have held for good.
        Assert.True(growth < 4 << 20, $"The heap grew by {growth} bytes.");
        GC.KeepAlive(text);
    }
}
