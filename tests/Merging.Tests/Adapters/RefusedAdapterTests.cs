using System.Text;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Merging.Tests.Adapters;

/// <summary>Adapters that cannot be applied: one sentence for each thing that is wrong.</summary>
public sealed class RefusedAdapterTests : IDisposable
{
    private const DType F32 = DType.F32;
    private const string P = "base_model.model.";

    private readonly AdapterFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void Tensors_that_fit_nothing_and_wrong_shapes_are_listed()
    {
        _files.WriteModel(("a.weight", new Shape(4, 6), F32), ("b.weight", new Shape(4, 6), F32), ("ids.weight", new Shape(4, 6), DType.I64));
        _files.WriteAdapter(
            AdapterFiles.Config(2, 2),
            ($"{P}a.lora_A.weight", new Shape(2, 5), F32), ($"{P}a.lora_B.weight", new Shape(4, 2), F32), ($"{P}c.lora_A.weight", new Shape(2, 6), F32), ($"{P}c.lora_B.weight", new Shape(4, 2), F32),
            ($"{P}b.weight", new Shape(4, 7), F32), ($"{P}d.weight", new Shape(4), F32), ($"{P}ids.lora_A.weight", new Shape(2, 6), F32), ($"{P}ids.lora_B.weight", new Shape(4, 2), F32));
        Assert.Equal(
            [
                "models/adapter/adapter_model.safetensors: 3 of 8 tensors fit nothing in models/base, or something that another has changed: \"base_model.model.d.weight\", \"base_model.model.c.lora_A.weight\", \"base_model.model.c.lora_B.weight\".",
                "models/adapter/adapter_model.safetensors: the tensor \"base_model.model.b.weight\" has the shape [4, 7], expected [4, 6] as \"b.weight\" in models/base.",
                "models/adapter/adapter_model.safetensors: the module \"a\" is for a weight of the shape [4, 5], and \"a.weight\" in models/base has [4, 6].",
                "models/base: the tensor \"ids.weight\" is I64, to which no adapter can be added, expected F32, F16, BF16 or F64.",
            ],
            _files.Problems());
    }

    /// <summary>Few columns, many ranks: a row of a panel has 64 elements however short the weight's is, which makes 4 GiB of a factor of 64 MiB. The files are sparse.</summary>
    [Fact]
    public void Factors_that_do_not_fit_into_memory_are_refused()
    {
        const int rank = 1 << 24;
        _files.WriteModel(("a.weight", new Shape(2, 1), F32));
        _files.WriteAdapter(AdapterFiles.Config(rank, 1));
        byte[] header = Encoding.UTF8.GetBytes(
            $$$"""{"{{{P}}}a.lora_A.weight":{"dtype":"F32","shape":[{{{rank}}},1],"data_offsets":[0,{{{4L * rank}}}]},"{{{P}}}a.lora_B.weight":{"dtype":"F32","shape":[2,{{{rank}}}],"data_offsets":[{{{4L * rank}}},{{{12L * rank}}}]}}""");
        using (FileStream sparse = File.Create(Path.Combine(_files.Root, "models/adapter/adapter_model.safetensors")))
        {
            sparse.Write(BitConverter.GetBytes((long)header.Length));
            sparse.Write(header);
            sparse.SetLength(8 + header.Length + (12L * rank));
        }

        Assert.Equal(["models/adapter/adapter_model.safetensors: the module \"a\" has the rank 16777216, whose factor of [2, 1] does not fit into memory."], _files.Problems());
    }

    [Fact]
    public void Factors_that_do_not_belong_together_are_listed()
    {
        _files.WriteModel(("a.weight", new Shape(4, 6), F32));
        _files.WriteAdapter(
            AdapterFiles.Config(2, 2),
            ($"{P}a.lora_A.weight", new Shape(3, 6), F32), ($"{P}a.lora_B.weight", new Shape(4, 3), F32), ($"{P}b.lora_A.weight", new Shape(2, 6), F32),
            ($"{P}c.lora_A.weight", new Shape(2, 6), DType.I32), ($"{P}c.lora_B.weight", new Shape(4, 3), F32), ($"{P}d.lora_magnitude_vector", new Shape(4), F32));
        string file = "models/adapter/adapter_model.safetensors";
        Assert.Equal(
            [
                $"{file}: 1 of 6 tensors is nothing that plain LoRA has, or stands twice: \"base_model.model.d.lora_magnitude_vector\".",
                $"{file}: the module \"a\" has the rank 3, expected 2 as adapter_config.json says.",
                $"{file}: the module \"b\" has only one of the factors A and B.",
                $"{file}: the tensor \"base_model.model.c.lora_A.weight\" is I32, which cannot be computed with, expected F32, F16, BF16 or F64.",
                $"{file}: the module \"c\" has factors A of the shape [2, 6] and B of the shape [4, 3], expected [r, in] and [out, r].",
            ],
            _files.Problems());
    }

