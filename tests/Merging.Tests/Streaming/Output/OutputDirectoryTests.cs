using MergeEngine.Merging.Streaming.Hashing;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Tests.Streaming.Hashing;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Streaming.Output;

/// <summary>What stands in the target, whoever writes it and whatever fails.</summary>
public sealed class OutputDirectoryTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Many_writers_in_any_order_give_the_same_files()
    {
        SyntheticModel.Write(directory.File("one"), SyntheticModel.Large);
        OutputPlan plan = SyntheticModel.Large;
        string path = directory.File("many");
        using (OutputDirectory output = OutputDirectory.Open(path, plan, SyntheticModel.Of("version: 0\n"), SyntheticModel.Options))
        {
            var chunks = SyntheticModel.Chunks(plan, 1_000_001).ToArray();
            new Random(11).Shuffle(chunks);
            Parallel.ForEach(chunks, new ParallelOptions { MaxDegreeOfParallelism = 8 }, c => output.Write(c.Tensor, c.First, SyntheticModel.BytesOf(c.Tensor, c.First, c.Count)));
            output.AddFile("config.json", """{"model_type":"none"}"""u8);
            output.Complete();
        }

        SyntheticModel.AssertSameFiles(directory.File("one"), path);
        Assert.Empty(OutputVerification.Run(path, 2).Differences);
        Assert.Equal(["many", "one"], Directory.GetFileSystemEntries(directory.Path).Select(e => Path.GetFileName(e)!).Order());
    }

    [Fact]
    public void Nothing_stands_in_the_target_before_the_end_and_nothing_beside_it_after_a_failure()
    {
        string path = directory.File("out");
        using (OutputDirectory output = OutputDirectory.Open(path, SyntheticModel.Small, SyntheticModel.Description(), SyntheticModel.Options))
        {
            SyntheticModel.WriteAll(output, SyntheticModel.Small);
            Assert.False(Directory.Exists(path));
            string partial = Assert.Single(Directory.GetDirectories(directory.Path));
            Assert.Equal(".out.merge-engine.partial", Path.GetFileName(partial));
            Assert.Throws<SafetensorsException>(() => Checkpoint.Open(Path.Combine(partial, "model")));
        }

        Assert.Empty(Directory.GetFileSystemEntries(directory.Path));
    }

    [Fact]
    public void An_output_with_a_hole_is_not_finished_and_the_tensor_is_named()
    {
        using OutputDirectory output = OutputDirectory.Open(directory.File("out"), SyntheticModel.Small, SyntheticModel.Description(), SyntheticModel.Options);
        foreach (var (tensor, first, count) in SyntheticModel.Chunks(SyntheticModel.Small, 100).Where(c => c.Tensor.Name != "layer.0.bias" || c.First != 0))
            output.Write(tensor, first, SyntheticModel.BytesOf(tensor, first, count));
        Assert.Contains("layer.0.bias", Assert.Throws<InvalidOperationException>(() => output.Complete()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_that_are_written_twice_or_outside_their_tensor_are_refused()
    {
        using OutputDirectory output = OutputDirectory.Open(directory.File("out"), SyntheticModel.Small, SyntheticModel.Description(), SyntheticModel.Options);
        PlannedTensor tensor = SyntheticModel.Small["layer.0.weight"];
        output.Write(tensor, 0, new byte[100]);
        Assert.Throws<InvalidOperationException>(() => output.Write(tensor, 99, new byte[2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => output.Write(tensor, tensor.ByteLength - 1, new byte[2]));
        Assert.Throws<ArgumentException>(() => output.Write(SyntheticModel.Large["a"], 0, new byte[2]));
        Assert.Throws<ArgumentException>(() => output.AddFile("../config.json", "{}"u8));
        Assert.Throws<ArgumentException>(() => output.AddFile(SyntheticModel.Small.Shards[0].FileName, "{}"u8));
    }

    [Fact]
    public void An_older_output_stays_until_the_new_one_takes_its_place()
    {
        string path = directory.File("out");
        SyntheticModel.Write(path, SyntheticModel.Large, version: 1);
        Refused(() => OutputDirectory.Open(path, SyntheticModel.Small, SyntheticModel.Description(), SyntheticModel.Options), path, "--overwrite");
        Assert.Empty(OutputVerification.Run(path, 2).Differences);
        SyntheticModel.Write(path, SyntheticModel.Small, SyntheticModel.Options with { Overwrite = true }, version: 2);
        Assert.Empty(OutputVerification.Run(path, 2).Differences);
        SyntheticModel.Write(directory.File("fresh"), SyntheticModel.Small, version: 2);
        SyntheticModel.AssertSameFiles(directory.File("fresh"), path);
        Assert.Equal(2, Directory.GetFileSystemEntries(directory.Path).Length);
    }

    [Fact]
    public void A_directory_with_something_else_in_it_is_never_replaced()
    {
        string path = directory.File("thesis");
        Directory.CreateDirectory(Path.Combine(path, "chapters"));
        Refused(() => OutputDirectory.Open(path, SyntheticModel.Small, SyntheticModel.Description(), SyntheticModel.Options with { Overwrite = true }), path, "chapters");
        Directory.Delete(Path.Combine(path, "chapters"));
        File.WriteAllText(Path.Combine(path, "photo.png"), "");
        Refused(() => OutputDirectory.Open(path, SyntheticModel.Small, SyntheticModel.Description(), SyntheticModel.Options with { Overwrite = true }), path, "photo.png");
        File.Delete(Path.Combine(path, "photo.png"));
        File.WriteAllText(Path.Combine(path, "notes.txt"), "");
        Refused(() => OutputDirectory.Open(path, SyntheticModel.Small, SyntheticModel.Description(), SyntheticModel.Options with { Overwrite = true }), path, "notes.txt");
        File.Delete(Path.Combine(path, "notes.txt"));
        SyntheticModel.Write(path, SyntheticModel.Small);
        Assert.Empty(OutputVerification.Run(path, 1).Differences);
    }

    [Fact]
    public void A_link_to_a_directory_stays_a_link()
    {
        SyntheticModel.Write(directory.File("real"), SyntheticModel.Small, version: 1);
        string link = directory.File("link");
        Directory.CreateSymbolicLink(link, directory.File("real"));
        SyntheticModel.Write(link, SyntheticModel.Small, SyntheticModel.Options with { Overwrite = true }, version: 2);
        Assert.NotNull(new DirectoryInfo(link).LinkTarget);
        Assert.Contains("version: 2", ManifestFile.Read(Path.Combine(directory.File("real"), MergeManifest.FileName)).Recipe, StringComparison.Ordinal);
    }

    [Fact]
    public void A_target_that_cannot_be_a_directory_gets_one_sentence()
    {
        File.WriteAllText(directory.File("file"), "");
        Refused(() => Open("file"), "file", "is a file");
        Refused(() => Open("file/out"), "file", "cannot be written");
        File.CreateSymbolicLink(directory.File("dangling"), directory.File("nowhere"));
        Refused(() => Open("dangling"), "dangling", "link");
        foreach (string path in (string[])["/proc/out", "/proc/new/out"])
            Refused(() => OutputDirectory.Open(path, SyntheticModel.Small, SyntheticModel.Description(), SyntheticModel.Options), $"{path}: cannot be written because no directory can be made in /proc.");
        OutputDirectory Open(string name) => OutputDirectory.Open(directory.File(name), SyntheticModel.Small, SyntheticModel.Description(), SyntheticModel.Options);
    }

    [Theory]
    [InlineData("out")]
    [InlineData("new/out")]
    public void A_directory_that_this_user_may_not_write_in_is_named(string name)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess, "The administrator may write everywhere.");
        string closed = directory.File("closed");
        Directory.CreateDirectory(closed);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(closed, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        string path = Path.Combine(closed, name);
        Refused(() => OutputDirectory.Open(path, SyntheticModel.Small, SyntheticModel.Description(), SyntheticModel.Options), $"{path}: cannot be written because this user may not write in {closed}.");
    }

    [Fact]
    public void Two_merges_do_not_write_the_same_output_at_once()
    {
        string path = directory.File("out");
        using OutputDirectory first = OutputDirectory.Open(path, SyntheticModel.Small, SyntheticModel.Description(), SyntheticModel.Options);
        Refused(() => OutputDirectory.Open(path, SyntheticModel.Small, SyntheticModel.Description(), SyntheticModel.Options), path, "is being written by another merge");
        SyntheticModel.WriteAll(first, SyntheticModel.Small);
        first.Complete();
        Assert.Empty(OutputVerification.Run(path, 1).Differences);
    }

    [Fact]
    public void Of_two_that_begin_in_the_same_moment_one_is_refused_and_the_other_finishes()
    {
        string path = directory.File("out");
        int refused = 0;
        using (OutputDirectory first = OutputDirectory.Open(path, SyntheticModel.Small, SyntheticModel.Description(), SyntheticModel.Options, step =>
        {
            if (step != OutputStep.Created) return;
            Refused(() => OutputDirectory.Open(path, SyntheticModel.Small, SyntheticModel.Description(), SyntheticModel.Options), path, "is being written by another merge");
            refused++;
        }))
        {
            SyntheticModel.WriteAll(first, SyntheticModel.Small);
            first.Complete();
        }

        Assert.Equal(1, refused);
        Assert.Empty(OutputVerification.Run(path, 1).Differences);
        Assert.Equal([path], Directory.GetFileSystemEntries(directory.Path));
    }

    [Theory]
    [InlineData(false, "model.safetensors", "--overwrite")]
    [InlineData(true, "thesis.docx", "thesis.docx")]
    public void What_somebody_puts_in_the_place_meanwhile_stays_and_so_does_the_finished_work(bool overwrite, string name, string mention)
    {
        string path = directory.File("out");
        OutputOptions options = SyntheticModel.Options with { Overwrite = overwrite };
        using (OutputDirectory output = OutputDirectory.Open(path, SyntheticModel.Small, SyntheticModel.Description(), options))
        {
            SyntheticModel.WriteAll(output, SyntheticModel.Small);
            Directory.CreateDirectory(path);
            File.WriteAllText(Path.Combine(path, name), "mine");
            Refused(() => output.Complete(), path, mention);
        }

        Assert.Equal("mine", File.ReadAllText(Path.Combine(path, name)));
        File.Delete(Path.Combine(path, name));
        using (OutputDirectory output = OutputDirectory.Open(path, SyntheticModel.Small, SyntheticModel.Description(), options with { Resume = true }))
        {
            Assert.Equal(SyntheticModel.Small.FileBytes, output.RestoredBytes);
            output.Complete();
        }

        Assert.Empty(OutputVerification.Run(path, 1).Differences);
        Assert.Equal([path], Directory.GetFileSystemEntries(directory.Path));
    }

    [Fact]
    public void A_disk_that_is_too_small_is_noticed_before_anything_is_computed()
    {
        OutputPlan plan = OutputPlan.Create([new("huge", Tensors.Numerics.DType.U8, new Tensors.Numerics.Shape(1L << 50))]);
        Refused(() => OutputDirectory.Open(directory.File("out"), plan, SyntheticModel.Description(), SyntheticModel.Options), "out", "cannot be written");
        Assert.Empty(Directory.GetFileSystemEntries(directory.Path));
    }

    [Theory]
    [InlineData(OutputStep.Created)]
    [InlineData(OutputStep.Allocated)]
    [InlineData(OutputStep.Written)]
    [InlineData(OutputStep.PieceNoted)]
    [InlineData(OutputStep.FilesSynced)]
    [InlineData(OutputStep.ManifestWritten)]
    [InlineData(OutputStep.FilesNamed)]
    internal void A_disk_that_fails_at_any_step_leaves_the_older_output_and_nothing_else(OutputStep failing)
    {
        string path = directory.File("out");
        SyntheticModel.Write(path, SyntheticModel.Small, version: 1);
        Refused(
            () =>
            {
                using OutputDirectory output = OutputDirectory.Open(path, SyntheticModel.Small, SyntheticModel.Description(), SyntheticModel.Options with { Overwrite = true }, step =>
                {
                    if (step == failing) throw new IOException("No space left on device");
                });
                SyntheticModel.WriteAll(output, SyntheticModel.Small);
                output.Complete();
            },
            path, "No space left on device");
        Assert.Equal([path], Directory.GetFileSystemEntries(directory.Path));
        Assert.Empty(OutputVerification.Run(path, 1).Differences);
    }

    [Fact]
    public void Inputs_are_hashed_as_they_pass_and_must_stay_as_they_are()
    {
        string path = directory.File("input.bin"), output = directory.File("out");
        byte[] bytes = new byte[StreamedHash.PieceBytes + 5000];
        new Random(5).NextBytes(bytes);
        File.WriteAllBytes(path, bytes);
        using (var input = new InputFile(path))
        {
            input.Passed(100, bytes.AsSpan(100, 2000));
            using OutputDirectory writing = OutputDirectory.Open(output, SyntheticModel.Small, SyntheticModel.Description(input), SyntheticModel.Options);
            SyntheticModel.WriteAll(writing, SyntheticModel.Small);
            Assert.Equal([new ManifestInput(path, bytes.Length, Blake3: StreamedHashTests.PlainHash(bytes))], writing.Complete().Inputs);
        }

        using var changing = new InputFile(path);
        using OutputDirectory refused = OutputDirectory.Open(directory.File("other"), SyntheticModel.Small, SyntheticModel.Description(changing), SyntheticModel.Options);
        SyntheticModel.WriteAll(refused, SyntheticModel.Small);
        bytes[7]++;
        File.WriteAllBytes(path, bytes);
        Refused(() => refused.Complete(), path, "changed");
        Assert.False(Directory.Exists(directory.File("other")));
    }

    /// <summary>As <c>touch -r</c> does after an edit: length and time are what they were, and the system's own note of a change is not.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void An_input_that_is_overwritten_and_given_its_old_time_is_noticed(bool hashing)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux is asked when a file was changed last in any way.");
        using InputFile input = WriteInput(out byte[] bytes, hashing);
        using OutputDirectory output = OutputDirectory.Open(directory.File("out"), SyntheticModel.Small, SyntheticModel.Description(input), SyntheticModel.Options);
        SyntheticModel.WriteAll(output, SyntheticModel.Small);
        DateTime time = File.GetLastWriteTimeUtc(input.FilePath);
        bytes[^1]++;
        File.WriteAllBytes(input.FilePath, bytes);
        File.SetLastWriteTimeUtc(input.FilePath, time);
        Refused(() => output.Complete(), $"{input.FilePath}: ", hashing ? "was changed while it was read, expected an input" : "cannot be told apart without hashes");
        Assert.Throws<SafetensorsException>(input.RequireUnchanged);
    }

    /// <summary>The same note is made of what leaves the bytes alone, and of another file with the same bytes that takes the name.</summary>
    [Theory]
    [InlineData("rights")]
    [InlineData("name")]
    [InlineData("copy")]
    public void An_input_of_which_other_things_than_its_bytes_change_is_as_good_as_before(string what)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux is asked when a file was changed last in any way.");
        using InputFile input = WriteInput(out byte[] bytes);
        using OutputDirectory output = OutputDirectory.Open(directory.File("out"), SyntheticModel.Small, SyntheticModel.Description(input), SyntheticModel.Options);
        SyntheticModel.WriteAll(output, SyntheticModel.Small);
        string other = directory.File("other.bin");
        if (what == "rights" && !OperatingSystem.IsWindows()) File.SetUnixFileMode(input.FilePath, UnixFileMode.UserRead);
        if (what == "name")
        {
            File.Move(input.FilePath, other);
            File.Move(other, input.FilePath);
        }

        if (what == "copy")
        {
            DateTime time = File.GetLastWriteTimeUtc(input.FilePath);
            File.WriteAllBytes(other, bytes);
            File.SetLastWriteTimeUtc(other, time);
            File.Move(other, input.FilePath, overwrite: true);
        }

        Assert.Equal(StreamedHashTests.PlainHash(bytes), Assert.Single(output.Complete().Inputs).Blake3);
    }

    [Fact]
    public void Another_file_with_the_same_length_and_time_under_the_name_of_an_input_is_noticed()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux is asked which file a name leads to.");
        using InputFile input = WriteInput(out byte[] bytes);
        using OutputDirectory output = OutputDirectory.Open(directory.File("out"), SyntheticModel.Small, SyntheticModel.Description(input), SyntheticModel.Options);
        SyntheticModel.WriteAll(output, SyntheticModel.Small);
        DateTime time = File.GetLastWriteTimeUtc(input.FilePath);
        string other = directory.File("other.bin");
        bytes[0]++;
        File.WriteAllBytes(other, bytes);
        File.SetLastWriteTimeUtc(other, time);
        File.Move(other, input.FilePath, overwrite: true);
        Refused(() => output.Complete(), $"{input.FilePath}: was changed while it was read");
    }

    private InputFile WriteInput(out byte[] bytes, bool hashing = true)
    {
        string path = directory.File("input.bin");
        bytes = new byte[StreamedHash.PieceBytes + 5000];
        new Random(5).NextBytes(bytes);
        File.WriteAllBytes(path, bytes);
        var input = new InputFile(path, hashing);
        input.Passed(0, bytes);
        // The clock of file systems may stand still for some milliseconds.
        Thread.Sleep(20);
        return input;
    }

    internal static void Refused(Action action, params string[] mentions)
    {
        var refused = Assert.Throws<SafetensorsException>(action);
        Assert.EndsWith(".", refused.Message, StringComparison.Ordinal);
        Assert.All(mentions, mention => Assert.Contains(mention, refused.Message, StringComparison.Ordinal));
    }
}
