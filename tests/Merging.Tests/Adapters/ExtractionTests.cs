using System.Text.Json;
using MergeEngine.Merging.Adapters;
using MergeEngine.Merging.Adapters.Extraction;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Adapters;

/// <summary>An adapter that is extracted and applied again gives the model back, as far as its rank goes.</summary>
public sealed class ExtractionTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly Device _device = DeviceCases.Open("cpu", 2);
    private readonly Random _random = new(3);

    public void Dispose()
    {
        _device.Dispose();
        _directory.Dispose();
    }

    private LoraExtractionOptions Options => new() { Model = _directory.File("models/tuned"), BaseModel = _directory.File("models/base"), Device = _device, MaxRank = 3, SkipUndecomposable = true };

    private float[] Values(long count, double scale) => [.. Enumerable.Range(0, (int)count).Select(_ => (float)(scale * (_random.NextDouble() - 0.5)))];

    /// <summary>Writes a base, and a model that differs from it by matrices of a rank; tensors of rank 0 in the list do not differ.</summary>
    private void Write(DType type, params (string Name, Shape Shape, int Rank)[] tensors)
    {
        var before = new List<TensorContent>();
        var after = new List<TensorContent>();
        foreach ((string name, Shape shape, int rank) in tensors)
        {
            float[] values = Values(shape.ElementCount, 1), tuned = [.. values];
            int columns = (int)shape[shape.Rank - 1], rows = tuned.Length / columns;
            float[] left = Values(rows * rank, 0.2), right = Values(columns * rank, 0.2);
            for (int i = 0; i < tuned.Length; i++)
            {
                for (int k = 0; k < rank; k++) tuned[i] += left[((i / columns) * rank) + k] * right[(k * columns) + (i % columns)];
            }

            before.Add(TensorContent.FromFloat32(name, shape, values, type));
            after.Add(TensorContent.FromFloat32(name, shape, tuned, type));
        }

        foreach ((string directory, List<TensorContent> contents) in new[] { ("base", before), ("tuned", after) })
        {
            Directory.CreateDirectory(_directory.File($"models/{directory}"));
            SafetensorsWriter.Write(_directory.File($"models/{directory}/model.safetensors"), contents);
        }
    }

    private LoraExtractionResult Extract(LoraExtractionOptions options, string name = "adapter")
    {
        Directory.CreateDirectory(_directory.File($"models/{name}"));
        return LoraExtraction.Run(options, _directory.File($"models/{name}"));
    }

    /// <summary>The largest difference between the model and the base with the adapter, by tensor.</summary>
    private Dictionary<string, double> Remaining(string name = "adapter")
    {
        using MergeJob job = MergePlanner.Plan(
            RecipeText.Read($"merge_method: passthrough\nmodels: [{{model: models/base+models/{name}}}]"), new PlanOptions { WorkingDirectory = _directory.Path });
        using SafetensorsFile tuned = SafetensorsFile.Open(_directory.File("models/tuned/model.safetensors"));
        return job.Tensors.ToDictionary(t => t.Name, t => JobValues.Read(t.Sources[0], t.Shape.ElementCount).Zip(tuned.ReadFloat32(t.Name), (x, y) => Math.Abs((double)x - y)).Max());
    }

    /// <summary>The differences are of the adapter's rank, so what remains is rounding: of W to float32 before the difference, and of the factors: 4·2⁻²⁴ of values below 2.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_difference_of_low_rank_comes_back_whole(bool distribute)
    {
        Write(
            DType.F32, ("transformer.wte.weight", new Shape(40, 12), 2), ("transformer.wpe.weight", new Shape(16, 12), 3), ("transformer.h.0.attn.c_attn.weight", new Shape(12, 36), 3),
            ("transformer.h.0.attn.c_attn.bias", new Shape(1, 36), 0), ("transformer.h.0.attn.c_proj.weight", new Shape(12, 12), 1), ("transformer.h.0.mlp.c_proj.weight", new Shape(48, 12), 3),
            ("score.weight", new Shape(5, 12), 2), ("transformer.ln_f.weight", new Shape(1, 12), 0));
        LoraExtractionResult result = Extract(Options with { EmbedLora = true, DistributeScale = distribute });
        Assert.Equal(3, result.Rank);
        Assert.Equal(7, result.Decomposed.Count);
        // Singular values are float32.
        Assert.All(result.Decomposed, m => Assert.Equal(1, m.Kept, Math.Pow(2, -22)));
        Assert.All(Remaining(), r => Assert.True(r.Value <= 4 * Math.Pow(2, -24) * 2, $"{r.Key}: {r.Value}"));
    }

    /// <summary>GPT-2's weights are [in, out], which the bias beside c_attn and mlp.c_proj tells.</summary>
    [Fact]
    public void Factors_of_weights_that_are_stored_the_other_way_are_written_as_PEFT_reads_them()
    {
        Write(
            DType.F32, ("h.0.attn.c_attn.weight", new Shape(12, 36), 3), ("h.0.attn.c_attn.bias", new Shape(36), 0), ("h.0.attn.c_proj.weight", new Shape(12, 12), 2),
            ("h.0.mlp.c_proj.weight", new Shape(48, 12), 3), ("h.0.mlp.c_proj.bias", new Shape(12), 1));
        Extract(Options);
        using SafetensorsFile file = SafetensorsFile.Open(_directory.File("models/adapter/adapter_model.safetensors"));
        Assert.Equal(new Shape(3, 12), file["base_model.model.h.0.attn.c_attn.lora_A.weight"].Shape);
        Assert.Equal(new Shape(36, 3), file["base_model.model.h.0.attn.c_attn.lora_B.weight"].Shape);
        Assert.Equal(new Shape(12), file["base_model.model.h.0.mlp.c_proj.base_layer.bias"].Shape);
        Assert.False(file.TryGet("base_model.model.h.0.attn.c_attn.base_layer.bias", out _));
        using JsonDocument config = JsonDocument.Parse(File.ReadAllBytes(_directory.File("models/adapter/adapter_config.json")));
        Assert.True(config.RootElement.GetProperty("fan_in_fan_out").GetBoolean());
        Assert.Equal("all", config.RootElement.GetProperty("bias").GetString());
        Assert.All(Remaining(), r => Assert.True(r.Value <= 4 * Math.Pow(2, -24) * 2, $"{r.Key}: {r.Value}"));
    }

    /// <summary>Eckart and Young: a larger rank leaves less, and the share that is said to be kept is what is.</summary>
    [Fact]
    public void A_smaller_rank_keeps_what_it_says()
    {
        Write(DType.F32, ("a.weight", new Shape(30, 20), 8));
        double before = double.MaxValue;
        foreach (int rank in (int[])[1, 2, 4, 8])
        {
            LoraExtractionResult result = Extract(Options with { MaxRank = rank }, $"adapter{rank}");
            double kept = Assert.Single(result.Decomposed).Kept;
            using MergeJob job = MergePlanner.Plan(RecipeText.Read($"merge_method: passthrough\nmodels: [{{model: models/base+models/adapter{rank}}}]"), new PlanOptions { WorkingDirectory = _directory.Path });
            using SafetensorsFile tuned = SafetensorsFile.Open(_directory.File("models/tuned/model.safetensors")), origin = SafetensorsFile.Open(_directory.File("models/base/model.safetensors"));
            float[] applied = JobValues.Read(job.Tensors[0].Sources[0], 600), x = tuned.ReadFloat32("a.weight"), b = origin.ReadFloat32("a.weight");
            double left = 0, whole = 0;
            for (int i = 0; i < 600; i++) (left, whole) = (left + Math.Pow(x[i] - applied[i], 2), whole + Math.Pow((double)x[i] - b[i], 2));
            Assert.Equal(1 - kept, left / whole, 1e-6);
            Assert.True(left < before);
            before = left;
        }
    }

    [Fact]
    public void Whole_modules_and_rules_by_name_are_followed()
    {
        Write(
            DType.BF16, ("model.embed_tokens.weight", new Shape(20, 8), 1), ("model.layers.0.q.weight", new Shape(8, 8), 2), ("model.layers.0.k.weight", new Shape(8, 8), 2), ("model.layers.1.q.weight", new Shape(8, 8), 0),
            ("model.norm.weight", new Shape(8), 1), ("model.scale", new Shape(8), 1), ("lm_head.weight", new Shape(20, 8), 1));
        LoraExtractionResult result = Extract(Options with { SkipUndecomposable = false, SaveModules = ["k"], Exclude = ["lm_h.ad"], Include = [@"layers\.\d"], SingularValueEpsilon = 1e-3 });
        Assert.Equal(["model.layers.0.q", "model.layers.1.q"], result.Decomposed.Select(m => m.Name));
        Assert.Equal(["model.embed_tokens", "model.layers.0.k"], result.Whole);
        Assert.Equal(["\"model.scale\" differs, but is no weight or bias of a module, so no adapter can hold it."], result.Notes);
        using SafetensorsFile file = SafetensorsFile.Open(_directory.File("models/adapter/adapter_model.safetensors"));
        Assert.All(file.Tensors, t => Assert.Equal(DType.BF16, t.DType));
        // Without any difference: zeros of rank 1.
        Assert.Equal(new Shape(1, 8), file["base_model.model.model.layers.1.q.lora_A.weight"].Shape);
        Assert.All(file.ReadFloat32("base_model.model.model.layers.1.q.lora_A.weight"), x => Assert.Equal(0, x));
        Dictionary<string, double> left = Remaining();
        Assert.Equal(0, left["model.layers.0.k.weight"]);
        Assert.Equal(0, left["model.embed_tokens.weight"]);
        Assert.Equal(0, left["model.layers.1.q.weight"]);
    }

    /// <summary>An expression that goes back and forth over a name for ever: 50 ms of that are enough.</summary>
    [Fact]
    public void An_expression_that_takes_too_long_is_told()
    {
        string module = new('m', 60);
        Write(DType.F32, ($"{module}.weight", new Shape(6, 4), 1));
        Assert.Equal(
            $"--exclude-regex is \"(m|mm|m.)+(?=#)\", which takes longer than 0.05 s for the module \"{module}\", expected an expression that needs less going back.",
            Assert.Throws<AdapterException>(() => Extract(Options with { Exclude = ["(m|mm|m.)+(?=#)"], PatternTime = TimeSpan.FromMilliseconds(50) })).Message);
    }

    [Fact]
    public void What_cannot_be_extracted_is_told()
    {
        Write(DType.F32, ("a.weight", new Shape(6, 4), 1), ("n.weight", new Shape(4), 1));
        Assert.EndsWith("no module is left whose difference from " + _directory.File("models/base") + " could be decomposed with --exclude-regex \"a\", expected options that leave one.", Assert.Throws<AdapterException>(() => Extract(Options with { Exclude = ["a"] })).Message, StringComparison.Ordinal);
        Assert.Contains("--include-regex is \"(\", which is no regular expression", Assert.Throws<AdapterException>(() => Extract(Options with { Include = ["("] })).Message, StringComparison.Ordinal);
        SafetensorsWriter.Write(_directory.File("models/tuned/model.safetensors"), [TensorContent.FromFloat32("a.weight", new Shape(4, 6), new float[24])]);
        Assert.EndsWith("the tensor \"a.weight\" has the shape [4, 6], expected [6, 4] as in " + _directory.File("models/base") + ".", Assert.Throws<AdapterException>(() => Extract(Options)).Message, StringComparison.Ordinal);
        SafetensorsWriter.Write(_directory.File("models/tuned/model.safetensors"), [TensorContent.FromFloat32("a.weight", new Shape(6, 4), Enumerable.Repeat(float.NaN, 24).ToArray())]);
        Assert.EndsWith("is not finite, so it has no singular values.", Assert.Throws<AdapterException>(() => Extract(Options)).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_directory.File("models/adapter"), "*.safetensors"));
    }
}