    [Theory]
    [InlineData("", "is not valid JSON at line 1, expected the object that describes an adapter.")]
    [InlineData("[1]", "is a JSON array, expected the object that describes an adapter.")]
    [InlineData("{}", "\"peft_type\" is missing, expected \"LORA\".")]
    [InlineData("""{"peft_type": "IA3"}""", "describes an adapter of the type \"IA3\", which is not supported, expected plain LoRA.")]
    [InlineData("""{"peft_type": 3}""", "\"peft_type\" is \"3\", expected a text.")]
    [InlineData("""{"peft_type": "LORA", "lora_alpha": 1}""", "\"r\" is missing, expected the rank of the adapter.")]
    [InlineData("""{"peft_type": "LORA", "r": 1}""", "\"lora_alpha\" is missing, expected the strength of the adapter.")]
    [InlineData("""{"peft_type": "LORA", "r": 1e99, "lora_alpha": 1}""", "\"r\" is \"1e99\", expected a whole number.")]
    [InlineData("""{"peft_type": "LORA", "r": 1, "lora_alpha": 1, "use_dora": true}""", "describes DoRA, which is not supported, expected plain LoRA.")]
    [InlineData("""{"peft_type": "LORA", "r": 1, "lora_alpha": 1, "init_lora_weights": "pissa_niter_4"}""", "describes LoRA that began with \"pissa_niter_4\", which changes the base too, which is not supported, expected plain LoRA.")]
    [InlineData("""{"peft_type": "LORA", "r": 1, "lora_alpha": 1, "target_parameters": ["x"]}""", "describes LoRA of parameters outside of modules, which is not supported, expected plain LoRA.")]
    [InlineData("""{"peft_type": "LORA", "r": 1, "lora_alpha": 1, "rank_pattern": {"a": "b"}}""", "\"a\" in \"rank_pattern\" is \"\\\"b\\\"\", expected a number.")]
    [InlineData("""{"peft_type": "LORA", "r": 1, "lora_alpha": 1, "rank_pattern": [1]}""", "\"rank_pattern\" is \"[1]\", expected an object of numbers by module.")]
    [InlineData("""{"peft_type": "LORA", "r": 1, "lora_alpha": 1, "rank_pattern": {"(": 1}}""", "the key \"(\" of \"rank_pattern\" is no usable regular expression")]
    [InlineData("""{"peft_type": "\ud800"}""", "holds a text that is not Unicode, expected UTF-8 without halves of surrogate pairs.")]
    public void A_config_that_cannot_be_used_is_one_sentence(string config, string sentence)
    {
        _files.WriteModel(("a.weight", new Shape(4, 6), F32));
        _files.WriteAdapter(config, ($"{P}a.lora_A.weight", new Shape(1, 6), F32), ($"{P}a.lora_B.weight", new Shape(4, 1), F32));
        string problem = Assert.Single(_files.Problems());
        Assert.StartsWith($"models/adapter/adapter_config.json: {sentence}", problem, StringComparison.Ordinal);
        Assert.EndsWith(".", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_directory_without_the_files_of_an_adapter_is_one_sentence()
    {
        _files.WriteModel(("a.weight", new Shape(4, 6), F32));
        Directory.CreateDirectory(Path.Combine(_files.Root, "models/adapter"));
        Assert.Equal(["models/adapter: there is no adapter_config.json, expected a directory with an adapter."], _files.Problems());
        File.WriteAllText(Path.Combine(_files.Root, "models/adapter/adapter_config.json"), AdapterFiles.Config(1, 1));
        Assert.Equal(["models/adapter: there is no adapter_model.safetensors."], _files.Problems());
        File.WriteAllText(Path.Combine(_files.Root, "models/adapter/adapter_model.bin"), "");
        Assert.Equal(["models/adapter: there is no adapter_model.safetensors but an adapter_model.bin, which PEFT rewrites when it loads and saves the adapter."], _files.Problems());
    }
}
