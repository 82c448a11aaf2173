using MergeEngine.Merging.Experiments;
using MergeEngine.Merging.Yaml;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Experiments;

/// <summary>Experiment files: defaults, every option, and the sentence of everything that is not understood.</summary>
public sealed class ExperimentFileTests : IDisposable
{
    private const string Least = "model: base\nheads: heads.safetensors\ntasks: [{ data: a.safetensors }]\nmethods: [pretrained]\n";
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void The_least_file_has_defaults_for_the_rest()
    {
        ExperimentFile file = Load(Least);
        Assert.Equal("e", file.Name);
        Assert.Equal(_directory.File("base"), file.Model);
        Assert.Equal(0UL, file.Seed);
        Assert.Equal(new TaskEntry("a", _directory.File("a.safetensors"), _directory.File("heads.safetensors")), Assert.Single(file.Tasks));
        Assert.Equal(new TuningEntry(), file.Tuning);
        Assert.Equal("pretrained", Assert.Single(file.Methods).Name);
        Assert.Null(file.FixedLambda);
        Assert.Null(file.ConflictLambda);
    }

    [Fact]
    public void Every_option_is_read()
    {
        ExperimentFile file = Load("""
            name: mine
            model: /models/base
            seed: 9223372036854775807
            tasks:
              - { name: x, data: sub/a.safetensors, heads: own.safetensors, samples: 12 }
              - { data: /data/b, heads: other.safetensors }
            tuning:
              optimizer: sgd
              learning_rate: 1.0e-3
              schedule: cosine
              warmup_steps: 5
              weight_decay: 0
              momentum: 0.9
              batch_size: 16
              clip_norm: 0
              shift: 2
              epochs: 3
              steps_per_epoch: 7
            methods: [joint]
            fixed_lambda: { lambda: 0.2, rho: 0.9 }
            conflict_lambda: 0.25
            """);
        Assert.Equal(("mine", "/models/base", (ulong)long.MaxValue), (file.Name, file.Model, file.Seed));
        Assert.Equal(
            [new TaskEntry("x", _directory.File("sub/a.safetensors"), _directory.File("own.safetensors"), 12), new TaskEntry("b", "/data/b", _directory.File("other.safetensors"))],
            file.Tasks);
        Assert.Equal(
            new TuningEntry
            {
                Optimizer = "sgd",
                LearningRate = 1e-3,
                Schedule = "cosine",
                WarmupSteps = 5,
                WeightDecay = 0,
                Momentum = 0.9,
                BatchSize = 16,
                ClipNorm = 0,
                Shift = 2,
                Epochs = 3,
                StepsPerEpoch = 7,
            },
            file.Tuning);
        Assert.Equal(0.2, file.FixedLambda!.Lambda);
        Assert.Equal([0.9], file.FixedLambda.Rho);
        Assert.Equal(0.25, file.ConflictLambda);
    }

    [Fact]
    public void The_files_that_are_shipped_are_understood()
    {
        ExperimentFile demo = ExperimentFile.Load(FixtureFiles.PathOf("../../data/vision8.yml"));
        Assert.Equal(
            [
                "pretrained", "individual", "average", "task-arithmetic", "ties", "tatr", "tatr-zero-shot", "tatr-ties", "atm-1x10", "atm-10x1", "atm-momentum",
                "atm-post-hoc", "joint",
            ],
            demo.Methods.Select(m => m.Name));
        PretrainingFile pretraining = PretrainingFile.Load(FixtureFiles.PathOf("../../data/vision8-pretrain.yml"));
        Assert.Equal(demo.Tasks.Select(t => t.Name), pretraining.Tasks.Select(t => t.Name));
    }

    [Fact]
    public void A_fixed_lambda_may_be_a_number_alone()
    {
        FixedComparison comparison = Load(Least + "fixed_lambda: 0.4\n").FixedLambda!;
        Assert.Equal(0.4, comparison.Lambda);
        Assert.Equal([0.99, 0.95, 0.9], comparison.Rho);
    }

