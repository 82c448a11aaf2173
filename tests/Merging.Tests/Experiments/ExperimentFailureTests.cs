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
    [InlineData("individual", "individual, task a: the training loss is not a number from step 2 on; expected finite weights and a learning rate that does not diverge.")]
    [InlineData("joint", "joint, task a: the training loss is not a number from step 2 on; ")]
    [InlineData("joint: { learning_rate: [1.0e+30, 1.0e+31] }", "joint, task a: the training loss is not a number from step 2 on; ")]
    [InlineData("atm: { rounds: 2, epochs: 5 }", "atm-2x5, task a: the training loss is not a number from step 2 on; ")]
    public void A_row_whose_training_diverges_is_marked_with_the_step(string method, string sentence) => RequireMarked(sentence, Diverge(method, 1e30));

    [Theory]
    [InlineData("individual", "individual, task a: the last step made weights that are not numbers; ")]
    [InlineData("joint", "joint: the last step made weights that are not numbers; ")]
    [InlineData("atm: { rounds: 2, epochs: 1 }", "atm-2x1, task a: step 1 made weights that are not numbers; ")]
    public void A_row_whose_last_step_makes_weights_infinite_is_marked(string method, string sentence) => RequireMarked(sentence, Diverge(method, 1e60, epochs: 1, steps: 1));

    /// <summary>Everything at a rate of 10³⁰: what stands on the individual models is lost with them, and they are not tuned again for every row. The rest has what it has without them.</summary>
    [Fact]
    public void Rows_that_do_not_stand_on_what_diverged_keep_their_figures()
    {
        ExperimentFile file = _miniature.Load(ExperimentRunnerTests.Everything.Replace("1.0e-3, 3.0e-3", "1.0e-3, 1.0e+30", StringComparison.Ordinal), "fixed_lambda: 0.3\nconflict_lambda: 0.3\n");
        file = file with { Tuning = file.Tuning with { Optimizer = "sgd", LearningRate = 1e30, ClipNorm = 0 } };
        var phases = new List<string>();
        ExperimentResult result = MiniatureExperiment.Run(file, options: new ExperimentOptions { Progress = new ImmediateProgress(p => phases.Add(p.Phase)) });
        Assert.Equal(["pretrained", "joint"], result.Methods.Where(m => m.Diverged is null).Select(m => m.Name));
        Assert.All(result.Methods.Where(m => m.Diverged is null), row => Assert.InRange(row.Average!.Value, 0, 100));
        string[] onExperts = ["individual", "average", "task-arithmetic", "ties", "tatr", "tatr-zero-shot", "tatr-ties", "atm-1x10", "atm-post-hoc", "after-tatr"];
        Assert.Equal(onExperts, result.Methods.Where(m => m.Diverged?.StartsWith("individual, task a: ", StringComparison.Ordinal) == true).Select(m => m.Name));
        Assert.All(result.FixedCoefficient!.Methods, row => Assert.StartsWith("individual, task a: ", row.Diverged, StringComparison.Ordinal));
        Assert.Null(result.Analysis);
        Assert.StartsWith("individual, task a: ", result.AnalysisDiverged, StringComparison.Ordinal);
        Assert.Empty(result.Rounds);
        // One step of one task, once; its cost is every row's that stands on it.
        Assert.Single(phases, phase => phase.StartsWith("individual", StringComparison.Ordinal) && !phase.EndsWith("scored", StringComparison.Ordinal));
        Assert.All(result.Methods.Where(m => onExperts.Contains(m.Name)), row => Assert.Equal((1, 8), (row.Steps, row.Examples)));

        MethodResult[] without = [.. _miniature.Run("pretrained").Methods, .. MiniatureExperiment.Run(_miniature.Load("joint: { learning_rate: 1.0e-3 }") with { Tuning = file.Tuning }).Methods];
        Assert.Equal(without.Select(m => m.Accuracy), result.Methods.Where(m => m.Diverged is null).Select(m => m.Accuracy));

        ExperimentResult again = ExperimentJson.Read(ExperimentJson.Write(result));
        Assert.Equal(result.Methods.Select(m => (m.Average, m.Diverged)), again.Methods.Select(m => (m.Average, m.Diverged)));
        Assert.Equal(result.AnalysisDiverged, again.AnalysisDiverged);
    }

    /// <summary>Weights may be finite and too large to compute with: λ = 10³⁷ makes them so, and a search passes it by.</summary>
    [Fact]
    public void A_merged_model_that_computes_no_numbers_has_no_score()
    {
        ExperimentResult result = _miniature.Run("task-arithmetic: { lambda: 1.0e+37 }\ntask-arithmetic: { lambda: [1.0e+37, 0.3], name: searched }\ntask-arithmetic: { lambda: 0.3, name: plain }");
        Assert.Equal("task-arithmetic, task a: the loss on the test split is not a number; expected finite inputs, and weights of a size that can be computed with.", result.Methods[0].Diverged);
        Assert.Null(result.Methods[0].Average);
        Assert.Equal(0.3, result.Methods[1].Parameters["lambda"]);
        Assert.Equal(result.Methods[2].Accuracy, result.Methods[1].Accuracy);
    }

    /// <summary><c>atm</c> has this row alone: there is nothing to write without it.</summary>
    [Fact]
    public void An_alternating_method_alone_ends_where_it_diverges()
    {
        ExperimentFile file = _miniature.Load("task-arithmetic\natm-post-hoc: { rounds: 2 }");
        file = file with { Tuning = file.Tuning with { Optimizer = "sgd", LearningRate = 1e30, ClipNorm = 0 } };
        using Device device = Device.Open("cpu", 2);
        var error = Assert.Throws<DivergenceException>(() => ExperimentRunner.RunAlternating(device, file, new ExperimentOptions(), (_, _) => Assert.Fail("There is no model.")));
        Assert.StartsWith("individual, task a: the training loss is not a number from step 2 on, so nothing is written; ", error.Message, StringComparison.Ordinal);
        Assert.Equal(2, error.Step);
        Assert.Equal(0, device.AllocatedBytes);
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

    private static void RequireMarked(string sentence, MethodResult row)
    {
        Assert.StartsWith(sentence, row.Diverged, StringComparison.Ordinal);
        Assert.Null(row.Average);
        Assert.Equal([null, null], row.Accuracy.Values);
    }

    private MethodResult Diverge(string method, double rate, int epochs = 10, int steps = 0)
    {
        ExperimentFile file = _miniature.Load(method);
        TuningEntry tuning = file.Tuning with { Optimizer = "sgd", LearningRate = rate, ClipNorm = 0, Epochs = epochs, StepsPerEpoch = steps };
        return Assert.Single(MiniatureExperiment.Run(file with { Tuning = tuning }).Methods);
    }

    private void WriteHeads(string task, int classes, int width)
    {
        using Device device = Device.Open("cpu", 1);
        using ClassificationHead a = ClassificationHead.Random(device, 3, 16, 1), other = ClassificationHead.Random(device, classes, width, 1);
        SafetensorsWriter.Write(_miniature.File("heads.safetensors"), [.. a.ToTensors("a."), .. other.ToTensors($"{task}.")], new Dictionary<string, string>());
    }
}
