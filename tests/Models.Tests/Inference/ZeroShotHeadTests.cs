using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Inference;
using MergeEngine.Models.Tests.Encoders;
using MergeEngine.Models.Tests.Tokenizers;
using MergeEngine.Models.Tokenizers;
using MergeEngine.Tensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Inference;

/// <summary>Zero-shot heads: rows that transformers and open_clip computed in float64, and what goes into them.</summary>
public sealed class ZeroShotHeadTests
{
    /// <summary>As for embeddings; float32 torch is at 2.7e-7 (the fixture's README).</summary>
    private const double Bound = 3e-6;

    public static TheoryData<string, string, int> Cases()
    {
        var data = new TheoryData<string, string, int>();
        foreach (string device in DeviceCases.Names.Append("reference"))
        {
            foreach (string file in new[] { "model.safetensors", "model-openclip.safetensors" })
            {
                foreach (int batch in new[] { 4, 64 }) data.Add(device, file, batch);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Rows_match_float64(string deviceName, string file, int batchSize)
    {
        using Device device = DeviceCases.Open(deviceName);
        using var encoder = TextTransformer.Load(device, FixtureFiles.PathOf($"clip-text/{file}"));
        using var expected = new VisionCase(FixtureFiles.PathOf("clip-text/case.safetensors"));
        int[] ids = expected.Integers("zero_shot.input_ids");
        var tokens = new TokenTable();
        for (int i = 0; i < 15; i++) tokens.Add(ids.AsSpan(i * 24, 24));
        using ClassificationHead head = ZeroShotHead.Build(encoder, new ZeroShotPrompts(5, 3, tokens), batchSize);
        expected.AssertClose("zero_shot.weights", head.Parameters.Download("weight"), Bound);
        Assert.Equal(Math.Log(100), head.LogitScale!.Value, 1e-6);
        using var directory = new TemporaryDirectory();
        string path = directory.File("head.safetensors");
        Tensors.Safetensors.SafetensorsWriter.Write(path, head.ToTensors());
        using var again = ClassificationHead.FromSafetensors(device, path);
        Assert.Equal((head.Classes, head.Width, head.LogitScale), (again.Classes, again.Width, again.LogitScale));
    }

    [Fact]
    public void Every_class_goes_into_every_template_in_order()
    {
        ITokenizer tokenizer = TokenizerFixtures.Load("bytebpe-clip");
        ZeroShotPrompts prompts = ZeroShotPrompts.Tokenize(Config(77), tokenizer, ["cat", "polar bear"], ["a {}", "{} beside {}", "the {}, drawn"]);
        var tokens = new TokenSequence();
        string[] wanted = ["a cat", "cat beside cat", "the cat, drawn", "a polar bear", "polar bear beside polar bear", "the polar bear, drawn"];
        Assert.Equal((2, 3, 6, 0), (prompts.Classes, prompts.Templates, prompts.Tokens.Count, prompts.Cut));
        Assert.Empty(prompts.Alike);
        for (int i = 0; i < wanted.Length; i++)
        {
            tokenizer.Encode(wanted[i], TokenizerOptions.Default, tokens);
            Assert.Equal(tokens.Ids, prompts.Tokens.Ids(i));
            Assert.Equal((1498, 1499), (tokens.Ids[0], tokens.Ids[^1]));
        }
    }

    [Fact]
    public void Prompts_that_are_too_long_keep_their_end_token()
    {
        ITokenizer tokenizer = TokenizerFixtures.Load("bytebpe-clip");
        ZeroShotPrompts prompts = ZeroShotPrompts.Tokenize(Config(8), tokenizer, ["a", "one two three four five six seven eight nine"], ["{}", "{} {}"]);
        Assert.Equal(2, prompts.Cut);
        for (int i = 2; i < 4; i++)
        {
            Assert.Equal(8, prompts.Tokens.LengthOf(i));
            Assert.Equal(1499, prompts.Tokens.Ids(i)[^1]);
            Assert.DoesNotContain(1499, prompts.Tokens.Ids(i)[..^1].ToArray());
        }
    }

    [Fact]
    public void Classes_with_the_same_tokens_are_found()
    {
        ZeroShotPrompts prompts = ZeroShotPrompts.Tokenize(Config(77), TokenizerFixtures.Load("bytebpe-clip"), ["Cat", "dog", "cat", "DOG", "cat"], ["a {}"]);
        Assert.Equal([(0, 2), (1, 3), (0, 4)], prompts.Alike);
    }

    [Fact]
    public void Classes_that_one_template_cuts_off_are_told_apart_by_another()
    {
        string[] templates = ["one two three four five six seven eight {}", "{}"];
        ITokenizer tokenizer = TokenizerFixtures.Load("bytebpe-clip");
        ZeroShotPrompts prompts = ZeroShotPrompts.Tokenize(Config(8), tokenizer, ["a", "b", "A"], templates);
        Assert.Equal(prompts.Tokens.Ids(0), prompts.Tokens.Ids(2));
        Assert.Equal([(0, 2)], prompts.Alike);
        Assert.Equal([(0, 1), (0, 2)], ZeroShotPrompts.Tokenize(Config(8), tokenizer, ["a", "b", "A"], templates[..1]).Alike);
    }

    [Fact]
    public void The_tokenizer_of_another_model_gets_one_sentence()
    {
        string Refusal(TextTransformerConfig config, string tokenizer) =>
            Assert.Throws<ModelException>(() => ZeroShotPrompts.Tokenize(config, TokenizerFixtures.Load(tokenizer), ["cat"], ["a {}"])).Message;
        Assert.Contains("has 1500 tokens, but the model's vocabulary has 300", Refusal(Config(77) with { Vocabulary = 300, EndId = null }, "bytebpe-clip"), StringComparison.Ordinal);
        Assert.Contains("puts no token 7 at the end", Refusal(Config(77) with { EndId = 7 }, "bytebpe-clip"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_without_direction_or_of_another_kind_gets_one_sentence()
    {
        using Device device = Device.Open("cpu", 1);
        var tokens = new TokenTable();
        tokens.Add([296, 5, 297]);
        var prompts = new ZeroShotPrompts(1, 1, tokens);
        string Refusal(TextTransformer encoder) => Assert.Throws<ModelException>(() => ZeroShotHead.Build(encoder, prompts, 8)).Message;
        using (var encoder = TextTransformer.Load(device, FixtureFiles.PathOf("clip-text")))
        {
            device.Operations.Fill(encoder.Parameters["text_projection.weight"], 0);
            Assert.Contains("class 1 has no direction", Refusal(encoder), StringComparison.Ordinal);
            device.Operations.Fill(encoder.Parameters["text_projection.weight"], float.NaN);
            Assert.Contains("class 1 has no direction", Refusal(encoder), StringComparison.Ordinal);
        }

        using (var bert = TextTransformer.Load(device, FixtureFiles.PathOf("bert-model"))) Assert.Equal("The model is a Bert encoder, expected a CLIP.", Refusal(bert));
        using (var bare = TextTransformer.CreateRandom(device, Config(24) with { ProjectionWidth = 0 }, 1)) Assert.Contains("without a projection", Refusal(bare), StringComparison.Ordinal);
        using var images = Encoder.Open(device, FixtureFiles.PathOf("vit-clip"));
        Assert.Contains("no text tower", ZeroShotHead.Refuses(images), StringComparison.Ordinal);
    }

    private static TextTransformerConfig Config(int positions) => new()
    {
        Family = TextFamily.Clip,
        Vocabulary = 1500,
        Positions = positions,
        TokenTypes = 0,
        PadId = null,
        Width = 16,
        Layers = 1,
        Heads = 2,
        MlpWidth = 32,
        Pooling = TextPooling.EndOfText,
        EndId = 1499,
        ProjectionWidth = 12,
    };
}
