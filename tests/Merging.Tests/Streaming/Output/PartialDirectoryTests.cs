using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Streaming.Output;

/// <summary>Names that a merge uses for its work may be somebody else's files.</summary>
public sealed class PartialDirectoryTests : IDisposable
{
    private const string Partial = ".out.merge-engine.partial", Lock = ".out.merge-engine.lock";

    private readonly TemporaryDirectory directory = new(inMemory: true);

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData(Partial + "/notes.txt", "my notes")]
    [InlineData(Partial + "/model/notes.txt", "my notes")]
    [InlineData(Partial + "/journal", "Dear diary")]
    [InlineData(Partial + "/other/journal", "merge-engine journal 2\n")]
    [InlineData(Partial, "a file")]
    [InlineData(Lock, "a file")]
    [InlineData(Lock + "/notes.txt", "my notes")]
    public void What_no_merge_has_made_stays_and_is_named(string name, string content)
    {
        string path = directory.File(name), left = directory.File(name.Split('/')[0]);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
        OutputDirectoryTests.Refused(() => SyntheticModel.Write(directory.File("out"), SyntheticModel.Small), directory.File("out"), left, "in the way");
        OutputDirectoryTests.Refused(() => OutputDirectory.RequirePossible(directory.File("out"), overwrite: false), left);
        OutputDirectory.RemoveLeft(directory.File("out"));
        Assert.Equal(content, File.ReadAllText(path));
        Assert.Equal([left], Directory.GetFileSystemEntries(directory.Path));
    }

    [Fact]
    public void A_link_in_its_place_stays_with_what_it_leads_to()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links are for administrators there.");
        string held = Directory.CreateDirectory(directory.File("mine")).FullName;
        File.WriteAllText(Path.Combine(held, "journal"), "merge-engine journal 2\n");
        Directory.CreateSymbolicLink(directory.File(Partial), held);
        OutputDirectoryTests.Refused(() => SyntheticModel.Write(directory.File("out"), SyntheticModel.Small), directory.File(Partial));
        Assert.True(File.Exists(Path.Combine(directory.File(Partial), "journal")));
    }

    /// <summary>As it is found after a kill: before there was a journal, in its first line, and in the midst of the removal.</summary>
    [Theory]
    [InlineData(null, null)]
    [InlineData("model/", null)]
    [InlineData("model/", "")]
    [InlineData("model/", "merge-eng")]
    [InlineData("model/x.safetensors.partial", "merge-engine journal 2\n{}\n")]
    [InlineData("model.older/model.safetensors", "merge-engine journal 2\n")]
    [InlineData(null, "merge-engine journal 1\n")]
    public void What_a_stopped_merge_has_left_is_removed(string? name, string? journal)
    {
        string partial = Directory.CreateDirectory(directory.File(Partial)).FullName;
        if (name is not null) Directory.CreateDirectory(Path.Combine(partial, Path.GetDirectoryName(name)!));
        if (name is not null && !name.EndsWith('/')) File.WriteAllText(Path.Combine(partial, name), "x");
        if (journal is not null) File.WriteAllText(Path.Combine(partial, "journal"), journal);
        SyntheticModel.Write(directory.File("out"), SyntheticModel.Small);
        Assert.Equal([directory.File("out")], Directory.GetFileSystemEntries(directory.Path));
        Assert.Empty(OutputVerification.Run(directory.File("out"), 1).Differences);
    }
}
