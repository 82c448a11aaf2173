using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Streaming.Output;

/// <summary>A merge that was stopped anywhere goes on to the same bytes, and only as itself.</summary>
public sealed class ResumeTests : IDisposable
{
    private static readonly OutputOptions s_keep = SyntheticModel.Options with { KeepPartial = true };
    private static readonly OutputOptions s_resume = s_keep with { Resume = true };

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData(OutputStep.Allocated, 1)]
    [InlineData(OutputStep.Written, 1)]
    [InlineData(OutputStep.Written, 20)]
    [InlineData(OutputStep.Written, 45)]
    [InlineData(OutputStep.PieceNoted, 1)]
    [InlineData(OutputStep.PieceNoted, 3)]
    [InlineData(OutputStep.FilesSynced, 1)]
    [InlineData(OutputStep.ManifestWritten, 1)]
    [InlineData(OutputStep.FilesNamed, 1)]
    internal void A_stop_at_any_step_is_gone_on_with_to_the_same_bytes(OutputStep stop, int times)
    {
        string path = directory.File("out"), whole = directory.File("whole");
        SyntheticModel.Write(whole, SyntheticModel.Large);
        Stop(path, stop, times);
        Assert.False(Directory.Exists(path));
        using (OutputDirectory output = OutputDirectory.Open(path, SyntheticModel.Large, SyntheticModel.Of("version: 0\n"), s_resume))
        {
            Assert.Equal(0, output.RejectedBytes);
            if (stop >= OutputStep.FilesSynced) Assert.Equal(SyntheticModel.Large.FileBytes, output.RestoredBytes);
            // Another size of chunks, so that they lie across what is there.
            SyntheticModel.WriteAll(output, SyntheticModel.Large, 777_777);
            output.AddFile("config.json", """{"model_type":"none"}"""u8);
            output.Complete();
        }

        SyntheticModel.AssertSameFiles(whole, path);
        Assert.Empty(OutputVerification.Run(path, 2).Differences);
        Assert.Equal(2, Directory.GetFileSystemEntries(directory.Path).Length);
    }

    [Fact]
    public void What_is_written_already_is_not_asked_for_again()
    {
        string path = directory.File("out");
        Stop(path, OutputStep.PieceNoted, 2);
        using OutputDirectory output = OutputDirectory.Open(path, SyntheticModel.Large, SyntheticModel.Of("version: 0\n"), s_resume);
        Assert.True(output.RestoredBytes > 0);
        long left = SyntheticModel.Chunks(SyntheticModel.Large, 1 << 20).Where(c => !output.IsWritten(c.Tensor, c.First, c.Count)).Sum(c => c.Count);
        Assert.InRange(left, 1, SyntheticModel.Large.TotalSize - (output.RestoredBytes / 2));
    }

    [Fact]
    public void Bytes_that_were_changed_since_are_found_and_written_again()
    {
        string path = directory.File("out"), whole = directory.File("whole");
        SyntheticModel.Write(whole, SyntheticModel.Large);
        Stop(path, OutputStep.FilesSynced, 1);
        string shard = Directory.GetFiles(Path.Combine(directory.File(".out.merge-engine.partial"), "model"), "*.safetensors.partial").Order().First();
        Flip(shard, 100_000);
        using (OutputDirectory output = OutputDirectory.Open(path, SyntheticModel.Large, SyntheticModel.Of("version: 0\n"), s_resume))
        {
            Assert.True(output.RejectedBytes > 0);
            SyntheticModel.WriteAll(output, SyntheticModel.Large);
            output.AddFile("config.json", """{"model_type":"none"}"""u8);
            output.Complete();
        }

        SyntheticModel.AssertSameFiles(whole, path);
    }

    [Fact]
    public void A_shard_that_is_gone_or_cut_is_written_again()
    {
        string path = directory.File("out"), whole = directory.File("whole");
        SyntheticModel.Write(whole, SyntheticModel.Large);
        Stop(path, OutputStep.FilesSynced, 1);
        string[] shards = [.. Directory.GetFiles(Path.Combine(directory.File(".out.merge-engine.partial"), "model"), "*.safetensors.partial").Order()];
        File.Delete(shards[0]);
        using (FileStream cut = File.OpenWrite(shards[1])) cut.SetLength(1000);
        using (OutputDirectory output = OutputDirectory.Open(path, SyntheticModel.Large, SyntheticModel.Of("version: 0\n"), s_resume))
        {
            SyntheticModel.WriteAll(output, SyntheticModel.Large);
            output.AddFile("config.json", """{"model_type":"none"}"""u8);
            output.Complete();
        }

        SyntheticModel.AssertSameFiles(whole, path);
    }

    [Fact]
    public void A_journal_with_one_flipped_bit_is_refused_or_changes_nothing()
    {
        string path = directory.File("out"), journal = directory.File(".out.merge-engine.partial/journal");
        Stop(path, OutputStep.FilesSynced, 1);
        byte[] good = File.ReadAllBytes(journal);
        int refused = 0;
        for (int at = 0; at < good.Length; at += 7)
        {
            byte[] bad = [.. good];
            bad[at] ^= 1;
            File.WriteAllBytes(journal, bad);
            try
            {
                using OutputDirectory output = OutputDirectory.Open(path, SyntheticModel.Large, SyntheticModel.Of("version: 0\n"), s_resume);
                // The end of the last line: that piece is written again.
                Assert.True(output.RestoredBytes < SyntheticModel.Large.FileBytes);
            }
            catch (Tensors.Safetensors.SafetensorsException e)
            {
                Assert.EndsWith(".", e.Message, StringComparison.Ordinal);
                refused++;
            }
        }

        Assert.True(refused > 10);
        File.WriteAllBytes(journal, good);
        using OutputDirectory again = OutputDirectory.Open(path, SyntheticModel.Large, SyntheticModel.Of("version: 0\n"), s_resume);
        Assert.Equal(SyntheticModel.Large.FileBytes, again.RestoredBytes);
    }

    [Fact]
    public void A_journal_of_an_older_version_is_refused_and_kept()
    {
        string path = directory.File("out"), journal = directory.File(".out.merge-engine.partial/journal");
        Stop(path, OutputStep.FilesSynced, 1);
        File.WriteAllText(journal, File.ReadAllText(journal).Replace("merge-engine journal 3", "merge-engine journal 2", StringComparison.Ordinal));
        OutputDirectoryTests.Refused(() => OutputDirectory.Open(path, SyntheticModel.Large, SyntheticModel.Of("version: 0\n"), s_resume), journal, "older version");
        Assert.True(File.Exists(journal));
    }

    [Fact]
    public void Another_merge_is_refused_and_what_is_there_is_kept()
    {
        string path = directory.File("out"), input = directory.File("input.bin");
        File.WriteAllText(input, "weights");
        using (var file = new InputFile(input)) Stop(path, OutputStep.FilesSynced, 1, SyntheticModel.Of("version: 0\n", file));
        using (var same = new InputFile(input))
        {
            Refuse(SyntheticModel.Of("version: 1\n", same), SyntheticModel.Large, "recipe");
            Refuse(SyntheticModel.Of("version: 0\n"), SyntheticModel.Large, "input");
            Refuse(SyntheticModel.Of("version: 0\n", same), OutputPlan.Create([new("a", DType.F32, new Shape(3))]), "tensors");
            Refuse(new() { Recipe = "version: 0\n", Dialect = "paper", Seed = 7, Inputs = [same] }, SyntheticModel.Large, "dialect");
            Refuse(new() { Recipe = "version: 0\n", Dialect = "mergekit", Seed = 8, Inputs = [same] }, SyntheticModel.Large, "seed");
            Refuse(new() { Recipe = "version: 0\n", Dialect = "mergekit", Seed = 7, Inputs = [same] }, SyntheticModel.Large, "options");
            using OutputDirectory output = OutputDirectory.Open(path, SyntheticModel.Large, SyntheticModel.Of("version: 0\n", same), s_resume);
            Assert.Equal(SyntheticModel.Large.FileBytes, output.RestoredBytes);
        }

        File.WriteAllText(input, "Weights");
        File.SetLastWriteTimeUtc(input, DateTime.UtcNow.AddSeconds(5));
        using (var changed = new InputFile(input)) Refuse(SyntheticModel.Of("version: 0\n", changed), SyntheticModel.Large, input);

        void Refuse(MergeDescription description, OutputPlan plan, string mention) =>
            OutputDirectoryTests.Refused(() => OutputDirectory.Open(path, plan, description, SyntheticModel.Options with { Resume = true }), path, mention);
    }

    [Fact]
    public void Without_resume_a_stopped_merge_begins_anew()
    {
        string path = directory.File("out");
        Stop(path, OutputStep.FilesSynced, 1);
        using OutputDirectory output = OutputDirectory.Open(path, SyntheticModel.Small, SyntheticModel.Description(), SyntheticModel.Options);
        Assert.Equal(0, output.RestoredBytes);
        SyntheticModel.WriteAll(output, SyntheticModel.Small);
        output.Complete();
        Assert.Empty(OutputVerification.Run(path, 1).Differences);
    }

    [Fact]
    public void Without_hashes_a_stopped_merge_is_written_again_whole()
    {
        string path = directory.File("out");
        Stop(path, OutputStep.FilesSynced, 1, options: s_keep with { Hash = false });
        using OutputDirectory output = OutputDirectory.Open(path, SyntheticModel.Large, SyntheticModel.Of("version: 0\n"), s_resume);
        Assert.Equal(0, output.RestoredBytes + output.RejectedBytes);
        SyntheticModel.WriteAll(output, SyntheticModel.Large);
        output.Complete();
        Assert.Empty(OutputVerification.Run(path, 1).Differences);
    }

    internal static void Flip(string file, long at)
    {
        using FileStream stream = new(file, FileMode.Open, FileAccess.ReadWrite);
        stream.Position = at;
        int value = stream.ReadByte();
        stream.Position = at;
        stream.WriteByte((byte)(value ^ 0x10));
    }

    /// <summary>Runs a merge that fails the given time that it comes to a step, and leaves what is written.</summary>
    private static void Stop(string path, OutputStep stop, int times, MergeDescription? description = null, OutputOptions? options = null)
    {
        int seen = 0;
        Assert.Throws<OperationCanceledException>(() =>
        {
            using OutputDirectory output = OutputDirectory.Open(path, SyntheticModel.Large, description ?? SyntheticModel.Of("version: 0\n"), options ?? s_keep, step =>
            {
                if (step == stop && Interlocked.Increment(ref seen) == times) throw new OperationCanceledException();
            });
            foreach (InputFile input in description?.Inputs ?? []) input.Passed(0, File.ReadAllBytes(input.FilePath));
            SyntheticModel.WriteAll(output, SyntheticModel.Large);
            output.AddFile("config.json", """{"model_type":"none"}"""u8);
            output.Complete();
        });
    }
}
