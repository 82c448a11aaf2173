using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Hashing;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Merging.Tests.Adapters;

/// <summary>What an adapter does to each kind of tensor, against the definition in float64.</summary>
public sealed class LoraAdapterTests : IDisposable
{
    private const DType F32 = DType.F32;
    private const string P = "base_model.model.";

    private readonly AdapterFiles _files = new();

    public void Dispose() => _files.Dispose();

    /// <summary>
    /// Float32 sums of r products of numbers up to 1/2, times s, added to W and rounded once: at most r/4·(r + 1)·2⁻²⁴·s, and half a unit in the last place of a result below 16 beside.
    /// </summary>
    private static void Near(double[] expected, float[] found, int rank, double scale)
    {
        Assert.Equal(expected.Length, found.Length);
        double bound = Math.Pow(2, -24) * ((rank * 0.25 * (rank + 1) * Math.Abs(scale)) + 16);
        for (int i = 0; i < found.Length; i++) Assert.True(Math.Abs(expected[i] - found[i]) <= bound, $"[{i}]: {found[i]:g9}, expected {expected[i]:g9} within {bound:g3}.");
    }

    private float[] V(string name) => _files.Values[name];

    private double[] Linear(string w, string a, string b, int rows, int rank, double scale)
    {
        int columns = V(w).Length / rows;
        return AdapterFiles.Updated(V(w), rows, (i, j) => AdapterFiles.Sum(rank, k => (double)V(b)[(i * rank) + k] * V(a)[(k * columns) + j]), scale);
    }

    /// <summary>[in, out] or an embedding's [rows, width]: the transpose of B·A.</summary>
    private double[] Transposed(string w, string a, string b, int rows, int rank, double scale) =>
        AdapterFiles.Updated(V(w), rows, (i, j) => AdapterFiles.Sum(rank, k => (double)V(b)[(j * rank) + k] * V(a)[(k * rows) + i]), scale);

    [Theory]
    [InlineData(8, 16, false, 2)]
    [InlineData(4, 6, true, 3)]
    [InlineData(1, 0, false, 0)]
    public void A_weight_gets_the_scaled_product(int rank, double alpha, bool root, double scale)
    {
        _files.WriteModel(("model.layers.0.q_proj.weight", new Shape(37, 131), F32), ("model.norm.weight", new Shape(9), F32));
        _files.WriteAdapter(
            AdapterFiles.Config(rank, alpha, $"\"use_rslora\": {(root ? "true" : "false")}"),
            ($"{P}model.layers.0.q_proj.lora_A.weight", new Shape(rank, 131), F32), ($"{P}model.layers.0.q_proj.lora_B.weight", new Shape(37, rank), DType.F16));
        using MergeJob job = _files.Plan();
        Near(Linear("model.layers.0.q_proj.weight", $"{P}model.layers.0.q_proj.lora_A.weight", $"{P}model.layers.0.q_proj.lora_B.weight", 37, rank, scale), AdapterFiles.Output(job, "model.layers.0.q_proj.weight"), rank, scale);
        Assert.Equal(V("model.norm.weight"), AdapterFiles.Output(job, "model.norm.weight"));
        TensorTransform transform = job.Tensors.Single(t => t.Name == "model.layers.0.q_proj.weight").Sources[0].Transform!;
        Assert.Equal((37 * 131 * 4) + (rank * 131 * 4) + (37 * rank * 2), transform.InputBytes);
        // Three panels of 64 columns.
        Assert.Equal(3 * 64 * rank * 4, transform.WorkingBytes);
    }

    /// <summary>What an adapter holds is in the estimate of memory, and a limit that it does not fit in is refused.</summary>
    [Fact]
    public void Factors_that_are_held_count_in_the_plan_of_memory()
    {
        const int Rank = 4096, Width = 4096;
        _files.WriteModel(("model.q_proj.weight", new Shape(64, Width), F32));
        _files.WriteAdapter(AdapterFiles.Config(Rank, 1), ($"{P}model.q_proj.lora_A.weight", new Shape(Rank, Width), DType.F16), ($"{P}model.q_proj.lora_B.weight", new Shape(64, Rank), DType.F16));
        using MergeJob job = _files.Plan();
        using Device device = Device.Open("cpu", 1);
        ExecutionOptions Limit(long mebibytes) => new() { Device = device, Threads = 1, MemoryLimit = mebibytes << 20 };
        OutputPlan plan = OutputPlan.Create(job.Tensors.Select(t => new OutputTensor(t.Name, t.DType, t.Shape)));
        Assert.True(MergeExecutor.Estimate(job, plan, Limit(512)).LeastMemory > Rank * Width * sizeof(float));
        Assert.Matches("^The tensor \"model.q_proj.weight\" cannot be merged within the memory limit of 128 MiB; one of [0-9]+ MiB would do.$", Assert.Single(Assert.Throws<PlanningException>(() => MergeExecutor.RequirePossible(job, Limit(128))).Problems));
        MergeExecutor.RequirePossible(job, Limit(256));
    }

