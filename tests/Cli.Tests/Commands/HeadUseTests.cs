using System.Text.Json;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Commands;

/// <summary>Which head <c>tune</c> and <c>evaluate</c> use, and what they say of its rows: a wrong one scores badly and has no fault.</summary>
public sealed class HeadUseTests : IDisposable
{
    private static readonly string[] s_classes = ["spam", "eggs", "ham"];
    private static readonly string Vit = Repository.Fixture("vit-hf");

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void A_new_head_keeps_the_names_of_its_rows_and_data_in_another_order_are_matched_with_them()
    {
        string model = TextModel(), head = directory["head.safetensors"];
        Tune(model, Table("{split}.tsv"), "tuned", "--head-out", head, "--classes", "spam,eggs,ham");
        using (SafetensorsFile written = SafetensorsFile.Open(head)) Assert.Equal("""["spam","eggs","ham"]""", written.Metadata["classes"]);

        // Without --classes the names stand in ordinal order: eggs, ham, spam.
        Outcome matched = MergeEngineProcess.Run("evaluate", directory["tuned"], Table("{split}.tsv"), "--head", head, "--json").Succeeded();
        Assert.Contains("Labels are matched with the head's rows by name: class 0 of the data, \"eggs\", is row 1 of the head.", matched.Error, StringComparison.Ordinal);
        Assert.Equal((100.0, head), (matched.Json().GetProperty("accuracy").GetDouble(), matched.Json().GetProperty("head").GetString()));
        Outcome same = MergeEngineProcess.Run("evaluate", directory["tuned"], Table("{split}.tsv"), "--head", head, "--classes", "spam,eggs,ham", "--json").Succeeded();
        Assert.DoesNotContain("rows", same.Error, StringComparison.Ordinal);
        Assert.Equal(matched.Json().GetProperty("loss").GetDouble(), same.Json().GetProperty("loss").GetDouble());

        // One table without a training split: the head tells what its classes are.
        Assert.Equal(100, MergeEngineProcess.Run("evaluate", directory["tuned"], Table("test.tsv"), "--head", head, "--json").Succeeded().Json().GetProperty("accuracy").GetDouble());
        MergeEngineProcess.Run("evaluate", directory["tuned"], Table("{split}.tsv"), "--head", head, "--classes", "eggs,ham,spam,tomatoes")
            .Refused(1, "\"eggs\", is row 1 of the head, but \"tomatoes\" is none of its rows");
        foreach (string split in new[] { "train", "test" }) File.WriteAllText(directory[$"{split}.tsv"], File.ReadAllText(directory[$"{split}.tsv"]).Replace("ham", "bacon", StringComparison.Ordinal));
        MergeEngineProcess.Run("evaluate", directory["tuned"], directory["test.tsv"], "--head", head).Refused(1, "test.tsv: line 4 has the label \"bacon\"", "\"ham\"");
    }

    [Fact]
    public void The_names_in_a_config_are_those_of_the_checkpoints_own_classifier()
    {
        string model = TextModel(), config = Path.Combine(model, "config.json");
        File.WriteAllText(config, File.ReadAllText(config).Replace("LABEL_0", "SPAM", StringComparison.Ordinal).Replace("LABEL_1", "EGGS", StringComparison.Ordinal).Replace("LABEL_2", "HAM", StringComparison.Ordinal));
        Outcome tuned = Tune(model, Table("{split}.tsv"), "tuned");
        Assert.Contains("The checkpoint's own classifier of 3 classes is used; --head names another head.", tuned.Error, StringComparison.Ordinal);
        Assert.Contains("is row 1 of the head", tuned.Error, StringComparison.Ordinal);
        Outcome scored = MergeEngineProcess.Run("evaluate", directory["tuned"], Table("test.tsv"), "--json").Succeeded();
        Assert.Contains("own classifier of 3 classes is used", scored.Error, StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, scored.Json().GetProperty("head").ValueKind);
        Assert.Equal(100, scored.Json().GetProperty("accuracy").GetDouble());
    }

