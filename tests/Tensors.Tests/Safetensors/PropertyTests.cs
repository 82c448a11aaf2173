using System.Text;
using FsCheck;
using FsCheck.Fluent;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Tensors.Tests.Safetensors;

/// <summary>What holds for any content and any damage.</summary>
public sealed class PropertyTests : IDisposable
{
    private static readonly Config Settings = Config.QuickThrowOnFailure.WithMaxTest(300).WithReplay(20240607, 1).WithQuietOnSuccess(true);

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    private static readonly Gen<string> s_text = Gen.OneOf(
        Gen.Elements("a", "model.layers.0.weight", "../x", "é", "🦊", "\"quoted\\\"", "line\nbreak", " "),
        ArbMap.Default.GeneratorFor<NonEmptyString>().Select(s => string.Concat(s.Get.Where(c => c != '\0' && !char.IsSurrogate(c)))));

    /// <summary>Packed types get a last dimension of four, so that they fill whole bytes.</summary>
    private static readonly Gen<TensorContent> s_content =
        from name in s_text
        where name.Length > 0 && name != "__metadata__"
        from dtype in Gen.Elements(DTypes.All.ToArray())
        from dimensions in Gen.Choose(0, 5).Select(d => (long)d).ListOf(4).Select(l => l.ToArray())
        let shape = new Shape(dtype.Bits() % 8 == 0 ? dimensions : [.. dimensions, 4])
        from bytes in Gen.Choose(0, 255).Select(b => (byte)b).ArrayOf((int)dtype.ByteCount(shape.ElementCount))
        select new TensorContent(name, dtype, shape, bytes);

    private static readonly Gen<(TensorContent[] Tensors, Dictionary<string, string> Metadata)> s_model =
        from tensors in s_content.ListOf()
        from keys in s_text.ListOf()
        from values in s_text.ListOf(keys.Count)
        select (tensors.DistinctBy(t => t.Name).ToArray(),
            keys.Zip(values).DistinctBy(p => p.First).ToDictionary(p => p.First, p => p.Second));

    private static byte[] BytesOf(TensorContent content)
    {
        using var stream = new MemoryStream();
        content.Write(stream);
        return stream.ToArray();
    }

    [Fact]
    public void Whatever_is_written_is_read_back_and_rewritten_to_the_same_bytes() =>
        Check.One(Settings, Prop.ForAll(s_model.ToArbitrary(), model =>
        {
            string path = _directory["x"];
            SafetensorsWriter.Write(path, model.Tensors, model.Metadata);
            using var file = SafetensorsFile.Open(path);
            Assert.Equal(model.Metadata, file.Metadata.ToDictionary());
            Assert.Equal(model.Tensors.Length, file.Tensors.Count);
            foreach (var content in model.Tensors)
            {
                var entry = file[content.Name];
                Assert.Equal((content.DType, content.Shape), (entry.DType, entry.Shape));
                Assert.True(BytesOf(content).AsSpan().SequenceEqual(file.GetSpan(content.Name)));
            }

            SafetensorsWriter.Rewrite(file, _directory["y"], _ => default);
            Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(_directory["y"]));
        }));

    /// <summary>Pieces that mean something in a header, so that damage gets past the JSON reader.</summary>
    private static readonly string[] s_pieces =
    [
        "{", "}", "[", "]", ",", ":", "\"", "0", "1", "-1", "1e3", "8", "18446744073709551615", "9223372036854775807", "null", "true", "\"dtype\"", "\"shape\"",
        "\"data_offsets\"", "\"__metadata__\"", "\"F32\"", "\"F4\"", "\"U8\"", "\\ud800", "\\u0000", "\0", "\uFEFF", " ", "{}", "[0,0]", "\"a\"",
        "\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}",
    ];

    private static readonly Gen<(int At, int Remove, byte[] Insert)[]> s_mutations =
        (from at in Gen.Choose(0, 1000)
         from remove in Gen.Choose(0, 6)
         from insert in Gen.OneOf(
             Gen.Elements(s_pieces).Select(Encoding.UTF8.GetBytes), Gen.Choose(0, 255).Select(b => new[] { (byte)b }), Gen.Constant(Array.Empty<byte>()))
         select (at, remove, insert)).ArrayOf().Select(m => m.Take(6).ToArray());

    [Fact]
    public void A_damaged_header_is_read_or_refused_in_one_sentence_and_nothing_else()
    {
        byte[] good = Encoding.UTF8.GetBytes(
            """{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[4],"data_offsets":[8,12]}}""");
        int accepted = 0, refused = 0;
        Check.One(Settings.WithMaxTest(5000), Prop.ForAll(s_mutations.ToArbitrary(), mutations =>
        {
            var header = good.ToList();
            foreach (var (at, remove, insert) in mutations)
            {
                int place = at % (header.Count + 1);
                header.RemoveRange(place, Math.Min(remove, header.Count - place));
                header.InsertRange(place, insert);
            }

            try
            {
                var parsed = SafetensorsHeader.Parse(header.ToArray(), 8 + header.Count + 12, "file");
                // What is accepted covers the data exactly, so no read can leave it.
                Assert.Equal(12, parsed.Tensors.Sum(t => t.ByteLength));
                Assert.All(parsed.Tensors, t => Assert.InRange(t.End, t.Begin, 12));
                accepted++;
            }
            catch (SafetensorsException e)
            {
                Assert.StartsWith("file: ", e.Message, StringComparison.Ordinal);
                Assert.EndsWith(".", e.Message, StringComparison.Ordinal);
                Assert.DoesNotContain('\n', e.Message);
                refused++;
            }
        }));
        // Both ways are taken, or the property says nothing.
        Assert.True(accepted > 100 && refused > 1000, $"{accepted} accepted, {refused} refused");
    }

    [Fact]
    public void A_damaged_index_is_read_or_refused_in_one_sentence_and_nothing_else()
    {
        byte[] good = Encoding.UTF8.GetBytes(
            """{"metadata":{"total_size":12,"x":[1]},"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}}""");
        int accepted = 0, refused = 0;
        Check.One(Settings.WithMaxTest(3000), Prop.ForAll(s_mutations.ToArbitrary(), mutations =>
        {
            var json = good.ToList();
            foreach (var (at, remove, insert) in mutations)
            {
                int place = at % (json.Count + 1);
                json.RemoveRange(place, Math.Min(remove, json.Count - place));
                json.InsertRange(place, insert);
            }

            try
            {
                var parsed = ShardedIndex.Parse(json.ToArray(), "file");
                Assert.All(parsed.Shards, shard => Assert.Equal(shard, Path.GetFileName(shard)));
                Assert.True(parsed.TotalSize is null or >= 0);
                accepted++;
            }
            catch (SafetensorsException e)
            {
                Assert.StartsWith("file: ", e.Message, StringComparison.Ordinal);
                Assert.EndsWith(".", e.Message, StringComparison.Ordinal);
                Assert.DoesNotContain('\n', e.Message);
                refused++;
            }
        }));
        Assert.True(accepted > 100 && refused > 500, $"{accepted} accepted, {refused} refused");
    }
}
