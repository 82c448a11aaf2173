using MergeEngine.Merging.Experiments;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Models;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Training;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Tests.Experiments;

/// <summary>Experiments that cannot begin, and experiments that are stopped.</summary>
public sealed class ExperimentFailureTests : IDisposable
{
    private readonly MiniatureExperiment _miniature = new();

    public void Dispose() => _miniature.Dispose();

    /// <summary>Stopped anywhere: while tuning, searching, scoring or going round. <see cref="MiniatureExperiment.Run(ExperimentFile, int, ExperimentOptions?)"/> looks at the memory.</summary>
    [Fact]
    public void A_run_that_is_stopped_leaves_nothing_allocated()
    {
        ExperimentFile file = _miniature.Load(ExperimentRunnerTests.Everything, "fixed_lambda: 0.3\nconflict_lambda: 0.3\n");
        var phases = new List<string>();
        MiniatureExperiment.Run(file, options: new ExperimentOptions { Progress = new ImmediateProgress(p => phases.Add(p.Phase)) });
        for (int stop = 0; stop < phases.Count; stop += 7)
        {
            using var source = new CancellationTokenSource();
            int reports = 0;
            var options = new ExperimentOptions
            {
                Cancellation = source.Token,
                Progress = new ImmediateProgress(_ =>
                {
                    if (reports++ == stop) source.Cancel();
                }),
            };
            try
            {
                MiniatureExperiment.Run(file, options: options);
                Assert.Fail($"The run was not stopped after '{phases[stop]}'.");
            }
            catch (OperationCanceledException)
            {
                Assert.True(source.IsCancellationRequested);
            }
        }
    }

    /// <summary>Accuracies of weights that are not numbers look plausible: none is handed on. <see cref="MiniatureExperiment.Run(ExperimentFile, int, ExperimentOptions?)"/> looks at the memory.</summary>
    [Theory]
    [InlineData("individual", "individual, task a: the training loss is not a number from step 2 on, so nothing is written; ")]
    [InlineData("joint", "joint, task a: the training loss is not a number from step 2 on, so nothing is written; ")]
    [InlineData("joint: { learning_rate: [1.0e+30, 1.0e+31] }", "joint, task a: the training loss is not a number from step 2 on, so nothing is written; ")]
    [InlineData("atm: { rounds: 2, epochs: 5 }", "atm-2x5, task a: the training loss is not a number from step 2 on, so nothing is written; ")]
    public void Training_that_diverges_ends_the_experiment_at_the_step(string method, string sentence) =>
        Assert.StartsWith(sentence, Diverge(method, 1e30).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("individual", "individual, task a: the last step made weights that are not numbers, ")]
    [InlineData("joint", "joint: the last step made weights that are not numbers, ")]
    [InlineData("atm: { rounds: 2, epochs: 1 }", "atm-2x1, task a: step 1 made weights that are not numbers, ")]
    public void Weights_that_the_last_step_made_infinite_end_the_experiment(string method, string sentence)
    {
        DivergenceException error = Diverge(method, 1e60, epochs: 1, steps: 1);
        Assert.StartsWith(sentence, error.Message, StringComparison.Ordinal);
        Assert.Equal(0, error.Step);
    }

    /// <summary>The others of the grid are searched as if it were not there.</summary>
    [Fact]
    public void A_learning_rate_that_diverges_is_not_chosen()
    {
        MethodResult Joint(string rates) => Assert.Single(_miniature.Run($"joint: {{ learning_rate: [{rates}] }}").Methods);
        MethodResult joint = Joint("1.0e+30, 5.0e-3, 1.0e+31"), alone = Joint("5.0e-3");
        Assert.Equal(5e-3, joint.Parameters["learning_rate"]);
        Assert.Equal(alone.Accuracy, joint.Accuracy);
    }

    [Theory]
    [InlineData("there is no split \"validation\", expected one of train, test.", "split")]
    [InlineData("\"b.weight\"", "head")]
    [InlineData("the head of task b has 5 columns, expected 16 as the features have.", "width")]
    [InlineData("is not one of the 2 classes of the head, expected 0 to 1.", "classes")]
    [InlineData("b.safetensors", "data")]
    [InlineData("base", "model")]
    [InlineData("A budget of 1000000 epochs of 1000000 steps is 1000000000000 steps, expected at most 100000000.", "budget")]
    public void What_is_missing_is_said_before_any_training(string mention, string fault)
    {
        string more = "";
        switch (fault)
        {
            case "split": MiniatureExperiment.WriteTask(_miniature.File("b.safetensors"), 2, ["train", "test"]); break;
            case "head": WriteHeads("c", 3, 16); break;
            case "width": WriteHeads("b", 3, 5); break;
            case "classes": WriteHeads("b", 2, 16); break;
            case "data": File.Delete(_miniature.File("b.safetensors")); break;
            case "model": Directory.Delete(_miniature.File("base"), recursive: true); break;
            default: more = "budget"; break;
        }

        ExperimentFile file = _miniature.Load("individual");
        if (more.Length > 0) file = file with { Tuning = file.Tuning with { Epochs = 1_000_000, StepsPerEpoch = 1_000_000 } };
        Exception error = Assert.ThrowsAny<Exception>(() => MiniatureExperiment.Run(file, options: new ExperimentOptions { Progress = new ImmediateProgress(p => Assert.Fail($"'{p.Phase}' has begun.")) }));
        Assert.True(error is ModelException or SafetensorsException or IOException or ArgumentException, error.ToString());
        Assert.Contains(mention, error.Message, StringComparison.Ordinal);
    }

    private DivergenceException Diverge(string method, double rate, int epochs = 10, int steps = 0)
    {
        ExperimentFile file = _miniature.Load(method);
        TuningEntry tuning = file.Tuning with { Optimizer = "sgd", LearningRate = rate, ClipNorm = 0, Epochs = epochs, StepsPerEpoch = steps };
        return Assert.Throws<DivergenceException>(() => MiniatureExperiment.Run(file with { Tuning = tuning }));
    }

    private void WriteHeads(string task, int classes, int width)
    {
        using Device device = Device.Open("cpu", 1);
        using ClassificationHead a = ClassificationHead.Random(device, 3, 16, 1), other = ClassificationHead.Random(device, classes, width, 1);
        SafetensorsWriter.Write(_miniature.File("heads.safetensors"), [.. a.ToTensors("a."), .. other.ToTensors($"{task}.")], new Dictionary<string, string>());
    }
}