    /// <summary>A text that is replaced in the least file, and the end of the sentence that comes of it.</summary>
    [Theory]
    [InlineData("model: base\n", "", "'model' is missing.")]
    [InlineData("model: base", "modle: base", ":1:1: An experiment has no option 'modle'; it knows conflict_lambda, expected, fixed_lambda, heads, methods, model, name, seed, sources, tasks, texts, tuning.")]
    [InlineData("model: base", "model: base\nlambda: 3", ":2:1: An experiment has no option 'lambda'; it knows conflict_lambda, expected, fixed_lambda, heads, methods, model, name, seed, sources, tasks, texts, tuning.")]
    [InlineData("model: base", "model: [base]", "'model' must be a single value, found a list.")]
    [InlineData("model: base", "model: base\nseed: -1", "'seed' must be at least 0, found -1.")]
    [InlineData("heads: heads.safetensors\n", "", "the task 'a' has no 'heads', and neither has the experiment.")]
    [InlineData("tasks: [{ data: a.safetensors }]", "tasks: []", "'tasks' is empty.")]
    [InlineData("tasks: [{ data: a.safetensors }]", "tasks: a", "'tasks' must be a list, found 'a'.")]
    [InlineData("{ data: a.safetensors }", "a.safetensors", "A task must be a mapping, found 'a.safetensors'.")]
    [InlineData("{ data: a.safetensors }", "{ name: a }", "'data' is missing.")]
    [InlineData("{ data: a.safetensors }", "{ data: a, head: b }", "A task has no option 'head'; it knows data, heads, held_out, name, samples, texts, tuned.")]
    [InlineData("{ data: a.safetensors }", "{ data: a }, { data: b/a.safetensors }", "the task 'a' occurs twice.")]
    [InlineData("{ data: a.safetensors }", "{ data: a, name: '' }", "the name of a task is empty.")]
    [InlineData("methods: [pretrained]\n", "", "'methods' is missing.")]
    [InlineData("methods: [pretrained]", "methods: []", "'methods' is empty.")]
    [InlineData("methods: [pretrained]", "methods: pretrained", "'methods' must be a list, found 'pretrained'.")]
    [InlineData("[pretrained]", "[pretrained]\nfixed_lambda: -1", "'lambda' must be at least 0, found -1.")]
    [InlineData("[pretrained]", "[pretrained]\nfixed_lambda: [1]", "'fixed_lambda' must be a mapping, found a list.")]
    [InlineData("[pretrained]", "[pretrained]\nfixed_lambda: { rho: 2 }", "'rho' must lie in [0, 1], found 2.")]
    [InlineData("[pretrained]", "[pretrained]\nconflict_lambda: .inf", "'conflict_lambda' must be a number, found '.inf'.")]
    [InlineData("[pretrained]", "[pretrained]\ntuning: fast", "'tuning' must be a mapping, found 'fast'.")]
    [InlineData("[pretrained]", "[pretrained]\ntuning: { lr: 1 }", "'tuning' has no option 'lr'; it knows batch_size, clip_norm, epochs, learning_rate, momentum, optimizer, schedule, shift, steps_per_epoch, warmup_steps, weight_decay.")]
    [InlineData("[pretrained]", "[pretrained]\ntuning: { optimizer: lion }", "'optimizer' must be one of adamw, adam, sgd, found 'lion'.")]
    [InlineData("[pretrained]", "[pretrained]\ntuning: { schedule: step }", "'schedule' must be one of constant, cosine, linear, found 'step'.")]
    [InlineData("[pretrained]", "[pretrained]\ntuning: { learning_rate: -1 }", "'learning_rate' must be at least 0, found -1.")]
    [InlineData("[pretrained]", "[pretrained]\ntuning: { momentum: 1 }", "'momentum' must lie in [0, 0.9999], found 1.")]
    [InlineData("[pretrained]", "[pretrained]\ntuning: { batch_size: 0 }", "'batch_size' must lie in [1, 65536], found 0.")]
    [InlineData("[pretrained]", "[pretrained]\ntuning: { epochs: 0 }", "'epochs' must lie in [1, 1000000], found 0.")]
    [InlineData("[pretrained]", "[pretrained]\ntuning: { steps_per_epoch: -1 }", "'steps_per_epoch' must lie in [0, 1000000], found -1.")]
    [InlineData("[pretrained]", "[tatr: { samples: 0 }]", "'samples' must lie in [1, 2147483647], found 0.")]
    [InlineData("[pretrained]", "[atm: { merge_every: 0 steps }]", "'merge_every' must be a number of steps or epochs, such as '6 steps', found '0 steps'.")]
    [InlineData("[pretrained]", "[pretrained]\ntuning: { shift: 65 }", "'shift' must lie in [0, 64], found 65.")]
    public void What_is_not_understood_gets_one_sentence(string old, string text, string sentence)
    {
        var error = Assert.Throws<YamlException>(() => Load(Least.Replace(old, text, StringComparison.Ordinal)));
        Assert.StartsWith(_directory.File("e.yml"), error.Message, StringComparison.Ordinal);
        Assert.EndsWith(sentence, error.Message, StringComparison.Ordinal);
    }

    private ExperimentFile Load(string text)
    {
        File.WriteAllText(_directory.File("e.yml"), text);
        return ExperimentFile.Load(_directory.File("e.yml"));
    }
}
