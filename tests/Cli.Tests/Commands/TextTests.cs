using System.Text.Json;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Commands;

/// <summary><c>encode</c>, <c>gradients</c>, <c>tune</c> and <c>evaluate</c> of text encoders.</summary>
public sealed class TextTests : IDisposable
{
    /// <summary>Two columns of ids for a model of 157 to 211 tokens.</summary>
    private static readonly int[] TwoTexts = [2, 3, 4, 5];

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("bert-cls", "logits")]
    [InlineData("roberta-cls", "logits")]
    [InlineData("bert-model", null)]
    public void Outputs_are_those_of_pytorch(string fixture, string? more)
    {
        string output = directory["out.safetensors"], input = Repository.Fixture(fixture, "case.safetensors");
        MergeEngineProcess.Run("encode", Repository.Fixture(fixture), input, output, "--hidden").Succeeded();
        using SafetensorsFile actual = SafetensorsFile.Open(output), reference = SafetensorsFile.Open(input);
        string[] rows = ["mean_pooled", "pooled", .. more is null ? Array.Empty<string>() : [more]];
        foreach (string name in rows) Compare(actual, reference, name, null);
        int[] mask = reference.ReadInt32("attention_mask");
        string[] sequences = [.. actual.Tensors.Select(tensor => tensor.Name).Except(rows)];
        Assert.Equal(fixture == "bert-model" ? 4 : 5, sequences.Length);
        foreach (string name in sequences) Compare(actual, reference, name, mask);
        Assert.All(actual.Tensors, tensor => Assert.Equal(DType.F32, tensor.DType));
    }

    [Fact]
    public void Token_types_and_mask_may_be_left_out()
    {
        string input = directory["ids.safetensors"], output = directory["out.safetensors"];
        using SafetensorsFile reference = SafetensorsFile.Open(Repository.Fixture("bert-model", "case.safetensors"));
        int[] ids = reference.ReadInt32("input_ids"), mask = reference.ReadInt32("attention_mask");
        Shape shape = reference["input_ids"].Shape;
        SafetensorsWriter.Write(input, [TensorContent.FromInt32("input_ids", shape, ids), TensorContent.FromInt64("attention_mask", shape, mask.Select(m => (long)m).ToArray())]);
        MergeEngineProcess.Run("encode", Repository.Fixture("bert-model"), input, output, "--pooled-only").Succeeded();
        using SafetensorsFile actual = SafetensorsFile.Open(output);
        Assert.Equal(["mean_pooled", "pooled"], actual.Tensors.Select(t => t.Name).Order(StringComparer.Ordinal));
        double[] wanted = [.. reference.ReadFloat32("no_types.pooled").Select(v => (double)v)];
        Assert.All(wanted.Zip(actual.ReadFloat32("pooled")), pair => Assert.Equal(pair.First, pair.Second, 3e-6));
    }

    [Theory]
    [InlineData("bert-cls", "mean")]
    [InlineData("bert-cls", "abs-per-sample")]
    [InlineData("roberta-cls", "mean")]
    [InlineData("roberta-cls", "abs-per-sample")]
    public void Every_parameter_has_the_gradient_of_pytorch(string fixture, string reduction)
    {
        string output = directory["gradients.safetensors"], input = Repository.Fixture(fixture, "case.safetensors");
        MergeEngineProcess.Run("gradients", Repository.Fixture(fixture), input, output, "--reduction", reduction, "--batch-size", "3").Succeeded();
        using SafetensorsFile actual = SafetensorsFile.Open(output), reference = SafetensorsFile.Open(input);
        string prefix = reduction == "mean" ? "grad." : "abs_grad.";
        int wanted = reference.Tensors.Count(tensor => tensor.Name.StartsWith(prefix, StringComparison.Ordinal));
        Assert.Equal(wanted, Expected.Agree(actual, reference, Expected.GradientBound, prefix).Length);
        Assert.Equal(wanted, actual.Tensors.Count);
    }

    [Fact]
    public void A_model_of_texts_is_tuned_saved_and_scored()
    {
        string data = directory["data.safetensors"];
        int[] labels = [.. Enumerable.Range(0, 48).Select(i => i % 3)];
        // The class is the second token: three labels, three words.
        int[] ids = [.. labels.SelectMany((label, i) => new[] { 2, 10 + label, 20 + (i % 7), 3 })];
        SafetensorsWriter.Write(
            data,
            [
                TensorContent.FromInt32("train.input_ids", [48, 4], ids), TensorContent.FromInt32("train.labels", [48], labels),
                TensorContent.FromInt32("test.input_ids", [12, 4], ids.AsMemory(0, 48)), TensorContent.FromInt32("test.labels", [12], labels.AsMemory(0, 12)),
            ]);
        JsonElement report = MergeEngineProcess.Run(
            "tune", Repository.Fixture("bert-cls"), data, directory["tuned"], "--steps", "60", "--batch-size", "16", "--learning-rate", "2e-3", "--json").Succeeded().Json();
        MergeEngineProcess.Run("tune", Repository.Fixture("bert-cls"), data, directory["shifted"], "--shift", "1").Refused(2, "--shift", "texts");
        double accuracy = report.GetProperty("scores")[0].GetProperty("accuracy").GetDouble();
        Assert.Equal(100, accuracy);
        JsonElement scored = MergeEngineProcess.Run("evaluate", directory["tuned"], data, "--json").Succeeded().Json();
        Assert.Equal(accuracy, scored.GetProperty("accuracy").GetDouble());
    }

    [Fact]
    public void Tables_of_texts_are_tuned_on_scored_and_differentiated()
    {
        string model = directory["model"];
        Directory.CreateDirectory(model);
        foreach (string file in new[] { "config.json", "model.safetensors" }) File.Copy(Repository.Fixture("bert-cls", file), Path.Combine(model, file));
        File.WriteAllLines(Path.Combine(model, "vocab.txt"), ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", .. Enumerable.Range('a', 26).Select(c => $"{(char)c}")]);
        // The class is the first letter: three labels, three letters.
        string[] classes = ["ham", "eggs", "spam"];
        foreach ((string split, int count) in new[] { ("train", 48), ("test", 12) })
            File.WriteAllLines(directory[$"{split}.tsv"], Enumerable.Range(0, count).Select(i => $"{classes[i % 3]}\t{(char)('a' + (i % 3))} {(char)('k' + (i % 7))}"));
        string data = directory["{split}.tsv"];
        string[] columns = ["--no-header", "--label-column", "1", "--text-column", "2", "--classes", "ham,eggs,spam"];
        JsonElement report = MergeEngineProcess.Run(
            ["tune", model, data, directory["tuned"], "--steps", "60", "--batch-size", "16", "--learning-rate", "2e-3", "--json", .. columns]).Succeeded().Json();
        Assert.Equal(100, report.GetProperty("scores")[0].GetProperty("accuracy").GetDouble());
        File.Copy(Path.Combine(model, "vocab.txt"), Path.Combine(directory["tuned"], "vocab.txt"), overwrite: true);
        JsonElement scored = MergeEngineProcess.Run(["evaluate", directory["tuned"], data, "--json", .. columns]).Succeeded().Json();
        Assert.Equal(100, scored.GetProperty("accuracy").GetDouble());
        // The classes in another order are other classes: the names decide, not the rows.
        Assert.NotEqual(100, MergeEngineProcess.Run(["evaluate", directory["tuned"], data, "--json", .. columns[..^1], "eggs,ham,spam"]).Succeeded().Json().GetProperty("accuracy").GetDouble());
        MergeEngineProcess.Run(["gradients", model, data, directory["g.safetensors"], "--reduction", "abs-per-sample", "--samples", "8", .. columns]).Succeeded();
        using SafetensorsFile gradients = SafetensorsFile.Open(directory["g.safetensors"]);
        Assert.Contains(gradients.Tensors, tensor => tensor.Name == "classifier.weight");
        MergeEngineProcess.Run("evaluate", model, data, "--no-header", "--label-column", "3").Refused(1, "train.tsv", "expected a number from 1");
        MergeEngineProcess.Run("evaluate", model, Repository.Fixture("bert-cls", "case.safetensors"), "--text-column", "x").Refused(2, "--text-column", "none");
    }

    [Fact]
    public void Lines_of_text_become_embeddings_of_a_sentence_encoder()
    {
        string model = Path.Combine(Repository.Root, "..", "shared", "models", "all-MiniLM-L6-v2"), fixture = Path.Combine(Repository.Root, "..", "shared", "fixtures", "minilm");
        Assert.SkipUnless(Directory.Exists(model) && Directory.Exists(fixture), "all-MiniLM-L6-v2 is not here; it is too big for the repository.");
        using JsonDocument sentences = JsonDocument.Parse(File.ReadAllText(Path.Combine(fixture, "sentences.json")));
        (string Text, int Row)[] lines =
            [.. sentences.RootElement.EnumerateArray().Select((e, i) => (e.GetProperty("text").GetString()!, i)).Where(t => t.Item1.AsSpan().IndexOfAny('\n', '\r') < 0)];
        Assert.True(lines.Length > 150);
        File.WriteAllText(directory["texts.txt"], string.Join('\n', lines.Select(line => line.Text)) + "\n");
        MergeEngineProcess.Run("encode", model, directory["out.safetensors"], "--text", directory["texts.txt"], "--pooled-only").Succeeded();
        using SafetensorsFile actual = SafetensorsFile.Open(directory["out.safetensors"]), reference = SafetensorsFile.Open(Path.Combine(fixture, "case.safetensors"));
        Assert.Equal(["mean_pooled", "pooled", "text_embeds"], actual.Tensors.Select(t => t.Name).Order(StringComparer.Ordinal));
        float[] embeds = actual.ReadFloat32("text_embeds"), wanted = reference.ReadFloat32("embeddings");
        Assert.Equal(lines.Length * 384, embeds.Length);
        for (int i = 0; i < embeds.Length; i++) Assert.Equal((double)wanted[(lines[i / 384].Row * 384) + (i % 384)], embeds[i], 2e-6);
    }

    [Fact]
    public void A_word_that_the_vocabulary_lacks_gets_one_sentence() =>
        Encode(Ids([2, 3, 211, 5])).Refused(1, "ids.safetensors", "has the id 211 at position 0", "expected 0 to 210", "row 1");

    [Fact]
    public void A_text_that_is_too_long_gets_one_sentence()
    {
        string input = directory["ids.safetensors"];
        SafetensorsWriter.Write(input, [TensorContent.FromInt32("input_ids", [1, 41], Enumerable.Repeat(7, 41).ToArray())]);
        Encode(input).Refused(1, "has 41 tokens", "at most 40", "row 0");
    }

    [Fact]
    public void A_mask_of_another_shape_gets_one_sentence() =>
        Encode(Ids(TwoTexts, TensorContent.FromInt32("attention_mask", [2, 3], new int[6]))).Refused(1, "\"attention_mask\" is [2, 3]", "expected [2, 2]");

    [Fact]
    public void A_mask_that_shows_nothing_gets_one_sentence() =>
        Encode(Ids(TwoTexts, TensorContent.FromInt32("attention_mask", [2, 2], new[] { 1, 1, 0, 0 }))).Refused(1, "\"attention_mask\" is 0 all over row 1");

    [Fact]
    public void A_mask_of_other_numbers_gets_one_sentence() =>
        Encode(Ids(TwoTexts, TensorContent.FromInt32("attention_mask", [2, 2], new[] { 1, 1, 1, -5 }))).Refused(1, "\"attention_mask\" holds -5 in row 1", "expected 0 and 1");

    [Fact]
    public void A_token_type_that_the_model_lacks_gets_one_sentence() =>
        Encode(Ids(TwoTexts, TensorContent.FromInt32("token_type_ids", [2, 2], new[] { 0, 1, 0, 2 }))).Refused(1, "has the token type 2 at position 1", "expected 0 to 1", "row 1");

    [Fact]
    public void Ids_that_are_no_integers_get_one_sentence()
    {
        string input = directory["ids.safetensors"];
        SafetensorsWriter.Write(input, [TensorContent.FromFloat32("input_ids", [1, 2], new[] { 1f, 2 })]);
        Encode(input).Refused(1, "input_ids", "F32", "integer");
    }

    [Fact]
    public void Ids_of_another_rank_get_one_sentence()
    {
        string input = directory["ids.safetensors"];
        SafetensorsWriter.Write(input, [TensorContent.FromInt32("input_ids", [4], TwoTexts)]);
        Encode(input).Refused(1, "\"input_ids\" is [4]", "[texts, tokens]");
    }

    [Fact]
    public void A_missing_tokenizer_gets_one_sentence()
    {
        File.WriteAllText(directory["texts.txt"], "hello\n");
        MergeEngineProcess.Run("encode", Repository.Fixture("bert-cls"), directory["out.safetensors"], "--text", directory["texts.txt"]).Refused(1, "bert-cls", "tokenizer.json");
    }

    [Fact]
    public void Texts_for_a_model_of_images_get_one_sentence_and_so_do_images_for_one_of_texts()
    {
        File.WriteAllText(directory["texts.txt"], "hello\n");
        MergeEngineProcess.Run("encode", Repository.Fixture("vit-hf"), directory["out.safetensors"], "--text", directory["texts.txt"]).Refused(1, "vit-hf", "model of images");
        Encode(Repository.Fixture("vit-hf", "case.safetensors")).Refused(1, "case.safetensors", "has no texts");
        MergeEngineProcess.Run("encode", Repository.Fixture("vit-hf"), Ids(TwoTexts), directory["out.safetensors"]).Refused(1, "ids.safetensors", "has no images", "[1, 28, 28]");
    }

    [Fact]
    public void Input_beside_text_and_a_missing_output_are_usage_errors()
    {
        MergeEngineProcess.Run("encode", Repository.Fixture("bert-cls"), "a", "b", "--text", "c").Refused(2, "--text", "'b'");
        MergeEngineProcess.Run("encode", Repository.Fixture("bert-cls"), "a").Refused(2, "OUT.safetensors");
    }

    private Outcome Encode(string input) => MergeEngineProcess.Run("encode", Repository.Fixture("bert-cls"), input, directory["out.safetensors"]);

    /// <summary>A file with two texts of two tokens, and more.</summary>
    private string Ids(int[] ids, params TensorContent[] more)
    {
        SafetensorsWriter.Write(directory["ids.safetensors"], [TensorContent.FromInt32("input_ids", [2, 2], ids), .. more]);
        return directory["ids.safetensors"];
    }

    /// <summary>Values where the mask is 1, relative to the largest of them; zeros elsewhere behind a text's end.</summary>
    private static void Compare(SafetensorsFile actual, SafetensorsFile reference, string name, int[]? mask)
    {
        Assert.Equal(reference[name].Shape, actual[name].Shape);
        float[] values = actual.ReadFloat32(name), wanted = reference.ReadFloat32(name);
        int width = (int)reference[name].Shape[^1];
        bool Shown(int i) => mask is null || mask[i / width] != 0;
        double largest = wanted.Where((_, i) => Shown(i)).Max(Math.Abs);
        double error = values.Zip(wanted, (a, b) => Math.Abs((double)a - b)).Where((_, i) => Shown(i)).Max();
        Assert.True(error <= Expected.ForwardBound * largest, $"{name}: error {error:E2} of {largest:E2}");
        Assert.All(Enumerable.Range(0, values.Length).Where(i => !Shown(i)), i => Assert.Equal(0f, values[i]));
    }
}
