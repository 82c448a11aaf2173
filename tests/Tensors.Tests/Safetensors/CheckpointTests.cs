using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Tensors.Tests.Safetensors;

public sealed class CheckpointTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    private string IndexPath => _directory[ShardedIndex.FileName];

    private void Save(string file, params string[] names) => SafetensorsWriter.Write(
        _directory[file], names.Select(n => TensorContent.FromFloat32(n, [2], new float[] { n[0], n.Length })),
        new Dictionary<string, string> { ["format"] = "pt" });

    private void SaveShards(string metadata = """{"total_size":24}""")
    {
        Save("model-00001-of-00002.safetensors", "b", "cc");
        Save("model-00002-of-00002.safetensors", "a");
        File.WriteAllText(
            IndexPath,
            $$$"""
            {"metadata":{{{metadata}}},"weight_map":{"a":"model-00002-of-00002.safetensors",
            "b":"model-00001-of-00002.safetensors","cc":"model-00001-of-00002.safetensors"}}
            """);
    }

    private void Refuses(string file, string sentence) => Refusal.Of(() => Checkpoint.Open(_directory.Root), file, sentence);

    [Fact]
    public void Models_with_equal_headers_share_their_table_and_keep_their_values()
    {
        Save("first.safetensors", "ab", "c");
        byte[] bytes = File.ReadAllBytes(_directory["first.safetensors"]);
        bytes[^1] ^= 0x80;
        File.WriteAllBytes(_directory["second.safetensors"], bytes);
        using var first = Checkpoint.Open(_directory["first.safetensors"]);
        using var second = Checkpoint.Open(_directory["second.safetensors"], first);
        Assert.Same(first.Files[0].Header, second.Files[0].Header);
        Assert.Same(first.Names, second.Names);
        Assert.NotEqual(first.ReadFloat32("c"), second.ReadFloat32("c"));
        Assert.Equal(first.ReadFloat32("ab"), second.ReadFloat32("ab"));
        Assert.Equal(bytes.AsSpan(bytes.Length - 8), second.GetSpan("c"));

        // A header that differs in one byte, or the same one before more data, is read for itself.
        Save("third.safetensors", "ab", "d");
        using var third = Checkpoint.Open(_directory["third.safetensors"], first);
        Assert.NotSame(first.Files[0].Header, third.Files[0].Header);
        Assert.Equal(["ab", "d"], third.Names);
        Assert.Equal([(float)'d', 1f], third.ReadFloat32("d"));
        File.WriteAllBytes(_directory["longer.safetensors"], [.. bytes, 0]);
        Assert.Throws<SafetensorsException>(() => Checkpoint.Open(_directory["longer.safetensors"], first));
    }

    [Fact]
    public void Shards_share_the_tables_of_a_model_that_is_cut_alike()
    {
        SaveShards();
        using var first = Checkpoint.Open(_directory.Root);
        using var second = Checkpoint.Open(_directory.Root, first);
        Assert.All(first.Files.Zip(second.Files), f => Assert.Same(f.First.Header, f.Second.Header));
        Assert.Equal(first.Names, second.Names);
        Assert.All(first.Names, n => Assert.Equal(first.ReadFloat32(n), second.ReadFloat32(n)));
    }

    [Fact]
    public void All_bytes_that_are_read_are_shown_with_their_place()
    {
        SafetensorsWriter.Write(_directory["model.safetensors"], [TensorContent.FromFloat32("long", [300_001], Enumerable.Range(0, 300_001).Select(i => (float)i).ToArray()), TensorContent.FromFloat32("half", [70_000], new float[70_000], DType.F16)]);
        byte[] bytes = File.ReadAllBytes(_directory["model.safetensors"]), shown = new byte[bytes.Length];
        using var file = SafetensorsFile.Open(_directory["model.safetensors"]);
        file.Passing = (offset, read) => read.CopyTo(shown.AsSpan((int)offset));
        file.ReadFront(new byte[file.Header.DataStart], 0);
        file.ReadFloat32("long");
        file.ReadFloat32("half");
        Assert.True(bytes.AsSpan().SequenceEqual(shown));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.ReadFront(new byte[2], file.Header.DataStart - 1));
    }

    [Fact]
    public void A_file_a_directory_with_one_and_shards_hold_the_same_tensors()
    {
        Save("model.safetensors", "a", "b", "cc");
        using var single = Checkpoint.Open(_directory["model.safetensors"]);
        using var inDirectory = Checkpoint.Open(_directory.Root);
        File.Move(_directory["model.safetensors"], _directory["open_clip_model.safetensors"]);
        using var otherName = Checkpoint.Open(_directory.Root);
        SaveShards();
        using var shards = Checkpoint.Open(_directory.Root);
        using var index = Checkpoint.Open(IndexPath);
        Assert.Equal(2, shards.Files.Count);
        Assert.All([single, inDirectory, otherName, shards, index], checkpoint =>
        {
            Assert.Equal(["a", "b", "cc"], checkpoint.Names);
            Assert.Equal(["a", "b", "cc"], checkpoint.Names.Where(checkpoint.Contains));
            Assert.Equal([(float)'c', 2f], checkpoint.ReadFloat32("cc"));
            Assert.Equal("pt", checkpoint.Metadata["format"]);
            Assert.Empty(checkpoint.Warnings);
            Assert.Equal(24, checkpoint.TotalByteLength);
            Assert.False(checkpoint.TryGet("d", out _));
        });
    }

    [Fact]
    public void A_single_file_comes_before_an_index()
    {
        SaveShards();
        Save("model.safetensors", "other");
        using var checkpoint = Checkpoint.Open(_directory.Root);
        Assert.Equal(["other"], checkpoint.Names);
    }

    [Fact]
    public void A_directory_without_one_checkpoint_is_refused_with_what_is_there()
    {
        const string Expected = "expected model.safetensors, model.safetensors.index.json or exactly one other .safetensors file.";
        Refuses(_directory.Root, $"the directory is empty, {Expected}");
        File.WriteAllText(_directory["config.json"], "{}");
        File.WriteAllText(_directory["pytorch_model.bin"], "");
        Refuses(_directory.Root, $"the directory holds \"config.json\", \"pytorch_model.bin\", {Expected}");
        Save("one.safetensors", "a");
        Save("two.safetensors", "a");
        Refuses(_directory.Root, $"the directory holds \"config.json\", \"one.safetensors\", \"pytorch_model.bin\", \"two.safetensors\", {Expected}");
        Refusal.Of(() => Checkpoint.Open(_directory["nowhere"]), _directory["nowhere"], "does not exist, expected a .safetensors file or the directory of a model.");
    }

    [Fact]
    public void Shapes_and_names_are_checked_by_name()
    {
        Save("model.safetensors", "a");
        using var checkpoint = Checkpoint.Open(_directory.Root);
        var values = new float[2];
        checkpoint.ReadFloat32("a", [2], values);
        Assert.Equal(['a', 1f], values);
        Refusal.Of(() => checkpoint.ReadFloat32("a", [1, 2], values), _directory["model.safetensors"], "tensor \"a\" has the shape [2], expected [1, 2].");
        Refusal.Of(() => checkpoint["x"], _directory.Root, "there is no tensor \"x\" among its 1.");
    }

    [Theory]
    [InlineData("../outside.safetensors")]
    [InlineData("/etc/outside.safetensors")]
    [InlineData("sub/model.safetensors")]
    [InlineData("..\\\\outside.safetensors")]
    [InlineData("C:x.safetensors")]
    [InlineData("model\\u0000.safetensors")]
    [InlineData("..")]
    [InlineData("")]
    [InlineData(".safetensors")]
    [InlineData("pytorch_model.bin")]
    [InlineData("model.safetensors.index.json")] // An index that names itself or another index would be a cycle.
    public void Shard_names_that_lead_elsewhere_are_refused(string shard)
    {
        File.WriteAllText(IndexPath, $$$"""{"weight_map":{"w":"{{{shard}}}"}}""");
        string shown = shard == "model\\u0000.safetensors" ? shard : System.Text.Json.JsonDocument.Parse($"\"{shard}\"").RootElement.GetString()!.Replace("\\", "\\\\", StringComparison.Ordinal);
        Refuses(IndexPath, $"tensor \"w\" is said to be in \"{shown}\", expected the plain name of a .safetensors file in the same directory.");
    }

    [Theory]
    [InlineData("", "the index is empty, expected a JSON object.")]
    [InlineData("[]", "the index is no JSON object.")]
    [InlineData("{}", "the index has no weight_map.")]
    [InlineData("""{"weight_map":{}}""", "weight_map is empty.")]
    [InlineData("""{"weight_map":["a"]}""", "weight_map is not an object, expected one that maps tensor names to shard names.")]
    [InlineData("""{"weight_map":{"a":1}}""", "the shard of tensor \"a\" is not a string, expected a file name.")]
    [InlineData("""{"weight_map":{"a":"x.safetensors","a":"y.safetensors"}}""", "tensor \"a\" stands twice in weight_map.")]
    [InlineData("""{"weight_map":{"a":"x.safetensors"},"weight_map":{"a":"x.safetensors"}}""", "\"weight_map\" stands twice in the index.")]
    [InlineData("""{"metadata":{"total_size":1,"total_size":2},"weight_map":{"a":"x.safetensors"}}""", "total_size stands twice in the index.")]
    [InlineData("""{"weight_map":{"a":"x.safetensors"}""", "the index is not valid JSON near its byte 35, expected one object with a weight_map.")]
    [InlineData("""{"weight_map":{"\ud800":"x.safetensors"}}""", "the index holds half a surrogate pair near its byte 24, expected valid Unicode.")]
    public void An_index_that_breaks_a_rule_is_refused(string json, string sentence)
    {
        File.WriteAllText(IndexPath, json);
        Refuses(IndexPath, sentence);
    }

    [Fact]
    public void An_index_nested_ten_thousand_deep_is_refused()
    {
        File.WriteAllText(IndexPath, """{"metadata":""" + new string('[', 10_000));
        Refuses(IndexPath, "the index is not valid JSON near its byte 75, expected one object with a weight_map.");
    }

    [Fact]
    public void Missing_shards_are_all_named()
    {
        SaveShards();
        File.Delete(_directory["model-00001-of-00002.safetensors"]);
        Refuses(IndexPath, "1 of 2 shards is missing: \"model-00001-of-00002.safetensors\".");
        File.Delete(_directory["model-00002-of-00002.safetensors"]);
        Refuses(IndexPath, "2 of 2 shards are missing: \"model-00001-of-00002.safetensors\", \"model-00002-of-00002.safetensors\".");
    }

    [Fact]
    public void A_shard_that_is_a_directory_or_damaged_is_refused()
    {
        SaveShards();
        string shard = _directory["model-00002-of-00002.safetensors"];
        File.WriteAllBytes(shard, [1, 2, 3]);
        Refuses(shard, "the file holds 3 bytes, expected at least 8 for the length of the header.");
        File.Delete(shard);
        Directory.CreateDirectory(shard);
        Refuses(IndexPath, "1 of 2 shards is missing: \"model-00002-of-00002.safetensors\".");
    }

    [Fact]
    public void A_tensor_that_its_shard_does_not_hold_is_refused()
    {
        SaveShards();
        Save("model-00002-of-00002.safetensors", "other");
        Refuses(IndexPath, "tensor \"a\" is not in its shard \"model-00002-of-00002.safetensors\".");
    }

    [Fact]
    public void Tensors_that_their_shards_do_not_hold_are_all_named()
    {
        SaveShards();
        Save("model-00001-of-00002.safetensors", "other");
        Refuses(IndexPath, "2 tensors are not in their shards \"model-00001-of-00002.safetensors\": \"b\", \"cc\".");
    }

    [Fact]
    public void A_model_in_one_file_beside_an_index_is_read_with_a_warning()
    {
        SaveShards();
        Save("model.safetensors", "whole");
        using var checkpoint = Checkpoint.Open(_directory.Root);
        Assert.Equal(["whole"], checkpoint.Names);
        Assert.Equal([$"{_directory.Root}: holds model.safetensors and model.safetensors.index.json: model.safetensors is read, and the index and its shards are not."], checkpoint.Warnings);
        // Who names one of the two knows.
        using Checkpoint file = Checkpoint.Open(_directory["model.safetensors"]), index = Checkpoint.Open(IndexPath);
        Assert.Empty(file.Warnings.Concat(index.Warnings));
    }

    [Fact]
    public void A_shard_of_which_the_index_names_nothing_is_left_out_with_a_warning()
    {
        SaveShards();
        Save("model-00003-of-00002.safetensors", "lost");
        Save("model-00003-of-00007.safetensors", "of another model");
        Save("consolidated.safetensors", "a", "b", "cc");
        using var checkpoint = Checkpoint.Open(_directory.Root);
        Assert.Equal([$"{IndexPath}: names no tensor of \"model-00003-of-00002.safetensors\", which lies beside it and is left out."], checkpoint.Warnings);
    }

    [Fact]
    public void A_tensor_in_two_shards_is_refused()
    {
        SaveShards();
        Save("model-00002-of-00002.safetensors", "a", "b");
        Refuses(
            IndexPath,
            "tensor \"b\" is in the shard \"model-00002-of-00002.safetensors\" too, expected only in \"model-00001-of-00002.safetensors\".");
    }

    [Fact]
    public void Tensors_that_the_index_does_not_list_are_left_out_with_a_warning()
    {
        SaveShards();
        Save("model-00002-of-00002.safetensors", "a", "old");
        using var checkpoint = Checkpoint.Open(_directory.Root);
        Assert.Equal(["a", "b", "cc"], checkpoint.Names);
        Assert.Equal(
            [$"{_directory["model-00002-of-00002.safetensors"]}: 1 tensor is not in the index and is left out: \"old\"."], checkpoint.Warnings);
    }

    [Theory]
    [InlineData("""{"total_size":24}""", null)]
    [InlineData("""{"total_size":"24"}""", null)]
    [InlineData("""{"total_size":24.0}""", null)]
    [InlineData("{}", null)]
    [InlineData("null", null)]
    [InlineData("""{"total_parameters":6,"nested":{"a":[1,2]},"total_size":24}""", null)]
    [InlineData("""{"total_size":25}""", "25")]
    [InlineData("""{"total_size":-1}""", "-1")]
    [InlineData("""{"total_size":1e400}""", "1e400")]
    [InlineData("""{"total_size":"many"}""", "many")]
    [InlineData("""{"total_size":[24]}""", "StartArray")]
    public void A_total_size_that_lies_is_a_warning(string metadata, string? shown)
    {
        SaveShards(metadata);
        using var checkpoint = Checkpoint.Open(_directory.Root);
        string[] expected = shown is null ? [] : [$"{IndexPath}: total_size is \"{shown}\", but the tensors take 24 bytes."];
        Assert.Equal(expected, checkpoint.Warnings);
        Assert.Equal([(float)'b', 1f], checkpoint.ReadFloat32("b"));
    }

    [Fact]
    public void A_total_size_that_counts_whole_files_is_accepted()
    {
        SaveShards();
        long files = Directory.EnumerateFiles(_directory.Root, "*.safetensors").Sum(f => new FileInfo(f).Length);
        SaveShards($$"""{"total_size":{{files}}}""");
        using var checkpoint = Checkpoint.Open(_directory.Root);
        Assert.Empty(checkpoint.Warnings);
    }

    [Fact]
    public void A_shard_may_be_a_link_as_in_a_download_cache()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Making links needs a privilege.");
        SaveShards();
        using var blobs = new TemporaryDirectory();
        File.Move(_directory["model-00002-of-00002.safetensors"], blobs["0123abcd"]);
        File.CreateSymbolicLink(_directory["model-00002-of-00002.safetensors"], blobs["0123abcd"]);
        using var checkpoint = Checkpoint.Open(_directory.Root);
        Assert.Equal([(float)'a', 1f], checkpoint.ReadFloat32("a"));
    }
}
