using System.Runtime.InteropServices;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Tensors.Tests.Safetensors;

public sealed class RoundTripTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void What_is_written_is_read_back()
    {
        string path = _directory["model.safetensors"];
        float[] weights = [1, -2, 3.5f, float.NaN, float.PositiveInfinity, -0f];
        SafetensorsWriter.Write(
            path,
            [
                TensorContent.FromFloat32("w", [2, 3], weights),
                TensorContent.FromInt64("ids", [2], new long[] { 7, -9 }),
                TensorContent.FromFloat32("scalar", [], new float[] { 4 }),
                TensorContent.FromFloat32("empty", [0, 5], Array.Empty<float>()),
                new TensorContent("mask", DType.Bool, [3], new byte[] { 0, 1, 2 }),
            ],
            new Dictionary<string, string> { ["format"] = "pt", ["note"] = "tab\t, quote\", é, 🦊" });

        using var file = SafetensorsFile.Open(path);
        Assert.Equal(["ids", "empty", "scalar", "w", "mask"], file.Tensors.Select(t => t.Name));
        Assert.Equal("tab\t, quote\", é, 🦊", file.Metadata["note"]);
        Assert.Equal([2L, 3L], file["w"].Shape);
        Assert.True(MemoryMarshal.AsBytes<float>(weights).SequenceEqual(MemoryMarshal.AsBytes<float>(file.ReadFloat32("w"))));
        Assert.True(MemoryMarshal.AsBytes<float>(weights).SequenceEqual(file.GetSpan("w")));
        Assert.Equal([7, -9], file.ReadInt32("ids"));
        Assert.Equal([0, 1, 1], file.ReadInt32("mask"));
        Assert.Equal([4f], file.ReadFloat32("scalar"));
        Assert.Empty(file.ReadFloat32("empty"));
        Assert.Equal(0, file["scalar"].Shape.Rank);
    }

    /// <summary>A file that was just written and read is in the system's cache, where the system can tell.</summary>
    [Fact]
    public void Bytes_in_the_systems_cache_are_read_without_being_shown_to_hashes()
    {
        string path = _directory["cached.safetensors"];
        float[] values = [.. Enumerable.Range(0, 5000).Select(i => (float)i)];
        SafetensorsWriter.Write(path, [TensorContent.FromFloat32("x", [5000], values)]);
        using var file = SafetensorsFile.Open(path);
        file.ReadFloat32("x");
        file.Passing = (_, _) => Assert.Fail("nothing passes by");
        var bytes = new byte[400];
        Assert.Throws<ArgumentOutOfRangeException>(() => file.TryReadCached(file["x"], 19_700, bytes));
        bool read = file.TryReadCached(file["x"], 400, bytes);
        Assert.SkipUnless(read, "The system or its file system cannot tell what is in memory.");
        Assert.True(MemoryMarshal.AsBytes<float>(values.AsSpan(100, 100)).SequenceEqual(bytes));
    }

    [Theory]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    [InlineData(DType.F64)]
    [InlineData(DType.F32)]
    public void Values_are_converted_in_chunks_at_any_offset(DType dtype)
    {
        // More elements than two chunks of the reader, with values that every dtype holds exactly.
        string path = _directory["chunks.safetensors"];
        var values = new float[300_001];
        for (int i = 0; i < values.Length; i++) values[i] = (i % 511 - 255) / 4f;
        SafetensorsWriter.Write(path, [TensorContent.FromFloat32("x", [values.Length], values, dtype)]);

        using var file = SafetensorsFile.Open(path);
        Assert.Equal(values, file.ReadFloat32("x"));
        var part = new float[200_000];
        file.ReadFloat32(file["x"], 77_777, part);
        Assert.Equal(values[77_777..277_777], part);
        Assert.Throws<ArgumentOutOfRangeException>(() => file.ReadFloat32(file["x"], 100_002, part));
    }

    [Fact]
    public void Data_at_odd_addresses_is_read()
    {
        // 11 bytes of padding make every element of every tensor unaligned.
        string path = _directory["odd.safetensors"];
        byte[] data = new byte[11 + 8 + 8 + 4 + 4];
        BitConverter.TryWriteBytes(data.AsSpan(11), 1.5);
        BitConverter.TryWriteBytes(data.AsSpan(19), -2L);
        BitConverter.TryWriteBytes(data.AsSpan(27), 2.5f);
        BitConverter.TryWriteBytes(data.AsSpan(31), (Half)3.5f);
        BitConverter.TryWriteBytes(data.AsSpan(33), (Half)4.5f);
        RawFile.Write(path, """
            {"pad":{"dtype":"U8","shape":[11],"data_offsets":[0,11]},"d":{"dtype":"F64","shape":[1],"data_offsets":[11,19]},
            "l":{"dtype":"I64","shape":[1],"data_offsets":[19,27]},"f":{"dtype":"F32","shape":[1],"data_offsets":[27,31]},
            "h":{"dtype":"F16","shape":[2],"data_offsets":[31,35]}}
            """, data);

        using var file = SafetensorsFile.Open(path);
        Assert.Equal([1.5f], file.ReadFloat32("d"));
        Assert.Equal([-2], file.ReadInt32("l"));
        Assert.Equal([2.5f], file.ReadFloat32("f"));
        Assert.Equal([3.5f, 4.5f], file.ReadFloat32("h"));
        var straightFromTheMap = new float[2];
        Conversion.ToSingle(DType.F16, file.GetSpan("h"), straightFromTheMap);
        Assert.Equal([3.5f, 4.5f], straightFromTheMap);
    }

    [Fact]
    public void Every_dtype_is_listed_and_copied()
    {
        string path = _directory["all.safetensors"];
        var random = new PhiloxStream(1, "all dtypes");
        var contents = new List<TensorContent>();
        foreach (var dtype in DTypes.All)
        {
            var bytes = new byte[dtype.ByteCount(24)];
            for (int i = 0; i < bytes.Length; i++) bytes[i] = (byte)random.NextUInt();
            contents.Add(new TensorContent($"t.{dtype.Name()}", dtype, [4, 6], bytes));
        }

        SafetensorsWriter.Write(path, contents);
        using var file = SafetensorsFile.Open(path);
        Assert.Equal(DTypes.All.Reverse(), file.Tensors.Select(t => t.DType));
        SafetensorsWriter.Write(
            _directory["copy.safetensors"],
            file.Tensors.Select(t => new TensorContent(t.Name, t.DType, t.Shape, stream => SafetensorsWriter.Copy(file, t, stream))));
        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(_directory["copy.safetensors"]));
    }

    [Fact]
    public void Float64_is_read_without_rounding_whole_and_in_part()
    {
        string path = _directory["d.safetensors"];
        double[] values = [1.0 / 3, -Math.PI * 1e300, 5e-324, double.NaN];
        SafetensorsWriter.Write(path, [new TensorContent("d", DType.F64, [2, 2], MemoryMarshal.AsBytes<double>(values).ToArray()), TensorContent.FromFloat32("w", [1], new float[1])]);
        using var file = SafetensorsFile.Open(path);
        Assert.Equal(values, file.ReadFloat64("d"));
        var part = new double[2];
        file.ReadFloat64(file["d"], 1, part);
        Assert.Equal(values[1..3], part);
        Assert.Throws<ArgumentOutOfRangeException>(() => file.ReadFloat64(file["d"], 3, part));
        Refusal.Of(() => file.ReadFloat64("w"), path, "tensor \"w\" is F32, expected F64.");
    }

    [Fact]
    public void Types_that_are_not_computed_with_are_refused_by_name()
    {
        string path = _directory["t.safetensors"];
        SafetensorsWriter.Write(path, [new TensorContent("q", DType.F8E4M3, [4], new byte[4]), TensorContent.FromFloat32("w", [1], new float[1])]);
        using var file = SafetensorsFile.Open(path);
        Refusal.Of(() => file.ReadFloat32("q"), path, "tensor \"q\" is F8_E4M3 and cannot be computed with, expected F32, F16, BF16 or F64.");
        Refusal.Of(() => file.ReadInt32("w"), path, "tensor \"w\" is F32, expected an integer type or BOOL.");
        Refusal.Of(() => file.ReadFloat32("v"), path, "there is no tensor \"v\" among its 2.");
        Refusal.Of(() => file.ReadFloat32("w", new float[2]), path, "tensor \"w\" has 1 elements of shape [1], expected 2.");
    }

    [Fact]
    public void Integers_beyond_32_bits_are_refused_with_their_place()
    {
        string path = _directory["i.safetensors"];
        SafetensorsWriter.Write(
            path,
            [
                TensorContent.FromInt64("long", [3], new long[] { int.MaxValue, int.MinValue, int.MaxValue + 1L }),
                new TensorContent("unsigned", DType.U32, [1], new byte[] { 0, 0, 0, 0x80 }),
                new TensorContent("huge", DType.U64, [1], new byte[] { 255, 255, 255, 255, 255, 255, 255, 255 }),
            ]);
        using var file = SafetensorsFile.Open(path);
        Refusal.Of(() => file.ReadInt32("long"), path, "tensor \"long\" holds 2147483648 at element 2, expected values that fit 32 bits.");
        Refusal.Of(() => file.ReadInt32("unsigned"), path, "tensor \"unsigned\" holds 2147483648 at element 0, expected values that fit 32 bits.");
        Refusal.Of(() => file.ReadInt32("huge"), path, "tensor \"huge\" holds 18446744073709551615 at element 0, expected values that fit 32 bits.");
    }

    [Fact]
    public void An_entry_of_another_file_is_refused()
    {
        SafetensorsWriter.Write(_directory["a.safetensors"], [TensorContent.FromFloat32("w", [1], new float[1])]);
        SafetensorsWriter.Write(_directory["b.safetensors"], [TensorContent.FromFloat32("w", [1], new float[1])]);
        using var a = SafetensorsFile.Open(_directory["a.safetensors"]);
        using var b = SafetensorsFile.Open(_directory["b.safetensors"]);
        Assert.Throws<ArgumentException>(() => a.GetSpan(b["w"], 0, 4));
    }

    [Fact]
    public void A_disposed_file_is_refused()
    {
        SafetensorsWriter.Write(_directory["a.safetensors"], [TensorContent.FromFloat32("w", [1], new float[1])]);
        var file = SafetensorsFile.Open(_directory["a.safetensors"]);
        file.Dispose();
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.GetSpan("w").Length);
        Assert.Throws<ObjectDisposedException>(() => file.ReadFloat32("w"));
    }
}
