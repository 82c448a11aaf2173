using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Streaming.Output;

/// <summary>The layout against a plain account of the rules, against what the writer of whole files makes, and against files that mergekit wrote.</summary>
public sealed class OutputPlanTests : IDisposable
{
    private static readonly Config s_settings = Config.QuickThrowOnFailure.WithMaxTest(200).WithReplay(20251122, 1).WithQuietOnSuccess(true);

    private static readonly Gen<OutputTensor> s_tensor =
        from name in Gen.Elements("layers.", "embed", "norm", "Ä", "🦊", "a\"b").SelectMany(_ => Gen.Choose(0, 30), (text, number) => text + number)
        from dtype in Gen.Elements(DType.F32, DType.BF16, DType.F16, DType.F64, DType.I64, DType.I32, DType.U8, DType.Bool, DType.F8E4M3)
        from dimensions in Gen.Choose(0, 6).Select(d => (long)d).ListOf(3)
        select new OutputTensor(name, dtype, new Shape([.. dimensions]));

    private static readonly Gen<(OutputTensor[] Tensors, long ShardSize)> s_model =
        from tensors in s_tensor.ListOf()
        from size in Gen.Choose(1, 3000)
        select (tensors.DistinctBy(t => t.Name).ToArray(), (long)size);

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Tensors_go_to_files_by_the_rules() => Check.One(s_settings, Prop.ForAll(s_model.ToArbitrary(), model =>
    {
        OutputPlan plan = OutputPlan.Create(model.Tensors, model.ShardSize);
        string[][] expected = PlainSplit(model.Tensors, model.ShardSize);
        Assert.Equal(expected.Select(names => names.Order(StringComparer.Ordinal)), plan.Shards.Select(s => s.Layout.Tensors.Select(t => t.Name).Order(StringComparer.Ordinal)));
        Assert.Equal(model.Tensors, plan.Tensors.Select(t => t.Tensor));
        Assert.Equal(model.Tensors.Sum(t => t.ByteLength), plan.TotalSize);
        Assert.Equal(plan.Shards.Count > 1, !plan.Index.IsEmpty);
        foreach (OutputShard shard in plan.Shards)
        {
            PlannedTensor[] own = [.. plan.Tensors.Where(t => t.Shard == shard).OrderBy(t => t.Offset).ThenBy(t => t.ByteLength)];
            Assert.True(own.Length <= 1 || own.Sum(t => t.ByteLength) <= model.ShardSize);
            Assert.Equal(0, shard.Layout.DataStart % 8);
            long at = shard.Layout.DataStart;
            foreach (PlannedTensor tensor in own)
            {
                Assert.Equal(at, tensor.Offset);
                if (tensor.ByteLength > 0) Assert.Equal(0, tensor.Offset % tensor.Tensor.DType.Alignment());
                at += tensor.ByteLength;
            }

            Assert.Equal(at, shard.Layout.FileLength);
            int[] widths = [.. shard.Layout.Tensors.Select(t => t.DType.Bits())];
            Assert.Equal(widths.OrderDescending(), widths);
        }
    }));

