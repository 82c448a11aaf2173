using System.Text.Json.Nodes;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Tests.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Checkpoints;

/// <summary>The layouts in which the same text encoder is stored, and what is refused with one sentence.</summary>
public sealed class TextLayoutTests
{
    private const double Bound = 3e-6;

    /// <summary>Tensors and parameters of published models, counted from their files' headers.</summary>
    public static TheoryData<string, TextTransformerConfig, int, long> Published() => new()
    {
        { "bert-base-uncased", Base(TextFamily.Bert, 30522, 512) with { HasPooler = true, Pooling = TextPooling.Pooler }, 199, 109_482_240 },
        // With its head: 768·769 and 2·769 parameters in four tensors.
        { "roberta-base for two classes", Base(TextFamily.Roberta, 50265, 514) with { TokenTypes = 1, PadId = 1 }, 201 - 4, 124_647_170 - (768 * 769) - (2 * 769) },
        { "all-MiniLM-L6-v2", Base(TextFamily.Bert, 30522, 512) with { Width = 384, Layers = 6, MlpWidth = 1536, HasPooler = true, Pooling = TextPooling.Pooler }, 103, 22_713_216 },
    };

    [Theory]
    [MemberData(nameof(Published))]
    public void Layouts_have_the_published_numbers_of_tensors_and_parameters(string model, TextTransformerConfig config, int tensors, long parameters)
    {
        ParameterLayout layout = TextTransformer.LayoutOf(config);
        Assert.NotEmpty(model);
        Assert.Equal(tensors, layout.Parameters.Count);
        Assert.Equal(parameters, layout.ParameterCount);
    }

    [Fact]
    public void A_bare_model_gives_the_values_of_float64() => AssertValues(FixtureFiles.PathOf("bert-model"), null);

    [Theory]
    [InlineData("model-gammabeta.safetensors")]
    [InlineData("model-pretraining.safetensors")]
    public void Old_files_give_the_values_of_float64(string file)
    {
        string fixture = SharedFiles.Require("fixtures/bert-model");
        AssertValues(Path.Combine(fixture, file), Path.Combine(fixture, "config.json"));
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("bert.", false)]
    [InlineData("bert.", true)]
    public void Prefix_and_the_names_of_norms_may_be_any(string prefix, bool old)
    {
        using var model = new EditedModel("bert-model");
        string path = model.Rename(name => Renamed(name, prefix, old)).Add($"{prefix}embeddings.position_ids", [1, 32]).Add("cls.predictions.bias", [157]).Write();
        AssertValues(path, null);
        // Another file of the same architecture is read under its own names.
        using Device device = Device.Open("cpu", 1);
        using var encoder = TextTransformer.Load(device, FixtureFiles.PathOf("bert-model"));
        using ParameterVector same = encoder.ReadParameters(path);
        Assert.Equal(VisionCase.Download(encoder.Parameters.Values), VisionCase.Download(same.Values));
    }

    [Theory]
    [InlineData("bert-cls")]
    [InlineData("roberta-cls")]
    [InlineData("bert-model")]
    public void An_unchanged_model_is_saved_byte_for_byte(string fixture)
    {
        using var directory = new TemporaryDirectory();
        using Device device = Device.Open("cpu", 1);
        using var encoder = TextTransformer.Load(device, FixtureFiles.PathOf(fixture));
        using ClassificationHead? head = encoder.CreateCheckpointHead();
        string target = directory.File("as-directory");
        encoder.Save(target, encoder.Parameters, head);
        foreach (string name in new[] { "model.safetensors", "config.json" }) Assert.Equal(File.ReadAllBytes(FixtureFiles.PathOf($"{fixture}/{name}")), File.ReadAllBytes(Path.Combine(target, name)));
        using var again = TextTransformer.Load(device, target);
        Assert.Equal(encoder.Config, again.Config);
    }

