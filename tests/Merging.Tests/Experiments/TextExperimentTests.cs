using System.Text;
using MergeEngine.Merging.Experiments;
using MergeEngine.Merging.Yaml;
using MergeEngine.Models;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Experiments;

/// <summary>An experiment on tables of texts with heads that are fitted, from a small random encoder and a vocabulary of letters.</summary>
public sealed class TextExperimentTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public TextExperimentTests()
    {
        string model = _directory.File("base");
        using (Device device = Device.Open("cpu", 1))
        {
            var config = new TextTransformerConfig { Vocabulary = 31, Positions = 12, Width = 16, Heads = 2, Layers = 1, MlpWidth = 24, Pooling = TextPooling.ClassToken };
            using TextTransformer encoder = TextTransformer.CreateRandom(device, config, 3);
            encoder.Save(model, encoder.Parameters);
        }

        File.WriteAllLines(Path.Combine(model, "vocab.txt"), ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", .. Enumerable.Range('a', 26).Select(c => $"{(char)c}")]);
        // The class is the first letter of three: a to d, or their parity for the second task.
        foreach ((string split, int count) in new[] { ("train", 64), ("validation", 16), ("test", 16) })
        {
            var first = new StringBuilder("label,words\n");
            var second = new StringBuilder();
            for (int i = 0; i < count; i++)
            {
                string text = $"{(char)('a' + (i % 4))} {(char)('g' + (i % 7))} {(char)('m' + (i % 11))}";
                first.Append($"class {i % 4},\"{text}\"\n");
                second.Append($"{{\"sentence\":\"{text}\",\"gold\":{i % 2}}}\n");
            }

            File.WriteAllText(_directory.File($"letters.{split}.csv"), first.ToString());
            File.WriteAllText(_directory.File($"parity-{split}.jsonl"), second.ToString());
        }
    }

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Tables_and_fitted_heads_make_an_experiment()
    {
        ExperimentFile file = Load();
        Assert.Equal(new HeadsEntry(null, 0.01), file.Heads);
        Assert.Equal(8, file.Tasks[0].Texts.MaxTokens);
        Assert.Equal(["even", "odd"], file.Tasks[1].Texts.Classes);
        ExperimentResult result = Run(file);
        // A head that sees the first token fits nearly every text of so few kinds, and tuning does not lose that.
        MethodResult pretrained = result.Methods[0], individual = result.Methods[1];
        Assert.Equal(["letters", "parity"], pretrained.Accuracy.Keys);
        Assert.InRange(pretrained.Average!.Value, 60, 100);
        Assert.InRange(individual.Average!.Value, 90, 100);
        Assert.Equal(ExperimentJson.Write(WithoutSeconds(result)), ExperimentJson.Write(WithoutSeconds(Run(file))));
    }

    [Fact]
    public void Individual_models_from_files_are_not_tuned_again()
    {
        ExperimentFile file = Load();
        ExperimentResult tunedHere = Run(file);
        ExperimentResult untuned = Run(Load(more: ", tuned: base"));
        // Files that hold the base itself: every merge is the base, and nothing was tuned.
        Assert.Equal(untuned.Methods[0].Accuracy, untuned.Methods[1].Accuracy);
        Assert.Equal(untuned.Methods[0].Accuracy, untuned.Methods[2].Accuracy);
        Assert.Equal(0, untuned.Methods[1].Steps);
        Assert.NotEqual(0, tunedHere.Methods[1].Steps);
    }

    [Fact]
    public void Held_out_texts_are_the_validation_split()
    {
        File.Delete(_directory.File("letters.validation.csv"));
        ModelException missing = Assert.Throws<ModelException>(() => Run(Load()));
        Assert.Contains("there is no split \"validation\", expected one of train, test.", missing.Message, StringComparison.Ordinal);
        Assert.Equal(3, Run(Load(first: ", held_out: 0.25")).Methods.Count);
        Assert.Contains("expected none where a share of the training samples is held out", Assert.Throws<ModelException>(() => Run(Load(more: ", held_out: 0.25", first: ", held_out: 0.25"))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("heads: { fit: svm }", "'fit' must be one of logistic-regression, found 'svm'.")]
    [InlineData("heads: { l2: 1 }", "'fit' is missing.")]
    [InlineData("heads: { fit: logistic-regression, l2: 0 }", "'l2' must be above 0, found 0.")]
    [InlineData("heads: { fit: logistic-regression, c: 1 }", "'heads' has no option 'c'")]
    [InlineData("texts: { column: x }", "'texts' has no option 'column'")]
    [InlineData("texts: { max_tokens: 0 }", "'max_tokens' must lie in [1, 2147483647], found 0.")]
    [InlineData("texts: { classes: [] }", "'classes' is empty.")]
    [InlineData("expected: { nothing: 5 }", "there is no row 'nothing'; rows are pretrained.")]
    [InlineData("expected: { pretrained: 101 }", "'pretrained' must lie in [0, 100], found 101.")]
    [InlineData("tasks: [{ data: { train: a.tsv, dev: b.tsv } }]", "'data' has no option 'dev'")]
    [InlineData("tasks: [{ data: {} }]", "'data' names no file, expected some of train, validation and test.")]
    [InlineData("tasks: [{ data: a, samples: { trian: 3 } }]", "'samples' has no option 'trian'")]
    [InlineData("tasks: [{ data: a, held_out: 1 }]", "'held_out' must lie in [0, 1)")]
    [InlineData("tasks: [{ data: a, tuned: x }, { data: b }]", "the tasks 'a' and 'b' differ in 'tuned'")]
    public void What_is_not_understood_gets_a_sentence(string line, string sentence)
    {
        string key = line[..line.IndexOf(':', StringComparison.Ordinal)];
        string[] lines = [.. new[] { "model: base", "heads: heads.safetensors", "tasks: [{ data: a.safetensors }]", "methods: [pretrained]" }.Where(l => !l.StartsWith(key, StringComparison.Ordinal)), line];
        File.WriteAllLines(_directory.File("bad.yml"), lines);
        string message = Assert.Throws<YamlException>(() => ExperimentFile.Load(_directory.File("bad.yml"))).Message;
        Assert.Contains(sentence, message, StringComparison.Ordinal);
        Assert.StartsWith(_directory.File("bad.yml"), message, StringComparison.Ordinal);
    }

    private ExperimentFile Load(string more = "", string? first = null)
    {
        File.WriteAllText(_directory.File("texts.yml"), $$"""
            model: base
            heads: { fit: logistic-regression, l2: 0.01 }
            texts: { max_tokens: 8 }
            tasks:
              - { name: letters, data: "letters.{split}.csv", texts: { text: words }{{first ?? more}} }
              - name: parity
                data: { train: parity-train.jsonl, validation: parity-validation.jsonl, test: parity-test.jsonl }
                texts: { text: sentence, label: gold, classes: [even, odd] }
                samples: { train: 32, test: 8 }
            {{(more.Length == 0 ? "" : "    " + more[2..])}}
            tuning: { learning_rate: 3.0e-3, batch_size: 16, epochs: 10, weight_decay: 0 }
            methods: [pretrained, individual, average]
            """);
        return ExperimentFile.Load(_directory.File("texts.yml"));
    }

    private static ExperimentResult Run(ExperimentFile file)
    {
        using Device device = Device.Open("cpu", 2);
        return ExperimentRunner.Run(device, file, new ExperimentOptions());
    }

    internal static ExperimentResult WithoutSeconds(ExperimentResult result) => result with { Methods = [.. result.Methods.Select(m => m with { Seconds = 0 })] };
}
