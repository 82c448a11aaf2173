using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Streaming.Output;

/// <summary>An output has many more weight files than a process may have open.</summary>
public sealed class OpenShardsTests : IDisposable
{
    private const int Shards = 300, Elements = 64;

    private readonly TemporaryDirectory directory = new(inMemory: true);

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Few_files_are_open_in_whatever_order_they_are_used()
    {
        var open = new OpenShards();
        OpenShards.Entry[] files = [.. Enumerable.Range(0, 50).Select(i => open.Add(() => File.OpenHandle(directory.File($"{i}"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None)))];
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < files.Length; i++)
            {
                // A step that has no factor in common with 50: each file once a round, never one after the other.
                using OpenShards.Lease lease = files[i * 17 % 50].Use();
                RandomAccess.Write(lease.Handle, [(byte)i], round);
                Assert.InRange(open.Count, 1, OpenShards.Most);
            }
        }

        Assert.Equal(OpenShards.Most, open.Count);
        foreach (OpenShards.Entry file in files) file.Finish();
        Assert.Equal(0, open.Count);
        for (int i = 0; i < files.Length; i++) Assert.Equal([(byte)i, (byte)i, (byte)i], File.ReadAllBytes(directory.File($"{i * 17 % 50}")));
    }

    [Fact]
    public void A_file_in_use_is_not_closed()
    {
        var open = new OpenShards();
        OpenShards.Entry[] files = [.. Enumerable.Range(0, 20).Select(i => open.Add(() => File.OpenHandle(directory.File($"{i}"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None)))];
        OpenShards.Lease[] leases = [.. files.Select(f => f.Use())];
        Assert.Equal(files.Length, open.Count);
        files[3].Finish();
        RandomAccess.Write(leases[3].Handle, [1], 0);
        foreach (OpenShards.Lease lease in leases) lease.Dispose();
        Assert.True(leases[3].Handle.IsClosed);
        Assert.Equal(files.Length - 1, open.Count);
        foreach (OpenShards.Entry file in files) file.Dispose();
        Assert.Equal(0, open.Count);
        Assert.Throws<ObjectDisposedException>(() => files[0].Use());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_output_of_many_files_is_the_same_whatever_the_order_of_writing(bool hash)
    {
        OutputPlan plan = OutputPlan.Create(Enumerable.Range(0, Shards).Select(i => new OutputTensor($"t{i:000}", DType.F32, new Shape(Elements))), Elements * sizeof(float));
        Assert.Equal(Shards, plan.Shards.Count);
        string path = directory.File("out");
        using (OutputDirectory output = OutputDirectory.Open(path, plan, SyntheticModel.Description(), new OutputOptions { Hash = hash, Threads = 2 }))
        {
            foreach (int half in (int[])[0, 1])
            {
                for (int i = 0; i < Shards; i++)
                {
                    // First halves of all, then second halves: no file is whole before all are begun.
                    PlannedTensor tensor = plan[$"t{i * 7 % Shards:000}"];
                    int bytes = (int)tensor.ByteLength / 2;
                    output.Write(tensor, half * bytes, Enumerable.Repeat((byte)(i * 7 % Shards % 251), bytes).ToArray());
                    if (i % 20 == 0) Assert.InRange(OpenFiles(path), 0, OpenShards.Most);
                }
            }

            output.Complete();
        }

        using Checkpoint written = Checkpoint.Open(path);
        for (int i = 0; i < Shards; i++) Assert.True(written.GetSpan($"t{i:000}").IndexOfAnyExcept((byte)(i % 251)) < 0);
        if (hash) Assert.Empty(OutputVerification.Run(path, threads: 1).Differences);
    }

    /// <summary>Weight files of an output that this process has open; 0 where the system does not tell.</summary>
    private static int OpenFiles(string path) => !Directory.Exists("/proc/self/fd") ? 0
        : Directory.GetFiles("/proc/self/fd").Count(f => new FileInfo(f).LinkTarget is { } target && target.StartsWith(Path.GetDirectoryName(path)!, StringComparison.Ordinal) && target.Contains(".safetensors", StringComparison.Ordinal));
}
