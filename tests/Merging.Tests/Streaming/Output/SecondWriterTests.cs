using System.Diagnostics;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Streaming.Output;

/// <summary>Several that write the same output at once: each writes it whole or is told that another does, and none takes another's files for something left behind.</summary>
public sealed class SecondWriterTests : IDisposable
{
    private const int Rounds = 150;

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Threads_write_the_same_output_one_after_the_other_or_are_refused()
    {
        string path = directory.File("out");
        int[] written = new int[3];
        Parallel.For(0, written.Length, new ParallelOptions { MaxDegreeOfParallelism = written.Length }, i => written[i] = Contend(path, Rounds));
        Assert.True(written.Sum() > 0);
        AssertWholeAndAlone(path);
    }

    [Fact]
    public void Processes_write_the_same_output_one_after_the_other_or_are_refused()
    {
        string path = directory.File("out");
        Process[] writers = [.. Enumerable.Range(0, 3).Select(_ => WriterProcess.StartContender(path))];
        foreach (Process writer in writers)
        {
            string error = writer.StandardError.ReadToEnd();
            writer.WaitForExit();
            Assert.True(writer.ExitCode == 0, error);
            writer.Dispose();
        }

        AssertWholeAndAlone(path);
    }

    [Fact]
    public async Task What_a_writer_makes_and_removes_is_not_taken_for_something_in_the_way()
    {
        string path = directory.File("out");
        Task writing = Task.Run(() =>
        {
            for (int round = 0; round < Rounds; round++)
            {
                SyntheticModel.Write(path, SyntheticModel.Small, SyntheticModel.Options with { Overwrite = true, Threads = 1 });
            }
        });
        int asked = 0;
        for (; !writing.IsCompleted || asked == 0; asked++) OutputDirectory.RequirePossible(path, overwrite: true);
        await writing;
        AssertWholeAndAlone(path);
    }

    [Fact]
    public async Task Threads_that_write_one_file_all_succeed_and_a_reader_always_finds_it_whole()
    {
        string path = directory.File("x.safetensors");
        SafetensorsWriter.Write(path, [WeightsOf(0)]);
        using var done = new CancellationTokenSource();
        Task reading = Task.Run(() =>
        {
            while (!done.IsCancellationRequested)
            {
                using SafetensorsFile file = SafetensorsFile.Open(path);
                Assert.Single(file.ReadFloat32("w").Distinct());
            }
        });
        Parallel.For(0, 3, new ParallelOptions { MaxDegreeOfParallelism = 3 }, i =>
        {
            for (int round = 0; round < Rounds; round++) SafetensorsWriter.Write(path, [WeightsOf(i)]);
        });
        await done.CancelAsync();
        await reading;
        Assert.Equal([path], Directory.GetFileSystemEntries(directory.Path));
    }

    /// <summary>Files of one directory, opened one after the other while another takes its place, are not of one model by themselves.</summary>
    [Fact]
    public async Task A_reader_of_a_model_in_several_files_that_is_replaced_finds_one_version_whole()
    {
        string path = directory.File("out");
        Assert.True(SyntheticModel.Small.Shards.Count > 1);
        SyntheticModel.Write(path, SyntheticModel.Small);
        Task writing = Task.Run(() =>
        {
            for (int version = 1; version <= Rounds; version++) SyntheticModel.Write(path, SyntheticModel.Small, SyntheticModel.Options with { Overwrite = true, Threads = 1 }, version);
        });
        int read = 0, verified = 0;
        while (!writing.IsCompleted || read == 0 || verified == 0)
        {
            try
            {
                using (Checkpoint model = Checkpoint.Open(path)) Assert.Contains(Enumerable.Range(0, Rounds + 1), version => IsOf(model, version));
                read++;
                Assert.Empty(OutputVerification.Run(path, 1).Differences);
                verified++;
            }
            catch (SafetensorsException e) when (e.Message.EndsWith("expected a model that stays as it is.", StringComparison.Ordinal))
            {
            }
        }

        await writing;
        AssertWholeAndAlone(path);
    }

    [Fact]
    public void A_name_is_held_by_one_at_a_time_and_goes_with_the_last()
    {
        string path = directory.File("name");
        int inside = 0, most = 0;
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4 }, _ =>
        {
            for (int round = 0; round < Rounds; round++)
            {
                using NameLock name = NameLock.Take(path);
                int now = Interlocked.Increment(ref inside);
                if (now > most) most = now;
                Assert.Null(NameLock.TryTake(path));
                Interlocked.Decrement(ref inside);
            }
        });
        Assert.Equal(1, most);
        // What a killed process leaves.
        File.WriteAllText(path, "");
        using (NameLock.TryTake(path)) Assert.Null(NameLock.TryTake(path));
        Assert.False(File.Exists(path));
    }

    /// <summary>Writes again and again; a refusal must be the one sentence.</summary>
    /// <returns>How often it wrote.</returns>
    internal static int Contend(string path, int rounds)
    {
        int written = 0;
        for (int round = 0; round < rounds; round++)
        {
            try
            {
                SyntheticModel.Write(path, SyntheticModel.Small, SyntheticModel.Options with { Overwrite = true, Threads = 1 });
                written++;
            }
            catch (SafetensorsException e) when (e.Message.StartsWith($"{path}: is being written by another merge", StringComparison.Ordinal))
            {
            }
        }

        return written;
    }

    private static bool IsOf(Checkpoint model, int version) =>
        SyntheticModel.Small.Tensors.All(t => model.GetSpan(t.Name).SequenceEqual(SyntheticModel.BytesOf(t, 0, (int)t.ByteLength, version)));

    private static TensorContent WeightsOf(int value)
    {
        float[] values = new float[10_000];
        Array.Fill(values, value);
        return TensorContent.FromFloat32("w", new Tensors.Numerics.Shape(values.Length), values);
    }

    private void AssertWholeAndAlone(string path)
    {
        Assert.Empty(OutputVerification.Run(path, 1).Differences);
        Assert.Equal([path], Directory.GetFileSystemEntries(directory.Path));
    }
}
