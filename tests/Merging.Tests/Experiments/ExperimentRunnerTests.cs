using MergeEngine.Merging.Experiments;
using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Merging.Tuning;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Training;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Tests.Experiments;

/// <summary>Whole experiments on a miniature: every kind of method, what it costs, and what it leaves behind.</summary>
public sealed class ExperimentRunnerTests : IDisposable
{
    public const string Everything = """
        pretrained
        individual
        average
        task-arithmetic: { lambda: [0.1, 0.5, 1] }
        ties: { lambda: [0.5, 1], density: 0.3 }
        tatr: { lambda: [0.3, 0.6], rho: [0.99, 0.9], samples: 8 }
        tatr-zero-shot: { lambda: 0.4, rho: [0.99, 0.9] }
        tatr-ties: { lambda: [0.5, 1], rho: 0.9, samples: 8 }
        atm: { rounds: 1, epochs: 10 }
        atm: { rounds: 2, epochs: 1 }
        atm: { rounds: 2, merge_every: 3 steps, merge: ties, alpha: 0.5 }
        atm-momentum: { rounds: 12, merge_every: 1 step, outer_momentum: 0.5 }
        atm-post-hoc: { rounds: 2, epochs: 1 }
        atm-post-hoc: { rounds: 1, epochs: 1, start: tatr, outer: adam, name: after-tatr }
        joint: { learning_rate: [1.0e-3, 3.0e-3] }
        """;

    private readonly MiniatureExperiment _miniature = new();

    public void Dispose() => _miniature.Dispose();

    [Fact]
    public void Every_kind_of_method_has_a_row_under_its_name()
    {
        ExperimentResult result = _miniature.Run(Everything);
        Assert.Equal(
            [
                "pretrained", "individual", "average", "task-arithmetic", "ties", "tatr", "tatr-zero-shot", "tatr-ties", "atm-1x10", "atm-2x1", "atm-2x3steps",
                "atm-momentum", "atm-post-hoc", "after-tatr", "joint",
            ],
            result.Methods.Select(m => m.Name));
        Assert.Equal(["a", "b"], result.Tasks);
        Assert.Equal(("miniature", 3UL), (result.Name, result.Seed));
        foreach (MethodResult row in result.Methods)
        {
            Assert.Equal(["a", "b"], row.Accuracy.Keys);
            foreach (double accuracy in row.Accuracy.Values.OfType<double>()) Assert.Equal(Math.Round(accuracy * MiniatureExperiment.Test / 100), accuracy * MiniatureExperiment.Test / 100, 9);
            Assert.Equal(row.Accuracy.Values.Average(), row.Average);
        }

        Assert.True(Row(result, "individual").Average > Row(result, "pretrained").Average + 20, string.Join(" ", result.Methods.Select(m => $"{m.Name}={m.Average:0.0}")));
        foreach (RoundSeries series in result.Rounds)
        {
            Assert.Equal(0, series.Round[0]);
            Assert.Equal(0, series.Steps[0]);
            Assert.Equal(Row(result, series.Method).Average, series.Average[^1]);
        }

        Assert.Equal(["atm-1x10", "atm-2x1", "atm-2x3steps", "atm-momentum", "atm-post-hoc", "after-tatr"], result.Rounds.Select(s => s.Method));
        Assert.Equal([0, 2, 4, 6, 8, 10, 12], result.Rounds.Single(s => s.Method == "atm-momentum").Round);
        Assert.Equal(Row(result, "task-arithmetic").Average, result.Rounds.Single(s => s.Method == "atm-post-hoc").Average[0]);
        Assert.Equal(Row(result, "tatr").Average, result.Rounds.Single(s => s.Method == "after-tatr").Average[0]);
    }

    /// <summary>24 images in batches of 8: 3 steps an epoch, 30 for the budget; 12 validation images: 2 steps an epoch.</summary>
    [Fact]
    public void Steps_and_examples_are_booked_with_what_a_row_stands_on()
    {
        ExperimentResult result = _miniature.Run(Everything);
        (string Row, long Steps, long Examples)[] expected =
        [
            ("pretrained", 0, 0), ("individual", 30, 480), ("average", 30, 480), ("task-arithmetic", 30, 480), ("ties", 30, 480), ("tatr", 30, 480 + 16), ("tatr-zero-shot", 30, 480),
            ("tatr-ties", 30, 480 + 16), ("atm-1x10", 30, 480), ("atm-2x1", 6, 96), ("atm-2x3steps", 6, 96), ("atm-momentum", 12, 192), ("atm-post-hoc", 30 + 4, 480 + 48),
            ("after-tatr", 30 + 2, 480 + 16 + 24), ("joint", 60, 960),
        ];
        Assert.Equal(expected, result.Methods.Select(m => (m.Name, m.Steps, m.Examples)));
        Assert.All(result.Methods.Where(m => m.Steps > 0), m => Assert.True(m.Seconds > 0));
        Assert.True(Row(result, "after-tatr").Seconds > Row(result, "tatr").Seconds);
        Assert.Equal([0L, 2, 4], result.Rounds.Single(s => s.Method == "atm-post-hoc").Steps);
    }