    /// <summary>Of files with a hash nothing is read for the hash alone but units that no piece covers whole, whoever reads them.</summary>
    [Fact]
    public void What_an_adapter_reads_is_hashed_as_it_passes_by()
    {
        const int Rank = 64, Width = 131_072;
        _files.WriteModel(("model.q_proj.weight", new Shape(64, Width), F32));
        _files.WriteAdapter(AdapterFiles.Config(Rank, 1), ($"{P}model.q_proj.lora_A.weight", new Shape(Rank, Width), F32), ($"{P}model.q_proj.lora_B.weight", new Shape(64, Rank), F32));
        using MergeJob job = _files.Plan();
        OutputPlan plan = OutputPlan.Create(job.Tensors.Select(t => new OutputTensor(t.Name, t.DType, t.Shape)));
        using Device device = Device.Open("cpu", 2);
        using InputFiles inputs = InputFiles.Open(job);
        var description = new MergeDescription { Recipe = "adapter", Dialect = "mergekit", Inputs = inputs.Files };
        using OutputDirectory output = OutputDirectory.Open(Path.Combine(_files.Root, "out"), plan, description, new OutputOptions { Threads = 2 });
        MergeExecutor.Execute(job, plan, output, inputs, new ExecutionOptions { Device = device, Threads = 2 });
        MergeManifest manifest = output.Complete();
        Assert.All(inputs.Files, f => Assert.InRange(f.ReadAgain, 0, f.Length / 8));
        Assert.All(inputs.Files.Zip(manifest.Inputs), i =>
        {
            using var again = new InputFile(i.First.FilePath);
            Assert.Equal(ManifestInput.Of(i.Second.Path, i.Second.Bytes, again.FinishHash(2, default)), i.Second);
            Assert.True(i.First.Length > StreamedHash.PieceBytes);
        });
    }

    [Fact]
    public void Embeddings_convolutions_and_biases_get_theirs()
    {
        _files.WriteModel(
            ("embed.weight", new Shape(50, 12), F32), ("conv.weight", new Shape(10, 3, 2, 2), F32), ("fc.weight", new Shape(7, 5), F32), ("fc.bias", new Shape(7), F32), ("out.weight", new Shape(4, 7), F32),
            ("out.bias", new Shape(4), F32));
        _files.WriteAdapter(
            AdapterFiles.Config(3, 6),
            ($"{P}embed.lora_embedding_A", new Shape(3, 50), F32), ($"{P}embed.lora_embedding_B.default", new Shape(12, 3), F32),
            ($"{P}conv.lora_A.default.weight", new Shape(3, 3, 2, 2), F32), ($"{P}conv.lora_B.default.weight", new Shape(10, 3, 1, 1), F32),
            ($"{P}fc.lora_A.weight", new Shape(3, 5), F32), ($"{P}fc.lora_B.weight", new Shape(7, 3), F32), ($"{P}fc.lora_B.bias", new Shape(7), F32),
            ($"{P}out.base_layer.bias", new Shape(4), F32));
        using MergeJob job = _files.Plan();
        Near(Transposed("embed.weight", $"{P}embed.lora_embedding_A", $"{P}embed.lora_embedding_B.default", 50, 3, 2), AdapterFiles.Output(job, "embed.weight"), 3, 2);
        Near(Linear("conv.weight", $"{P}conv.lora_A.default.weight", $"{P}conv.lora_B.default.weight", 10, 3, 2), AdapterFiles.Output(job, "conv.weight"), 3, 2);
        Near(Linear("fc.weight", $"{P}fc.lora_A.weight", $"{P}fc.lora_B.weight", 7, 3, 2), AdapterFiles.Output(job, "fc.weight"), 3, 2);
        Near([.. V("fc.bias").Zip(V($"{P}fc.lora_B.bias"), (b, c) => b + (2.0 * c))], AdapterFiles.Output(job, "fc.bias"), 3, 2);
        Assert.Equal(V($"{P}out.base_layer.bias"), AdapterFiles.Output(job, "out.bias"));
    }