    [Fact]
    public void What_is_written_to_the_places_is_what_the_writer_of_whole_files_makes() => Check.One(s_settings.WithMaxTest(60), Prop.ForAll(s_model.ToArbitrary(), model =>
    {
        OutputPlan plan = OutputPlan.Create(model.Tensors, model.ShardSize);
        string path = directory.File("out");
        SyntheticModel.Write(path, plan, SyntheticModel.Options with { Overwrite = true });
        foreach (OutputShard shard in plan.Shards)
        {
            SafetensorsWriter.Write(
                directory.File("whole"),
                plan.Tensors.Where(t => t.Shard == shard).Select(t => new TensorContent(t.Name, t.Tensor.DType, t.Tensor.Shape, SyntheticModel.BytesOf(t, 0, (int)t.ByteLength))),
                new Dictionary<string, string> { ["format"] = "pt" });
            Assert.True(File.ReadAllBytes(directory.File("whole")).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(path, shard.FileName))));
        }

        using Checkpoint checkpoint = Checkpoint.Open(path);
        Assert.Empty(checkpoint.Warnings);
        Assert.Equal("pt", checkpoint.Metadata["format"]);
        Assert.Equal(model.Tensors.Select(t => t.Name).Order(StringComparer.Ordinal), checkpoint.Names.Order(StringComparer.Ordinal));
        foreach (PlannedTensor tensor in plan.Tensors)
        {
            Assert.Equal((tensor.Tensor.DType, tensor.Tensor.Shape), (checkpoint[tensor.Name].DType, checkpoint[tensor.Name].Shape));
            Assert.True(SyntheticModel.BytesOf(tensor, 0, (int)tensor.ByteLength).AsSpan().SequenceEqual(checkpoint.GetSpan(tensor.Name)));
        }
    }));

    [Theory]
    [InlineData("sharded-output", 20_000)]
    [InlineData("sharded-output-small", 3_000)]
    [InlineData("linear-2", 5_000_000_000)]
    public void Files_are_those_that_mergekit_writes(string name, long shardSize)
    {
        string expected = Path.GetFullPath(Path.Combine(FixtureFiles.PathOf(""), "..", "..", "..", "shared", "fixtures", "mergekit", "cases", name, "expected"));
        Assert.SkipUnless(Directory.Exists(expected), $"There is no {expected}.");
        using Checkpoint checkpoint = Checkpoint.Open(expected);
        // The index lists the tensors in the order of processing; without one any order gives the same file.
        string index = Path.Combine(expected, ShardedIndex.FileName);
        IEnumerable<string> order = File.Exists(index)
            ? JsonDocument.Parse(File.ReadAllBytes(index)).RootElement.GetProperty("weight_map").EnumerateObject().Select(p => p.Name).ToArray()
            : checkpoint.Names;
        OutputPlan plan = OutputPlan.Create(order.Select(n => new OutputTensor(n, checkpoint[n].DType, checkpoint[n].Shape)), shardSize);
        Assert.Equal(checkpoint.Files.Select(f => Path.GetFileName(f.FilePath)), plan.Shards.Select(s => s.FileName));
        foreach (SafetensorsFile file in checkpoint.Files)
        {
            OutputShard shard = plan.Shards.Single(s => s.FileName == Path.GetFileName(file.FilePath));
            Assert.True(shard.Layout.HeaderBytes.Span.SequenceEqual(File.ReadAllBytes(file.FilePath).AsSpan(0, (int)file.Header.DataStart)), shard.FileName);
        }

        if (plan.Shards.Count == 1) return;
        ShardedIndex mine = ShardedIndex.Parse(plan.Index.Span, "index"), theirs = ShardedIndex.Open(index);
        Assert.Equal(theirs.WeightMap, mine.WeightMap);
        Assert.Equal(theirs.TotalSize, mine.TotalSize);
    }

    [Fact]
    public void A_name_that_stands_twice_is_refused_even_in_two_files()
    {
        OutputTensor tensor = new("a", DType.F32, new Shape(100));
        var refused = Assert.Throws<SafetensorsException>(() => OutputPlan.Create([tensor, new("b", DType.F32, new Shape(100)), tensor], 400));
        Assert.Contains("\"a\"", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>The sentence of the rule, one tensor after another.</summary>
    private static string[][] PlainSplit(OutputTensor[] tensors, long limit)
    {
        var files = new List<List<string>> { new() };
        long held = 0;
        for (int i = 0; i < tensors.Length; i++)
        {
            long size = tensors[i].Shape.Aggregate(1L, (a, b) => a * b) * tensors[i].DType.Bits() / 8;
            bool fits = held + size <= limit, alone = files[^1].Count == 0;
            if (!fits && !alone)
            {
                files.Add([]);
                held = 0;
            }

            files[^1].Add(tensors[i].Name);
            held += size;
        }

        return [.. files.Select(f => f.ToArray())];
    }
}