    [Fact]
    public void Two_runs_agree_to_the_bit_with_any_number_of_threads()
    {
        ExperimentFile file = _miniature.Load(Everything, "fixed_lambda: 0.3\nconflict_lambda: 0.3\n");
        string one = WithoutSeconds(MiniatureExperiment.Run(file, threads: 1));
        Assert.Equal(one, WithoutSeconds(MiniatureExperiment.Run(file, threads: 2)));
        Assert.Equal(one, WithoutSeconds(MiniatureExperiment.Run(file, threads: 2)));
        Assert.NotEqual(one, WithoutSeconds(MiniatureExperiment.Run(file, threads: 2, new ExperimentOptions { Seed = 4 })));
    }

    /// <summary>The row that is taken from the individual models is what a round of alternating tuning really gives.</summary>
    [Fact]
    public void One_round_of_the_whole_budget_is_the_average_bit_for_bit()
    {
        ExperimentFile file = _miniature.Load("average\natm: { rounds: 1, epochs: 10 }");
        float[] saved = Alternate(_miniature.Load("atm: { rounds: 1, epochs: 10 }"), out ExperimentResult alone);
        ExperimentResult result = MiniatureExperiment.Run(file);
        Assert.Equal(result.Methods[0].Accuracy, result.Methods[1].Accuracy);
        Assert.Equal(result.Methods[1].Accuracy, alone.Methods[0].Accuracy);

        using Device device = Device.Open("cpu", 1);
        using VisionTransformer encoder = VisionTransformer.Load(device, file.Model);
        TrainingTask[] tasks = [.. file.Tasks.Select(t => new TrainingTask(t.Name, Dataset.Open(t.Data), ClassificationHead.FromSafetensors(device, t.Heads!, $"{t.Name}.")))];
        var options = new TrainingOptions { LearningRate = 5e-3, WeightDecay = 0.01, BatchSize = 8, ClipNorm = 10, Shift = 1, Seed = 3 };
        using var tuning = new EncoderTuning(encoder, options, tasks);
        using ParameterVector merged = AlternatingTuning.Run(
            tuning.Tasks, encoder.Parameters, new AlternatingOptions(1, TuningLength.Epochs(10)), tuning.CreateOptimizer, new TuningContext("atm", new Ledger()));
        Assert.Equal(merged.Values.HostSpan.ToArray(), saved);

        var models = IndividualTuning.Run(tuning.Tasks, encoder.Parameters, TuningLength.Epochs(10), tuning.CreateOptimizer, new TuningContext("individual", new Ledger()));
        using TaskVectors taskVectors = TaskVectors.TakeModels("pretrained", encoder.Parameters, models);
        using ParameterVector average = taskVectors.Merge(new WeightAveraging());
        Assert.Equal(average.Values.HostSpan.ToArray(), saved);
        foreach (TrainingTask task in tasks) task.Head.Dispose();
    }

    /// <summary>With other test labels the scores change and nothing that was chosen does; with other validation labels the choice may.</summary>
    [Fact]
    public void Searches_look_at_the_validation_split_alone()
    {
        ExperimentFile file = _miniature.Load("task-arithmetic: { lambda: [0, 0.5, 1, 2] }\ntatr: { lambda: [0.2, 1], rho: [0.9, 0.5], samples: 8 }\njoint: { learning_rate: [1.0e-5, 3.0e-3] }");
        ExperimentResult before = MiniatureExperiment.Run(file);
        Assert.Equal(["lambda"], before.Methods[0].Searched);
        Assert.Equal(["lambda", "rho"], before.Methods[1].Searched);
        Assert.Equal(["learning_rate"], before.Methods[2].Searched);
        Assert.All(before.Methods, m => Assert.InRange(m.Validation!.Value, 0, 100));
        Assert.NotEqual(0, before.Methods[0].Parameters["lambda"]);

        foreach (string task in new[] { "a", "b" }) Relabel(_miniature.File($"{task}.safetensors"), "test");
        ExperimentResult after = MiniatureExperiment.Run(file);
        Assert.Equal(before.Methods.Select(Choice), after.Methods.Select(Choice));
        Assert.NotEqual(before.Methods.Select(m => m.Average), after.Methods.Select(m => m.Average));

        foreach (string task in new[] { "a", "b" }) Relabel(_miniature.File($"{task}.safetensors"), "validation");
        Assert.NotEqual(before.Methods.Select(Choice), MiniatureExperiment.Run(file).Methods.Select(Choice));

        static string Choice(MethodResult row) => $"{string.Join(", ", row.Parameters)} {row.Validation}";
    }