    [Fact]
    public void Rows_that_no_sample_trains_are_told()
    {
        Assert.Contains(
            "3 of the 5 classes have no sample in the training split: \"0\", \"2\", \"3\"; labels that are whole numbers are rows of the head, from 0.",
            MergeEngineProcess.Run("tune", Vit, Images("train"), directory["years"], "--epochs", "1", "--head-out", directory["head.safetensors"]).Succeeded().Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Data_without_a_training_split_are_told_how_they_get_one()
    {
        MergeEngineProcess.Run("tune", Vit, Images("test"), directory["tuned"]).Refused(1, "test.safetensors: there is no training split but test, expected train.images with train.labels.");
        string table = Table("test.tsv");
        MergeEngineProcess.Run("tune", TextModel(), table, directory["tuned"]).Refused(2, "test.tsv: one file has no training split, expected --split-column", "{split} in the name");
        File.Delete(directory["train.tsv"]);
        MergeEngineProcess.Run("tune", directory["model"], directory["{split}.tsv"], directory["tuned"], "--classes", "ham,spam,eggs").Refused(1, "there is no training split but test, expected rows or a file of the split train");
        Directory.CreateDirectory(directory["images/cat"]);
        File.WriteAllBytes(directory["images/cat/1.ppm"], [.. "P6 1 1 255\n"u8, 1, 2, 3]);
        MergeEngineProcess.Run("tune", Vit, directory["images"], directory["tuned"]).Refused(1, "images: there is no training split but input, expected folders train/CLASS/");
    }

    [Theory]
    [InlineData("val")]
    [InlineData("dev")]
    [InlineData("valid")]
    public void Validation_goes_by_its_other_names_too(string name)
    {
        string data = Images("validation");
        Assert.Equal("validation", MergeEngineProcess.Run("evaluate", Vit, data, "--split", name, "--json").Succeeded().Json().GetProperty("split").GetString());
        MergeEngineProcess.Run("evaluate", Vit, data, "--split", "tset").Refused(2, "--split is 'tset'", "there is no split \"tset\", expected one of validation");
    }

    [Fact]
    public void Weights_in_a_file_of_their_own_are_told_what_they_lack()
    {
        Outcome outcome = MergeEngineProcess.Run("tune", Vit, Images("train"), directory["tuned.safetensors"], "--epochs", "1").Succeeded();
        Assert.Contains("tuned.safetensors holds the weights alone: the config of ", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("the tokenizer's files", Tune(TextModel(), Table("{split}.tsv"), "text.safetensors").Error, StringComparison.Ordinal);
        // A directory gets them.
        Assert.DoesNotContain("weights alone", Tune(directory["model"], directory["{split}.tsv"], "complete").Error, StringComparison.Ordinal);
        Assert.All(["config.json", "vocab.txt"], name => Assert.True(File.Exists(directory[$"complete/{name}"])));
    }

    [Theory]
    [InlineData("""["a","b"]""", "has 2 names for 3 rows, expected one for each")]
    [InlineData("""{"a":1}""", "expected a JSON list of names")]
    public void Names_that_do_not_fit_the_rows_get_one_sentence(string classes, string expected)
    {
        string head = directory["head.safetensors"];
        SafetensorsWriter.Write(head, [TensorContent.FromFloat32("weight", [3, 32], new float[96])], new Dictionary<string, string> { ["classes"] = classes });
        MergeEngineProcess.Run("evaluate", Repository.Fixture("vit-openclip"), Images("test"), "--head", head).Refused(1, "head.safetensors: the metadata \"classes\"", expected);
    }

    private Outcome Tune(string model, string data, string output, params string[] options) =>
        MergeEngineProcess.Run(["tune", model, data, directory[output], "--steps", "60", "--batch-size", "16", "--learning-rate", "2e-3", .. options]).Succeeded();

    /// <summary>A BERT of three classes with a vocabulary of letters.</summary>
    private string TextModel()
    {
        Directory.CreateDirectory(directory["model"]);
        foreach (string file in new[] { "config.json", "model.safetensors" }) File.Copy(Repository.Fixture("bert-cls", file), directory[$"model/{file}"], overwrite: true);
        File.WriteAllLines(directory["model/vocab.txt"], ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", .. Enumerable.Range('a', 26).Select(c => $"{(char)c}")]);
        return directory["model"];
    }

    /// <summary>Texts whose first letter is their class.</summary>
    private string Table(string name)
    {
        foreach ((string split, int count) in new[] { ("train", 48), ("test", 12) })
        {
            IEnumerable<string> rows = Enumerable.Range(0, count).Select(i => $"{s_classes[i % 3]}\t{(char)('a' + (i % 3))} {(char)('k' + (i % 7))}");
            File.WriteAllLines(directory[$"{split}.tsv"], ["label\ttext", .. rows]);
        }

        return directory[name];
    }

    /// <summary>Two images with the labels 1 and 4 in one split.</summary>
    private string Images(string split)
    {
        string path = directory[$"{split}.safetensors"];
        SafetensorsWriter.Write(path, [TensorContent.FromFloat32($"{split}.images", new Shape(2, 1, 28, 28), new float[2 * 28 * 28]), TensorContent.FromInt32($"{split}.labels", new Shape(2), new[] { 1, 4 })]);
        return path;
    }
}
