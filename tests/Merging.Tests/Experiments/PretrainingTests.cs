using MergeEngine.Merging.Experiments;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Merging.Yaml;
using MergeEngine.Models;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Training;
using MergeEngine.Tensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Experiments;

/// <summary>Training from nothing, on all tasks at once.</summary>
public sealed class PretrainingTests : IDisposable
{
    private const string Text = """
        model: { image: 8, channels: 1, patch: 4, width: 16, layers: 2, heads: 2, mlp: 32 }
        tasks: [{ data: a.safetensors }, { name: second, data: b.safetensors }]
        samples: 20
        seed: 9
        tuning: { learning_rate: 3.0e-3, batch_size: 10, epochs: 60, schedule: cosine, shift: 1 }
        """;

    private readonly TemporaryDirectory _directory = new();

    public PretrainingTests()
    {
        MiniatureExperiment.WriteTask(_directory.File("a.safetensors"), 1, ["train", "test"]);
        MiniatureExperiment.WriteTask(_directory.File("b.safetensors"), 2, ["train", "validation", "test"]);
    }

    public void Dispose() => _directory.Dispose();

    /// <summary>What is saved loads again and scores what was reported, and the start of an experiment learned something.</summary>
    [Fact]
    public void A_model_and_a_head_for_each_task_come_out()
    {
        IReadOnlyList<PretrainedTask> tasks = Run(Load(Text), _directory.File("base"));
        Assert.Equal(["a", "second"], tasks.Select(t => t.Name));
        using Device device = Device.Open("cpu", 2);
        using VisionTransformer encoder = VisionTransformer.Load(device, _directory.File("base"));
        Assert.Equal((16, 2, new ImageShape(1, 8, 8)), (encoder.Config.Width, encoder.Config.Layers, encoder.Config.Image));
        foreach (((string name, double accuracy), string data) in tasks.Zip(["a.safetensors", "b.safetensors"]))
        {
            using ClassificationHead head = ClassificationHead.FromSafetensors(device, _directory.File("base/heads.safetensors"), $"{name}.");
            var task = new TrainingTask(name, Dataset.Open(_directory.File(data)), head);
            Assert.Equal(accuracy, Evaluator.Evaluate(encoder, encoder.Parameters, task).Accuracy);
            Assert.True(Evaluator.Evaluate(encoder, encoder.Parameters, task, "train").Loss < 0.9, "Less than the ln 3 of a guess.");
        }
    }

    [Fact]
    public void The_same_bits_come_out_with_any_number_of_threads_and_others_with_another_seed()
    {
        PretrainingFile file = Load(Text);
        byte[][] Bytes(string name, int threads, ulong? seed = null)
        {
            Run(file, _directory.File(name), threads, seed);
            return [File.ReadAllBytes(_directory.File($"{name}/model.safetensors")), File.ReadAllBytes(_directory.File($"{name}/heads.safetensors"))];
        }

        byte[][] one = Bytes("one", 1), two = Bytes("two", 2), other = Bytes("other", 2, 10);
        Assert.Equal(one, two);
        Assert.NotEqual(one[0], other[0]);
        Assert.NotEqual(one[1], other[1]);
    }

    [Fact]
    public void The_file_has_defaults()
    {
        PretrainingFile file = Load("model: {}\ntasks: [{ data: a.safetensors }]\n");
        Assert.Equal((96, 4, 4, 384, 7, new ImageShape(1, 28, 28)), (file.Model.Width, file.Model.Layers, file.Model.Heads, file.Model.MlpWidth, file.Model.PatchSize, file.Model.Image));
        Assert.Equal((0, 0UL), (file.Samples, file.Seed));
        Assert.Equal(new TuningEntry(), file.Tuning);
        Assert.Equal(("a", _directory.File("a.safetensors")), Assert.Single(file.Tasks));
    }

    [Theory]
    [InlineData("model: {", "modell: {", "A pre-training has no option 'modell'; it knows model, samples, seed, tasks, tuning.")]
    [InlineData("width: 16", "width: 15", "a width of 15 cannot be divided among 2 heads, expected a multiple.")]
    [InlineData("patch: 4", "patch: 9", "a patch of 9×9 pixels is larger than the image of 8×8.")]
    [InlineData("layers: 2", "layers: 0", "'layers' must lie in [1, 1024], found 0.")]
    [InlineData("layers: 2", "depth: 2", "'model' has no option 'depth'; it knows channels, heads, image, layers, mlp, patch, width.")]
    [InlineData("image: 8, channels: 1", "image: 16384, channels: 1024", "the image shape is [1024, 16384, 16384], expected at most 268435456 values.")]
    [InlineData("name: second", "name: a", "the task 'a' occurs twice.")]
    [InlineData("seed: 9", "sed: 9", "A pre-training has no option 'sed'; it knows model, samples, seed, tasks, tuning.")]
    [InlineData("samples: 20", "samples: -1", "'samples' must lie in [0, 2147483647], found -1.")]
    public void What_is_not_understood_gets_one_sentence(string old, string text, string sentence)
    {
        var error = Assert.Throws<YamlException>(() => Load(Text.Replace(old, text, StringComparison.Ordinal)));
        Assert.EndsWith(sentence, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("train", "there is no split \"test\", expected one of train.")]
    [InlineData("test", "there is no split \"train\", expected one of test.")]
    public void A_missing_split_is_said_before_any_training(string split, string sentence)
    {
        MiniatureExperiment.WriteTask(_directory.File("b.safetensors"), 2, [split]);
        var error = Assert.Throws<ModelException>(() => Run(Load(Text), _directory.File("base")));
        Assert.EndsWith(sentence, error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_directory.File("base")));
    }

    [Fact]
    public void A_run_that_is_stopped_writes_nothing()
    {
        using var source = new CancellationTokenSource();
        source.Cancel();
        Assert.Throws<OperationCanceledException>(() => Run(Load(Text), _directory.File("base"), cancellation: source.Token));
        Assert.False(Directory.Exists(_directory.File("base")));
    }

    [Theory]
    [InlineData("1.0e+30", 60, "pre-training, task a: the training loss is not a number from step 2 on, so nothing is written; ")]
    [InlineData("1.0e+60", 1, "pre-training: the last step made weights that are not numbers, so nothing is written; ")]
    public void Training_that_diverges_writes_nothing(string rate, int epochs, string sentence)
    {
        string text = Text.Replace("learning_rate: 3.0e-3, batch_size: 10, epochs: 60", $"learning_rate: {rate}, batch_size: 20, epochs: {epochs}", StringComparison.Ordinal);
        var error = Assert.Throws<DivergenceException>(() => Run(Load(text), _directory.File("base")));
        Assert.StartsWith(sentence, error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_directory.File("base")));
    }

    private static IReadOnlyList<PretrainedTask> Run(PretrainingFile file, string output, int threads = 2, ulong? seed = null, CancellationToken cancellation = default)
    {
        using Device device = Device.Open("cpu", threads);
        try
        {
            return Pretraining.Run(device, file, output, new ExperimentOptions { Seed = seed, Cancellation = cancellation });
        }
        finally
        {
            Assert.Equal(0, device.AllocatedBytes);
        }
    }

    private PretrainingFile Load(string text)
    {
        File.WriteAllText(_directory.File("p.yml"), text);
        return PretrainingFile.Load(_directory.File("p.yml"));
    }
}