    [Fact]
    public void A_comparison_at_one_lambda_has_a_row_for_each_share()
    {
        ExperimentResult result = _miniature.Run("tatr: { lambda: 0.3, rho: 0.9 }", "fixed_lambda: { lambda: 0.3, rho: [0.99, 0.9, 0.9999] }\nconflict_lambda: 0.2\n");
        Assert.Equal(["task-arithmetic", "tatr", "tatr-0.99", "tatr-0.9", "tatr-0.9999"], result.FixedCoefficient!.Methods.Select(m => m.Name));
        Assert.Equal(["rho"], result.FixedCoefficient.Methods[1].Searched);
        Assert.Equal(result.Methods[0].Accuracy, result.FixedCoefficient.Methods[3].Accuracy);
        TaskVectorAnalysis analysis = result.Analysis!;
        Assert.Equal(("pretrained", 0.2), (analysis.Base, analysis.ConflictLambda));
        Assert.Equal(1, analysis.Cosine[0][0], 9);
        Assert.Equal(analysis.Cosine[0][1], analysis.Cosine[1][0]);
        Assert.Equal(0.1, analysis.DroppedShare["all"], 2);
    }

    [Fact]
    public void Progress_counts_the_steps_of_the_whole_experiment()
    {
        ExperimentProgress last = default;
        MiniatureExperiment.Run(_miniature.Load(Everything), options: new ExperimentOptions { Progress = new ImmediateProgress(p => last = p) });
        Assert.Equal(last.OverallTotal, last.OverallDone);
        Alternate(_miniature.Load(Everything), out _, progress: new ImmediateProgress(p => last = p));
        Assert.Equal((12L, 12L), (last.OverallDone, last.OverallTotal));
    }

    [Fact]
    public void Alternating_tuning_alone_saves_the_model_of_its_row()
    {
        Alternate(_miniature.Load("average\ntatr: { lambda: 0.3, samples: 8 }\natm: { rounds: 1 }\natm-post-hoc: { rounds: 2, start: tatr }\natm"), out ExperimentResult result);
        MethodResult row = Assert.Single(result.Methods);
        Assert.Equal(("atm-post-hoc", 34L), (row.Name, row.Steps));
        Assert.Equal("atm-post-hoc", Assert.Single(result.Rounds).Method);
        MethodResult whole = Row(_miniature.Run("tatr: { lambda: 0.3, samples: 8 }\natm-post-hoc: { rounds: 2, start: tatr }"), "atm-post-hoc");
        Assert.Equal(whole.Accuracy, row.Accuracy);

        // By its name, from a row that itself goes on from another.
        Alternate(_miniature.Load("tatr: { samples: 8 }\natm-post-hoc: { rounds: 2, start: tatr }\natm-post-hoc: { rounds: 1, start: atm-post-hoc, name: last }"), out result, "last");
        Assert.Equal(("last", 30L + 4 + 2), (result.Methods[0].Name, result.Methods[0].Steps));
        using Device device = Device.Open("cpu", 1);
        var error = Assert.Throws<Merging.Yaml.YamlException>(() => ExperimentRunner.RunAlternating(device, _miniature.Load("average"), new ExperimentOptions(), (_, _) => { }));
        Assert.Contains("lists no method of the kinds atm", error.Message, StringComparison.Ordinal);
    }

    private static float[] Alternate(ExperimentFile file, out ExperimentResult result, string? name = null, IProgress<ExperimentProgress>? progress = null)
    {
        using Device device = Device.Open("cpu", 2);
        float[] saved = [];
        result = ExperimentRunner.RunAlternating(device, file, new ExperimentOptions { Progress = progress }, (_, merged) => saved = merged.Values.HostSpan.ToArray(), name);
        Assert.Equal(0, device.AllocatedBytes);
        return saved;
    }

    private static MethodResult Row(ExperimentResult result, string name) => result.Methods.Single(m => m.Name == name);

    private static string WithoutSeconds(ExperimentResult result) => ExperimentJson.Write(result with
    {
        Methods = [.. result.Methods.Select(m => m with { Seconds = 0 })],
        FixedCoefficient = result.FixedCoefficient! with { Methods = [.. result.FixedCoefficient.Methods.Select(m => m with { Seconds = 0 })] },
    });

    /// <summary>Moves every label of a split to the next class.</summary>
    private static void Relabel(string path, string split)
    {
        var tensors = new List<TensorContent>();
        using (SafetensorsFile file = SafetensorsFile.Open(path))
        {
            foreach (string name in new[] { "train", "validation", "test" })
            {
                TensorEntry images = file[$"{name}.images"];
                tensors.Add(new TensorContent(images.Name, images.DType, images.Shape, file.GetSpan(images.Name).ToArray()));
                int[] labels = file.ReadInt32($"{name}.labels");
                if (name == split) labels = [.. labels.Select(label => (label + 1) % 3)];
                tensors.Add(TensorContent.FromInt32($"{name}.labels", file[$"{name}.labels"].Shape, labels));
            }
        }

        SafetensorsWriter.Write(path, tensors, new Dictionary<string, string>());
    }
}