    [Fact]
    public void A_changed_model_and_its_head_are_found_again()
    {
        using var directory = new TemporaryDirectory();
        using Device device = Device.Open("cpu", 1);
        using var encoder = TextTransformer.Load(device, FixtureFiles.PathOf("roberta-cls"));
        using ClassificationHead head = encoder.CreateCheckpointHead()!;
        device.Operations.Scale(encoder.Parameters.Values, 0.75f);
        device.Operations.Scale(head.Parameters.Values, -2);
        encoder.Save(directory.File("again"), encoder.Parameters, head);
        using var again = TextTransformer.Load(device, directory.File("again"));
        using ClassificationHead sameHead = again.CreateCheckpointHead()!;
        Assert.Equal(VisionCase.Download(encoder.Parameters.Values), VisionCase.Download(again.Parameters.Values));
        Assert.Equal(VisionCase.Download(head.Parameters.Values), VisionCase.Download(sameHead.Parameters.Values));
        string file = directory.File("head.safetensors");
        Tensors.Safetensors.SafetensorsWriter.Write(file, head.ToTensors());
        using var fromFile = ClassificationHead.FromSafetensors(device, file);
        Assert.True(fromFile.HasHiddenLayer);
        foreach (string name in new[] { "out_proj.weight", "out_proj.bias", "dense.weight", "dense.bias" })
            Assert.Equal(head.Parameters.Download($"classifier.{name}"), fromFile.Parameters.Download(name.Replace("out_proj.", "", StringComparison.Ordinal)));
        using ClassificationHead plain = ClassificationHead.Random(device, 3, 48, 1);
        Assert.Contains("cannot be saved", Assert.Throws<ModelException>(() => encoder.Save(directory.File("other"), encoder.Parameters, plain)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_encoder_that_was_made_here_is_found_again()
    {
        using var directory = new TemporaryDirectory();
        using var model = new TextModel("cpu", 3, 4);
        model.Encoder.Save(directory.File("new"), model.Encoder.Parameters);
        using var again = TextTransformer.Load(model.Device, directory.File("new"), pooling: model.Encoder.Config.Pooling);
        Assert.Equal(model.Encoder.Config, again.Config);
        Assert.Equal(VisionCase.Download(model.Encoder.Parameters.Values), VisionCase.Download(again.Parameters.Values));
    }

    [Fact]
    public void A_sentence_encoder_is_saved_with_its_modules()
    {
        using var model = new EditedModel("bert-model");
        string path = model.Write();
        WriteModules(path, """{"pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true}""");
        using Device device = Device.Open("cpu", 1);
        using var encoder = TextTransformer.Load(device, path);
        Assert.Equal((TextPooling.Mean, true, true, 17), (encoder.Config.Pooling, encoder.Config.IsSentenceEncoder, encoder.Config.NormalizesEmbeddings, encoder.Config.MaxTokens));
        Assert.DoesNotContain(encoder.Layout.Parameters, parameter => parameter.Name.Contains("pooler", StringComparison.Ordinal));
        string target = model.Target("again");
        encoder.Save(target, encoder.Parameters);
        using var again = TextTransformer.Load(device, target);
        Assert.Equal(encoder.Config, again.Config);

        using var expected = new TextCase(FixtureFiles.PathOf("bert-model/case.safetensors"));
        using TextBatch batch = expected.Batch(again);
        again.Forward(again.Parameters, batch, keepForBackward: false);
        expected.Values.AssertClose("pooled", VisionCase.Download(again.PoolerOutput()), Bound);
        double[] means = expected.Values.Doubles("mean_pooled");
        float[] embeddings = VisionCase.Download(again.Embeddings());
        for (int row = 0; row < 5; row++)
        {
            double norm = Math.Sqrt(means[(row * 40)..((row + 1) * 40)].Sum(v => v * v));
            for (int c = 0; c < 40; c++) Assert.Equal(means[(row * 40) + c] / norm, embeddings[(row * 40) + c], Bound);
        }
    }

    [Theory]
    [InlineData("model_type", "distilbert", "\"model_type\" is \"distilbert\", expected bert, roberta")]
    [InlineData("model_type", "mpnet", "\"model_type\" is \"mpnet\"")]
    [InlineData("position_embedding_type", "relative_key", "\"position_embedding_type\" is \"relative_key\", expected absolute")]
    [InlineData("hidden_act", "relu", "\"hidden_act\" is \"relu\", expected gelu")]
    [InlineData("is_decoder", true, "\"is_decoder\" is true, expected false")]
    [InlineData("vocab_size", 158, "\"vocab_size\" is 158, but tensor \"embeddings.word_embeddings.weight\" has 157")]
    [InlineData("max_position_embeddings", 64, "\"max_position_embeddings\" is 64, but tensor")]
    [InlineData("num_hidden_layers", 3, "\"num_hidden_layers\" is 3, but the tensors \"encoder.layer.…\" are of 2 blocks")]
    [InlineData("num_attention_heads", 7, "a width of 40 cannot be divided among 7 heads")]
    [InlineData("pad_token_id", 157, "the padding's id is 157")]
    [InlineData("layer_norm_eps", 0, "the LayerNorm epsilon is 0")]
    public void A_config_that_does_not_fit_gets_one_sentence(string key, object value, string sentence)
    {
        using var model = new EditedModel("bert-model");
        model.Config[key] = JsonValue.Create(value);
        AssertRefused(model.Write(), sentence);
    }

    [Fact]
    public void Tensors_that_are_missing_or_too_many_get_one_sentence()
    {
        using (var model = new EditedModel("bert-model")) AssertRefused(model.Drop("encoder.layer.1.output.LayerNorm.bias").Write(), "tensor \"encoder.layer.1.output.LayerNorm.bias\" [40] is missing");
        using (var model = new EditedModel("bert-model")) AssertRefused(model.Add("encoder.layer.0.attention.self.distance_embedding.weight", [63, 8]).Write(), "distance_embedding.weight\" belongs to something");
    }

    [Theory]
    [InlineData("""{"pooling_mode_max_tokens": true}""", "\"pooling_mode_max_tokens\" is true, expected the mean")]
    [InlineData("""{"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": true}""", "expected the mean of the tokens alone, or the class token alone")]
    [InlineData("""{"pooling_mode": "lasttoken"}""", "\"pooling_mode\" is \"lasttoken\", expected mean or cls")]
    [InlineData("""{}""", "no other mode is true")]
    public void A_pooling_that_is_not_supported_gets_one_sentence(string pooling, string sentence)
    {
        using var model = new EditedModel("bert-model");
        string path = model.Write();
        WriteModules(path, pooling);
        AssertRefused(path, sentence);
    }

    [Theory]
    [InlineData("""{}""", "expected an array")]
    [InlineData("""[{"type": "x.Transformer", "path": ""}, {"type": "x.Dense", "path": "2_Dense"}]""", "\"[1].type\" is \"x.Dense\", expected Transformer, Pooling and perhaps Normalize")]
    [InlineData("""[{"type": "x.Transformer", "path": ""}]""", "there is no Pooling module")]
    [InlineData("""[{"type": "x.Pooling", "path": "../elsewhere"}]""", "expected the name of a directory beside the model")]
    public void Modules_that_are_not_supported_get_one_sentence(string modules, string sentence)
    {
        using var model = new EditedModel("bert-model");
        string path = model.Write();
        File.WriteAllText(Path.Combine(path, "modules.json"), modules);
        AssertRefused(path, sentence);
    }

    private static TextTransformerConfig Base(TextFamily family, int vocabulary, int positions) => new()
    {
        Family = family,
        Vocabulary = vocabulary,
        Positions = positions,
        Width = 768,
        Layers = 12,
        Heads = 12,
        MlpWidth = 3072,
    };

    private static string Renamed(string name, string prefix, bool old)
    {
        if (old) name = name.Replace("LayerNorm.weight", "LayerNorm.gamma", StringComparison.Ordinal).Replace("LayerNorm.bias", "LayerNorm.beta", StringComparison.Ordinal);
        return prefix + name;
    }

    private static void WriteModules(string path, string pooling)
    {
        File.WriteAllText(Path.Combine(path, "modules.json"), """[{"type": "a.Transformer", "path": ""}, {"type": "a.b.Pooling", "path": "1_Pooling"}, {"type": "a.Normalize", "path": "2_Normalize"}]""");
        File.WriteAllText(Path.Combine(path, "sentence_bert_config.json"), """{"max_seq_length": 17}""");
        Directory.CreateDirectory(Path.Combine(path, "1_Pooling"));
        File.WriteAllText(Path.Combine(path, "1_Pooling", "config.json"), pooling);
    }

    private static void AssertValues(string path, string? config)
    {
        using Device device = Device.Open("cpu", 1);
        using var encoder = (TextTransformer)Encoder.Open(device, path, config);
        using var expected = new TextCase(FixtureFiles.PathOf("bert-model/case.safetensors"));
        using (TextBatch batch = expected.Batch(encoder))
        {
            encoder.Forward(encoder.Parameters, batch, keepForBackward: false);
            expected.AssertSequence("sequence_output", batch, encoder.SequenceOutput, Bound);
            expected.Values.AssertClose("pooled", VisionCase.Download(encoder.PoolerOutput()), Bound);
            expected.Values.AssertClose("mean_pooled", VisionCase.Download(encoder.MeanPooled()), Bound);
        }

        using TextBatch plain = expected.Batch(encoder, withTypes: false);
        encoder.Forward(encoder.Parameters, plain, keepForBackward: false);
        expected.Values.AssertClose("no_types.pooled", VisionCase.Download(encoder.PoolerOutput()), Bound);
    }

    private static void AssertRefused(string path, string sentence)
    {
        using Device device = Device.Open("cpu", 1);
        string message = Assert.Throws<ModelException>(() => TextTransformer.Load(device, path)).Message;
        Assert.Contains(sentence, message, StringComparison.Ordinal);
        Assert.StartsWith(path, message, StringComparison.Ordinal);
        Assert.EndsWith(".", message, StringComparison.Ordinal);
        Assert.Equal(0, device.AllocatedBytes);
    }
}
