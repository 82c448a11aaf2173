using System.Buffers.Binary;
using System.Text;
using MergeEngine.Cli.Tests.Support;

namespace MergeEngine.Cli.Tests.Merging;

/// <summary>Places at which nothing can be written, and what is said of them before anything is.</summary>
public sealed class OutputPlaceTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public OutputPlaceTests()
    {
        SmallModel.Write(_directory["a"], 1);
        _directory.Write("r.yml", "merge_method: passthrough\nmodels: [{model: a}]\n");
    }

    public void Dispose() => _directory.Dispose();

    private Outcome Run(params string[] arguments) => MergeEngineProcess.RunIn(_directory.Path, ["merge", .. arguments]);

    /// <summary>A model of 4 TiB that takes no room: a file with nothing but its header.</summary>
    [Fact]
    public void A_plan_says_as_the_merge_does_that_the_disk_is_too_small()
    {
        const long Bytes = 1L << 42;
        Assert.SkipUnless(new DriveInfo(_directory.Path).AvailableFreeSpace < Bytes, "There is room for 4 TiB here.");
        Directory.CreateDirectory(_directory["huge"]);
        byte[] header = Encoding.UTF8.GetBytes($$"""{"w":{"dtype":"F32","shape":[{{Bytes / 4096}},1024],"data_offsets":[0,{{Bytes}}]} }""");
        try
        {
            using FileStream file = File.Create(_directory["huge/model.safetensors"]);
            byte[] length = new byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
            file.Write(length);
            file.Write(header);
            file.SetLength(8 + header.Length + Bytes);
        }
        catch (Exception e) when (e is IOException or ArgumentException)
        {
            Assert.Skip("This file system has no files of 4 TiB.");
        }

        _directory.Write("huge.yml", "merge_method: passthrough\nmodels: [{model: huge}]\n");
        _directory.Write("two.yml", "name: first\nmerge_method: passthrough\nmodels: [{model: a}]\n---\nname: second\nmerge_method: passthrough\nmodels: [{model: huge}]\n");
        string[] before = Directory.GetFileSystemEntries(_directory.Path);
        const string Sentence = @": cannot be written \([0-9]{13} bytes are needed and [0-9]+ are free\).$";
        foreach (string[] more in (string[][])[[], ["--dry-run"], ["--dry-run", "--json"], ["--dry-run", "--resume"]])
        {
            Assert.Matches($"^merge-engine: out{Sentence}", Run(["huge.yml", "out", .. more]).Refused(1).Error.Trim());
            Assert.Matches($"^merge-engine: i/second{Sentence}", Run(["two.yml", "-I", "i", .. more]).Refused(1).Error.Trim());
        }

        Assert.Equal(before, Directory.GetFileSystemEntries(_directory.Path));
    }

    [Fact]
    public void A_name_without_room_for_those_beside_it_is_refused_by_its_length()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Names are counted in other units there.");
        string longest = new('n', 233), umlauts = new('\u00FC', 117);
        foreach (string[] more in (string[][])[["--dry-run"], []])
        {
            foreach (int length in (int[])[234, 250, 255])
            {
                string name = new('n', length);
                Assert.Equal(
                    $"merge-engine: {name}: cannot be written because the last part of its name has {length} bytes, expected at most 233, so that there is room for the names of what is made beside it.",
                    Run(["r.yml", name, .. more]).Refused(1).Error.Trim());
            }

            Run(["r.yml", umlauts, .. more]).Refused(1, "has 234 bytes, expected at most 233");
            Run(["r.yml", longest, .. more]).Succeeded();
        }

        Assert.True(File.Exists(_directory[$"{longest}/model.safetensors"]));
    }

    /// <summary>The runtime hands such bytes on as U+FFFD, under which name another directory would be written.</summary>
    [Theory]
    [InlineData("merge r.yml \"$BAD\"")]
    [InlineData("merge r.yml \"$BAD\" --dry-run")]
    [InlineData("merge r.yml --out-path \"$BAD\"")]
    [InlineData("merge r.yml out -I \"$BAD\"")]
    [InlineData("extract-lora --model a --base-model a --out-path \"$BAD\"")]
    [InlineData("pretrain absent.yml \"$BAD\"")]
    [InlineData("atm absent.yml \"$BAD\"")]
    [InlineData("encode a --text r.yml \"$BAD.safetensors\"")]
    [InlineData("bench merge --directory \"$BAD\"")]
    public void A_path_that_is_not_UTF8_is_not_written(string command)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Other systems have no such names.");
        string[] before = Directory.GetFileSystemEntries(_directory.Path);
        Outcome outcome = InShell($"BAD=$(printf 'out\\377'); exec \"$0\" {command}");
        outcome.Refused(2, "cannot be written because its name has bytes that are not UTF-8, or the character U+FFFD that stands for them, expected a name in UTF-8 without it.");
        Assert.Equal(before, Directory.GetFileSystemEntries(_directory.Path));
    }

    [Fact]
    public void Nothing_is_written_from_a_directory_whose_name_is_not_UTF8()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Other systems have no such names.");
        Outcome outcome = InShell("BAD=$(printf 'at\\377'); mkdir \"$BAD\" && cd \"$BAD\" && \"$0\" merge --method linear --model \"$OLDPWD/a=1\" out; code=$?; cd .. && rmdir \"$BAD\" && exit $code");
        outcome.Refused(2, "out: cannot be written because the name of the working directory has bytes that are not UTF-8");
    }

    private Outcome InShell(string script) => MergeEngineProcess.RunThrough("sh", ["-c", script], _directory.Path, []);
}