    /// <summary>GPT-2 stores [in, out]; a square weight does not show it, its namesake with a bias does.</summary>
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void Weights_that_are_stored_the_other_way_are_found(bool namesake, bool said)
    {
        (string, Shape, DType)[] more = namesake ? [("h.0.mlp.c_proj.weight", new Shape(24, 6), F32), ("h.0.mlp.c_proj.bias", new Shape(6), F32)] : [];
        _files.WriteModel([("h.0.attn.c_attn.weight", new Shape(6, 18), F32), ("h.0.attn.c_proj.weight", new Shape(6, 6), F32), .. more]);
        _files.WriteAdapter(
            AdapterFiles.Config(2, 2, $"\"fan_in_fan_out\": {(said ? "true" : "false")}"),
            ($"{P}transformer.h.0.attn.c_attn.lora_A.weight", new Shape(2, 6), F32), ($"{P}transformer.h.0.attn.c_attn.lora_B.weight", new Shape(18, 2), F32),
            ($"{P}transformer.h.0.attn.c_proj.lora_A.weight", new Shape(2, 6), F32), ($"{P}transformer.h.0.attn.c_proj.lora_B.weight", new Shape(6, 2), F32));
        using MergeJob job = _files.Plan();
        foreach (string name in (string[])["c_attn", "c_proj"])
        {
            double[] expected = Transposed($"h.0.attn.{name}.weight", $"{P}transformer.h.0.attn.{name}.lora_A.weight", $"{P}transformer.h.0.attn.{name}.lora_B.weight", 6, 2, 1);
            Near(expected, AdapterFiles.Output(job, $"h.0.attn.{name}.weight"), 2, 1);
        }
    }

    [Fact]
    public void Whole_modules_replace_those_of_the_model_or_are_added()
    {
        _files.WriteModel(("bert.pooler.weight", new Shape(4, 4), DType.BF16), ("bert.fc.weight", new Shape(4, 4), DType.BF16));
        _files.WriteAdapter(
            AdapterFiles.Config(2, 2, "\"modules_to_save\": [\"pooler\", \"classifier\"]"),
            ($"{P}bert.pooler.modules_to_save.default.weight", new Shape(4, 4), F32), ($"{P}classifier.weight", new Shape(3, 4), F32),
            ($"{P}bert.fc.lora_A.weight", new Shape(2, 4), F32), ($"{P}bert.fc.lora_B.weight", new Shape(4, 2), F32));
        using MergeJob job = _files.Plan();
        Assert.Equal(["bert.fc.weight", "bert.pooler.weight", "classifier.weight"], job.Tensors.Select(t => t.Name));
        Assert.Equal(V($"{P}bert.pooler.modules_to_save.default.weight").Select(x => JobValues.Round(x, DType.BF16)), AdapterFiles.Output(job, "bert.pooler.weight"));
        Assert.Equal(V($"{P}classifier.weight"), AdapterFiles.Output(job, "classifier.weight"));
        Assert.Equal([DType.BF16, DType.BF16, F32], job.Tensors.Select(t => t.DType));
        Assert.All(AdapterFiles.Output(job, "bert.fc.weight"), x => Assert.Equal(x, JobValues.Round(x, DType.BF16)));
    }

    [Fact]
    public void Ranks_and_strengths_follow_the_patterns()
    {
        _files.WriteModel([.. Enumerable.Range(0, 3).Select(i => ($"layers.{i}.q.weight", new Shape(5, 5), F32))]);
        (string, Shape, DType)[] Factors(int layer, int rank) =>
            [($"{P}layers.{layer}.q.lora_A.weight", new Shape(rank, 5), F32), ($"{P}layers.{layer}.q.lora_B.weight", new Shape(5, rank), F32)];
        _files.WriteAdapter(
            AdapterFiles.Config(4, 4, """
                "rank_pattern": {"layers.1.q": 2, "layers\\.[2-9]\\.q": 0, "q": 4}, "alpha_pattern": {"0.q": 2, "layers.1.q": 3}
                """),
            [.. Factors(0, 4), .. Factors(1, 2), .. Factors(2, 0)]);
        using MergeJob job = _files.Plan();
        Near(Linear("layers.0.q.weight", $"{P}layers.0.q.lora_A.weight", $"{P}layers.0.q.lora_B.weight", 5, 4, 0.5), AdapterFiles.Output(job, "layers.0.q.weight"), 4, 0.5);
        Near(Linear("layers.1.q.weight", $"{P}layers.1.q.lora_A.weight", $"{P}layers.1.q.lora_B.weight", 5, 2, 1.5), AdapterFiles.Output(job, "layers.1.q.weight"), 2, 1.5);
        Assert.Equal(V("layers.2.q.weight"), AdapterFiles.Output(job, "layers.2.q.weight"));
    }

    [Fact]
    public void Several_threads_get_the_bits_of_one()
    {
        _files.WriteModel(("a.weight", new Shape(300, 200), DType.F16));
        _files.WriteAdapter(AdapterFiles.Config(16, 16), ($"{P}a.lora_A.weight", new Shape(16, 200), F32), ($"{P}a.lora_B.weight", new Shape(300, 16), F32));
        using MergeJob job = _files.Plan();
        TensorTransform transform = job.Tensors[0].Sources[0].Transform!;
        float[] whole = AdapterFiles.Output(job, "a.weight"), pieces = new float[whole.Length];
        for (int pass = 0; pass < 3; pass++)
        {
            Array.Clear(pieces);
            Parallel.For(0, 60, i => transform.Read(i * 1000, pieces.AsSpan(i * 1000, 1000)));
            Assert.Equal(whole, pieces);
        }
    }
}
