using MergeEngine.Merging.Experiments;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Models;
using MergeEngine.Models.Encoders;
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

    /// <summary>Weights that became infinite are a result like any other: the table is not lost with them.</summary>
    [Fact]
    public void A_run_that_diverges_has_results()
    {
        ExperimentFile file = _miniature.Load(ExperimentRunnerTests.Everything, "fixed_lambda: 0.3\nconflict_lambda: 0.3\n");
        ExperimentResult result = MiniatureExperiment.Run(file with { Tuning = file.Tuning with { Optimizer = "sgd", LearningRate = 1e30, ClipNorm = 0 } });
        Assert.Equal(15, result.Methods.Count);
        Assert.Contains(result.Rounds, series => !double.IsFinite(series.Norm[^1]));
        Assert.Equal(result.Methods.Count, ExperimentJson.Read(ExperimentJson.Write(result)).Methods.Count);
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

    private void WriteHeads(string task, int classes, int width)
    {
        using Device device = Device.Open("cpu", 1);
        using ClassificationHead a = ClassificationHead.Random(device, 3, 16, 1), other = ClassificationHead.Random(device, classes, width, 1);
        SafetensorsWriter.Write(_miniature.File("heads.safetensors"), [.. a.ToTensors("a."), .. other.ToTensors($"{task}.")], new Dictionary<string, string>());
    }
}
