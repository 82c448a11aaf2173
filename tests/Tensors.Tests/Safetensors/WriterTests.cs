using System.Buffers.Binary;
using System.Text;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Tensors.Tests.Safetensors;

public sealed class WriterTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    private static TensorContent CopyOf(SafetensorsFile file, TensorEntry t) =>
        new(t.Name, t.DType, t.Shape, stream => SafetensorsWriter.Copy(file, t, stream));

    [Fact]
    public void The_bytes_are_those_of_the_reference_crate()
    {
        string path = FixtureFiles.WrittenByTheCrate;
        using var file = SafetensorsFile.Open(path);
        Assert.Equal(2, file.Tensors.Select(t => t.DType).Distinct().Count());
        SafetensorsWriter.Write(_directory["x"], file.Tensors.Reverse().Select(t => CopyOf(file, t)), file.Metadata);
        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(_directory["x"]));
    }

    [Fact]
    public void Every_shared_fixture_opens_and_a_rewrite_without_changes_is_the_same_file()
    {
        foreach (string path in FixtureFiles.Shared())
        {
            if (Path.GetFileName(Path.GetDirectoryName(path)) == "truncated")
            {
                Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(path));
                continue;
            }

            using var file = SafetensorsFile.Open(path);
            SafetensorsWriter.Rewrite(file, _directory["x"], _ => default);
            Assert.True(File.ReadAllBytes(path).AsSpan().SequenceEqual(File.ReadAllBytes(_directory["x"])), path);
        }
    }

    [Fact]
    public void A_rewrite_keeps_odd_order_spacing_and_alignment()
    {
        string header = """
              {"z": {"shape":[3], "dtype":"U8", "data_offsets":[0,3]},
               "__metadata__": {"b":"2","a":"1"}, "a": {"data_offsets":[3,7], "dtype":"F32", "shape":[]}}
            """ + "\n\n ";
        RawFile.Write(_directory["x"], header, [1, 2, 3, 0, 0, 0x80, 0x3F]);
        using var file = SafetensorsFile.Open(_directory["x"]);
        SafetensorsWriter.Rewrite(file, _directory["same"], _ => default);
        Assert.Equal(File.ReadAllBytes(_directory["x"]), File.ReadAllBytes(_directory["same"]));

        byte[] two = BitConverter.GetBytes(2f);
        SafetensorsWriter.Rewrite(file, _directory["changed"], t => t.Name == "a" ? two : null);
        byte[] expected = File.ReadAllBytes(_directory["x"]);
        two.CopyTo(expected, expected.Length - 4);
        Assert.Equal(expected, File.ReadAllBytes(_directory["changed"]));
        SafetensorsWriter.RewriteStreaming(file, _directory["streamed"], t => t.Name == "a" ? stream => stream.Write(two) : null);
        Assert.Equal(expected, File.ReadAllBytes(_directory["streamed"]));
    }

    [Fact]
    public void A_rewrite_may_replace_the_file_it_reads()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows does not let a mapped file be replaced.");
        string path = _directory["x"];
        SafetensorsWriter.Write(path, [TensorContent.FromFloat32("a", [1], new float[] { 1 }), TensorContent.FromFloat32("b", [1], new float[] { 2 })]);
        using (var file = SafetensorsFile.Open(path))
        {
            SafetensorsWriter.Rewrite(file, path, t => t.Name == "a" ? BitConverter.GetBytes(7f) : null);
            Assert.Equal([1f], file.ReadFloat32("a"));
        }

        using var rewritten = SafetensorsFile.Open(path);
        Assert.Equal([7f], rewritten.ReadFloat32("a"));
        Assert.Equal([2f], rewritten.ReadFloat32("b"));
    }

    [Fact]
    public void A_replacement_of_another_size_is_refused_and_the_target_stays()
    {
        SafetensorsWriter.Write(_directory["x"], [TensorContent.FromFloat32("a", [2], new float[2])]);
        File.WriteAllText(_directory["target"], "old");
        using var file = SafetensorsFile.Open(_directory["x"]);
        Refusal.Of(
            () => SafetensorsWriter.Rewrite(file, _directory["target"], _ => new byte[7]), _directory["target"],
            "7 bytes were written for tensor \"a\", expected 8.");
        Refusal.Of(
            () => SafetensorsWriter.Rewrite(file, _directory["target"], _ => new byte[9]), _directory["target"],
            "9 bytes were written for tensor \"a\", expected 8.");
        Assert.Equal("old", File.ReadAllText(_directory["target"]));
        Assert.Equal(["target", "x"], Directory.EnumerateFileSystemEntries(_directory.Root).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void The_header_is_compact_sorted_padded_and_escaped_as_serde_does()
    {
        SafetensorsWriter.Write(
            _directory["x"],
            [
                new TensorContent("b", DType.U8, [1], new byte[] { 9 }),
                new TensorContent("\uE000", DType.F16, [], new byte[2]),
                new TensorContent("🦊", DType.F16, [], new byte[2]),
                new TensorContent("a\"\\/\b\f\n\r\t\u0001\u007f\u2028<é", DType.I64, [0, 3], Array.Empty<byte>()),
            ],
            new Dictionary<string, string> { ["z"] = "", ["A"] = "1", ["a"] = "2" });
        byte[] bytes = File.ReadAllBytes(_directory["x"]);
        const string Json = """{"__metadata__":{"A":"1","a":"2","z":""},"a\"\\/\b\f\n\r\t\u0001""" + "\u007f\u2028"
            + """<é":{"dtype":"I64","shape":[0,3],"data_offsets":[0,0]},""" + "\"\uE000\""
            + """:{"dtype":"F16","shape":[],"data_offsets":[0,2]},"🦊":{"dtype":"F16","shape":[],"data_offsets":[2,4]},"b":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}}""";
        int length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        Assert.Equal(0, length % 8);
        string header = Encoding.UTF8.GetString(bytes, 8, length);
        Assert.Equal(Json, header.TrimEnd(' '));
        Assert.InRange(length - Encoding.UTF8.GetByteCount(Json), 0, 7);
        using var file = SafetensorsFile.Open(_directory["x"]);
        Assert.True(file.TryGet("a\"\\/\b\f\n\r\t\u0001\u007f\u2028<é", out _));
    }

    [Fact]
    public void Data_starts_aligned_for_every_dtype()
    {
        SafetensorsWriter.Write(_directory["x"], DTypes.All.Select(d => new TensorContent(d.Name(), d, [8], new byte[d.ByteCount(8)])));
        using var file = SafetensorsFile.Open(_directory["x"]);
        Assert.All(file.Tensors, t => Assert.Equal(0, (file.Header.DataStart + t.Begin) % t.DType.Alignment()));
    }

    [Fact]
    public void Equal_input_in_another_order_gives_equal_bytes()
    {
        TensorContent[] tensors =
        [
            TensorContent.FromFloat32("b", [2], new float[] { 1, 2 }), TensorContent.FromFloat32("a", [2], new float[] { 3, 4 }, DType.BF16),
            TensorContent.FromInt32("c", [1], new[] { 5 }),
        ];
        SafetensorsWriter.Write(_directory["x"], tensors, new Dictionary<string, string> { ["k"] = "1", ["j"] = "2" });
        SafetensorsWriter.Write(_directory["y"], tensors.Reverse(), new Dictionary<string, string> { ["j"] = "2", ["k"] = "1" });
        Assert.Equal(File.ReadAllBytes(_directory["x"]), File.ReadAllBytes(_directory["y"]));
    }

    [Fact]
    public void Names_that_the_reader_would_refuse_are_refused()
    {
        void Refuses(string sentence, params string[] names) => Refusal.Of(
            () => SafetensorsWriter.Write(_directory["x"], names.Select(n => TensorContent.FromFloat32(n, [1], new float[1]))), _directory["x"], sentence);

        Refuses("two tensors are called \"a\".", "a", "b", "a");
        Refuses("a tensor has an empty name.", "");
        Refuses("the tensor name \"a\\u0000\" holds a NUL character.", "a\0");
        Refuses("the tensor name \"\\ud800\" holds half a surrogate pair.", "\ud800");
        Refuses("a tensor is called __metadata__, which is the header's own key.", "__metadata__");
        Refusal.Of(
            () => SafetensorsWriter.Write(_directory["x"], [], new Dictionary<string, string> { ["k"] = "\udc00" }), _directory["x"],
            "the metadata \"k\" holds half a surrogate pair.");
        Assert.Empty(Directory.EnumerateFileSystemEntries(_directory.Root));
    }

    [Fact]
    public void Content_that_does_not_fit_its_shape_is_refused()
    {
        Assert.Throws<ArgumentException>(() => TensorContent.FromFloat32("a", [2], new float[3]));
        Assert.Throws<ArgumentException>(() => TensorContent.FromFloat32("a", [2], new float[2], DType.I32));
        Assert.Throws<ArgumentException>(() => new TensorContent("a", DType.F32, [2], new byte[7]));
        Assert.Throws<ArgumentException>(() => new TensorContent("a", DType.F4, [3], new byte[2]));
    }

    [Fact]
    public void A_callback_that_fails_leaves_the_target_as_it_was()
    {
        File.WriteAllText(_directory["x"], "old");
        var content = new TensorContent("a", DType.U8, [4], stream =>
        {
            stream.WriteByte(1);
            throw new InvalidOperationException("no more");
        });
        Assert.Throws<InvalidOperationException>(() => SafetensorsWriter.Write(_directory["x"], [content]));
        Assert.Equal("old", File.ReadAllText(_directory["x"]));
        Assert.Single(Directory.EnumerateFileSystemEntries(_directory.Root));
    }

    [Fact]
    public void A_target_that_cannot_be_written_is_refused()
    {
        Refusal.Of(
            () => SafetensorsWriter.Write(_directory["no/such/x"], []), _directory["no/such/x"],
            "cannot be written because its directory does not exist.");
        Refusal.Of(() => SafetensorsWriter.Write(_directory.Root, []), _directory.Root, "is a directory, expected the name of a file to write.");
    }

    [Fact]
    public void A_symbolic_link_at_the_target_is_replaced_and_what_it_leads_to_is_left_alone()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Making links needs a privilege.");
        File.WriteAllText(_directory["blob"], "shared");
        File.CreateSymbolicLink(_directory["link"], "blob");
        SafetensorsWriter.Write(_directory["link"], []);
        Assert.Equal("shared", File.ReadAllText(_directory["blob"]));
        Assert.Null(new FileInfo(_directory["link"]).LinkTarget);
        using var file = SafetensorsFile.Open(_directory["link"]);
        Assert.Empty(file.Tensors);
    }

    [Fact]
    public void Values_are_rounded_to_nearest_even_at_the_store()
    {
        // Halfway between two values of BF16 (steps of 2⁻⁷ at 1) and of F16 (2⁻¹⁰): to the even one.
        float[] values = [1 + 0.00390625f, 1 + (3 * 0.00390625f), 1 + 0.00048828125f, 1 + (3 * 0.00048828125f), 70000f, float.NaN];
        SafetensorsWriter.Write(
            _directory["x"],
            [TensorContent.FromFloat32("bf16", [6], values, DType.BF16), TensorContent.FromFloat32("f16", [6], values, DType.F16)]);
        using var file = SafetensorsFile.Open(_directory["x"]);
        Assert.Equal([1f, 1 + 0.015625f, 1f, 1f, 70144f, float.NaN], file.ReadFloat32("bf16"));
        Assert.Equal([1 + 0.00390625f, 1 + (3 * 0.00390625f), 1f, 1 + 0.001953125f, float.PositiveInfinity, float.NaN], file.ReadFloat32("f16"));
    }
}
