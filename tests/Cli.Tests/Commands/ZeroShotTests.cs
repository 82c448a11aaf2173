using System.Text.Json;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Commands;

/// <summary><c>head</c>, and <c>encode</c> with either tower of a CLIP.</summary>
public sealed class ZeroShotTests : IDisposable
{
    /// <summary>The fixture with both towers takes 8 tokens of 50, of which the last is the end token.</summary>
    private const string Letters = "abcdefghilmnoprstuvwxy";

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("model-openclip.safetensors")]
    public void Outputs_of_a_text_tower_are_those_of_transformers(string file)
    {
        string output = directory["out.safetensors"], input = Repository.Fixture("clip-text", "case.safetensors");
        MergeEngineProcess.Run("encode", Repository.Fixture("clip-text", file), input, output, "--hidden").Succeeded();
        using SafetensorsFile actual = SafetensorsFile.Open(output), reference = SafetensorsFile.Open(input);
        Assert.Equal(
            ["hidden.0", "hidden.1", "hidden.2", "mean_pooled", "pooled", "sequence_output", "text_embeds"],
            actual.Tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal));
        int[] mask = reference.ReadInt32("attention_mask");
        foreach ((string name, string wanted) in new[] { ("pooled", "pooled"), ("text_embeds", "text_embeds"), ("sequence_output", "last_hidden"), ("hidden.2", "hidden.2") })
        {
            float[] values = actual.ReadFloat32(name), expected = reference.ReadFloat32(wanted);
            int width = (int)reference[wanted].Shape[^1];
            bool Shown(int i) => reference[wanted].Shape.Rank == 2 || mask[i / width] != 0;
            double largest = expected.Max(Math.Abs);
            Assert.All(Enumerable.Range(0, expected.Length).Where(Shown), i => Assert.Equal((double)expected[i], values[i], Expected.ForwardBound * largest));
        }
    }

    /// <summary>From names to logits with one checkpoint: a head of the text tower, and images through the vision tower of the same file.</summary>
    [Fact]
    public void A_whole_clip_makes_a_head_and_scores_images_with_it()
    {
        string model = WholeClip(), head = directory["head.safetensors"], output = directory["out.safetensors"], prompts = directory["prompts.txt"];
        File.WriteAllText(directory["classes.txt"], "cat\ndog\ncow\n");
        Outcome made = MergeEngineProcess.Run(
            "head", "--clip", model, "--classes", directory["classes.txt"], "--templates", "[\"a {}\", \"{}, {}\"]", head, "--json").Succeeded();
        Assert.Equal(6, made.Json().GetProperty("samples").GetInt32());
        MergeEngineProcess.Run("encode", model, Repository.Fixture("vit-clip", "case.safetensors"), output, "--head", head).Succeeded();

        // The same from what encode says of the prompts and of the images.
        File.WriteAllText(prompts, "a cat\ncat, cat\na dog\ndog, dog\na cow\ncow, cow\n");
        MergeEngineProcess.Run("encode", model, directory["texts.safetensors"], "--text", prompts, "--pooled-only").Succeeded();
        using SafetensorsFile texts = SafetensorsFile.Open(directory["texts.safetensors"]), images = SafetensorsFile.Open(output), file = SafetensorsFile.Open(head);
        float[] embeddings = texts.ReadFloat32("text_embeds"), pictures = images.ReadFloat32("image_embeds"), logits = images.ReadFloat32("logits"), weight = file.ReadFloat32("weight");
        Assert.Equal([3, 40], file["weight"].Shape.Dimensions);
        Assert.Equal([8, 3], images["logits"].Shape.Dimensions);
        double scale = Math.Exp(file.ReadFloat32("logit_scale")[0]);
        Assert.Equal(100, scale, 1e-2);
        for (int c = 0; c < 3; c++)
        {
            double[] first = Direction(embeddings, 2 * c), second = Direction(embeddings, (2 * c) + 1);
            double[] row = Direction([.. first.Zip(second, (a, b) => (float)(a + b))], 0);
            for (int i = 0; i < 40; i++) Assert.Equal(row[i], weight[(c * 40) + i], 1e-6);
            for (int n = 0; n < 8; n++) Assert.Equal(scale * Direction(pictures, n).Zip(row, (a, b) => a * b).Sum(), logits[(n * 3) + c], 3e-4);
        }

        Assert.Equal("""["cat","dog","cow"]""", file.Metadata["classes"]);
        Assert.Equal("""["a {}","{}, {}"]""", file.Metadata["templates"]);
    }

    [Fact]
    public void Inputs_choose_the_tower_of_gradients_and_tuning_too()
    {
        string model = WholeClip(), data = directory["data.safetensors"], head = directory["head.safetensors"];
        MergeEngineProcess.Run("head", "--clip", model, "--classes", "cat,dog", "--templates", "{}", head).Succeeded();
        SafetensorsWriter.Write(
            data, [TensorContent.FromInt32("input_ids", [2, 3], new[] { 48, 3, 49, 48, 7, 49 }), TensorContent.FromInt32("labels", [2], new[] { 0, 1 })]);
        MergeEngineProcess.Run("gradients", model, data, directory["g.safetensors"], "--reduction", "mean", "--head", head).Succeeded();
        using SafetensorsFile gradients = SafetensorsFile.Open(directory["g.safetensors"]);
        Assert.All(gradients.Tensors, tensor => Assert.StartsWith("text_", tensor.Name, StringComparison.Ordinal));
        Assert.Contains(gradients.Tensors, tensor => tensor.Name == "text_projection.weight");
        MergeEngineProcess.Run("evaluate", model, data, "--head", head).Succeeded();
    }

    [Fact]
    public void Long_prompts_and_classes_alike_are_told_and_the_tokenizer_may_lie_elsewhere()
    {
        string model = WholeClip();
        Directory.CreateDirectory(directory["tokenizer"]);
        foreach (string name in new[] { "vocab.json", "merges.txt" }) File.Move(Path.Combine(model, name), Path.Combine(directory["tokenizer"], name));
        string[] arguments = ["head", "--clip", model, "--classes", "cat,a very long name of a dog,Cat", directory["head.safetensors"], "--tokenizer"];
        Outcome outcome = MergeEngineProcess.Run([.. arguments, directory["tokenizer"]]).Succeeded();
        Assert.Contains("--classes: item 3 has the tokens of \"cat\"", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("3 of 3 prompts were cut to the 8 tokens", outcome.Error, StringComparison.Ordinal);
        MergeEngineProcess.Run(arguments[..^1]).Refused(1, "holds no tokenizer", "tokenizer.json");
    }

    [Fact]
    public void A_head_that_cannot_be_made_gets_one_sentence()
    {
        string model = WholeClip();
        Head(model, "--classes", "cat,,dog").Refused(2, "--classes: item 2 is empty", "a class");
        Head(model, "--classes", directory["none.txt"]).Refused(1, "none.txt", "no such file");
        Head(model, "--classes", "cat", "--templates", "a photo").Refused(2, "--templates: item 1 is \"a photo\"", "{}");
        Head(Repository.Fixture("vit-clip"), "--classes", "cat").Refused(1, "vit-clip", "has no text tower");
        Head(Repository.Fixture("bert-model"), "--classes", "cat").Refused(1, "bert-model", "is a Bert encoder", "a CLIP");
        Head(Repository.Fixture("clip-text"), "--classes", "cat").Refused(1, "clip-text", "holds no tokenizer");
        MergeEngineProcess.Run("head", "--clip", model, directory["head.safetensors"]).Refused(2, "--classes");
        Assert.False(File.Exists(directory["head.safetensors"]));
    }

    private Outcome Head(string model, params string[] more) => MergeEngineProcess.Run(["head", "--clip", model, directory["head.safetensors"], .. more]);

    /// <summary>Hugging Face's CLIP of vit-clip with both towers, and a tokenizer of 50 tokens beside it.</summary>
    private string WholeClip()
    {
        string model = directory["clip"];
        Directory.CreateDirectory(model);
        File.Copy(Repository.Fixture("vit-clip", "clip-model.safetensors"), Path.Combine(model, "model.safetensors"));
        File.Copy(Repository.Fixture("vit-clip", "clip-model-config.json"), Path.Combine(model, "config.json"));
        var vocabulary = new Dictionary<string, int>();
        foreach (char letter in Letters)
        {
            vocabulary.Add($"{letter}", vocabulary.Count);
            vocabulary.Add($"{letter}</w>", vocabulary.Count);
        }

        foreach (string token in new[] { ",</w>", ".</w>", "ca", "cat</w>", "<|startoftext|>", "<|endoftext|>" }) vocabulary.Add(token, vocabulary.Count);
        Assert.Equal((50, 49), (vocabulary.Count, vocabulary["<|endoftext|>"]));
        File.WriteAllText(Path.Combine(model, "vocab.json"), JsonSerializer.Serialize(vocabulary));
        File.WriteAllText(Path.Combine(model, "merges.txt"), "#version: 0.2\nc a\nca t</w>\n");
        return model;
    }

    private static double[] Direction(ReadOnlySpan<float> rows, int row)
    {
        double[] values = new double[40];
        double squares = 0;
        for (int i = 0; i < 40; i++)
        {
            values[i] = rows[(row * 40) + i];
            squares += values[i] * values[i];
        }

        for (int i = 0; i < 40; i++) values[i] /= Math.Sqrt(squares);
        return values;
    }
}
