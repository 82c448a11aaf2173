using MergeEngine.Merging.Experiments;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Experiments;

/// <summary>Plans from experiment files alone, and the set-ups of the papers that are shipped as files.</summary>
public sealed class ExperimentPlanTests
{
    public static TheoryData<string> Files => [.. Directory.GetFiles(Path.Combine(FixtureFiles.PathOf("../.."), "experiments"), "*.yml").Select(path => Path.GetFileNameWithoutExtension(path)!).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Files))]
    public void A_shipped_file_is_understood_and_planned(string name)
    {
        ExperimentFile file = ExperimentFile.Load(Path.Combine(FixtureFiles.PathOf("../.."), "experiments", $"{name}.yml"));
        ExperimentPlan plan = ExperimentPlan.Of(file);
        Assert.Equal(name, plan.Name);
        Assert.Equal(name.StartsWith("text5", StringComparison.Ordinal) ? 5 : name.Contains("vit", StringComparison.Ordinal) ? 8 : 7, plan.Tasks.Count);
        Assert.Equal(file.Methods.Select(method => method.Name), plan.Rows.Select(row => row.Name));
        // What it needs is not in the repository, and it says where that can be had; the texts are here.
        Assert.NotEmpty(plan.Sources);
        if (name == "text5") Assert.All(plan.Missing, part => Assert.EndsWith("models/all-MiniLM-L6-v2", part, StringComparison.Ordinal));
        else Assert.NotEmpty(plan.Missing);
    }

    [Theory]
    [InlineData("tatr-vit-b-32", 68.0)]
    [InlineData("tatr-vit-b-16", 77.1)]
    [InlineData("tatr-vit-l-14", 80.7)]
    public void The_trust_region_has_the_settings_of_its_paper(string name, double taskArithmetic)
    {
        ExperimentFile file = ExperimentFile.Load(Path.Combine(FixtureFiles.PathOf("../.."), "experiments", $"{name}.yml"));
        MethodEntry tatr = file.Methods.Single(method => method.Kind == "tatr");
        Assert.Equal((0.3, 0.99, 128), (Assert.Single(tatr.Lambda), Assert.Single(tatr.Rho), tatr.Samples));
        Assert.Equal(taskArithmetic, ExperimentPlan.Of(file).Rows.Single(row => row.Kind == "task-arithmetic").Expected);
        Assert.All(file.Tasks, task => Assert.NotNull(task.Tuned));
        Assert.All(ExperimentPlan.Of(file).Rows, row => Assert.Equal(0, row.StepsPerTask));
    }

    [Theory]
    [InlineData("atm-vit-b-32")]
    [InlineData("atm-vit-b-16")]
    [InlineData("atm-vit-l-14")]
    public void Alternating_rounds_have_the_settings_of_their_paper(string name)
    {
        ExperimentFile file = ExperimentFile.Load(Path.Combine(FixtureFiles.PathOf("../.."), "experiments", $"{name}.yml"));
        Assert.Equal(("adamw", 1e-5, 128, 10), (file.Tuning.Optimizer, file.Tuning.LearningRate, file.Tuning.BatchSize, file.Tuning.Epochs));
        Assert.Contains(file.Methods, method => method.Rounds is { Rounds: 10, Every: 1, CountsSteps: false });
    }

    [Fact]
    public void Steps_and_choices_are_those_of_a_run()
    {
        using var miniature = new MiniatureExperiment();
        ExperimentFile file = miniature.Load(ExperimentRunnerTests.Everything);
        // 24 training images in batches of 8: the plan knows it where the file says it.
        ExperimentPlan plan = ExperimentPlan.Of(file with { Tuning = file.Tuning with { StepsPerEpoch = 3 } });
        ExperimentResult result = MiniatureExperiment.Run(file);
        Assert.Empty(plan.Missing);
        foreach (PlannedRow row in plan.Rows)
        {
            MethodResult ran = result.Methods.Single(method => method.Name == row.Name);
            if (row.StepsPerTask is { } steps) Assert.Equal((row.Name, ran.Steps), (row.Name, steps));
            else Assert.Contains(row.Kind, (string[])["atm-post-hoc"]);
            Assert.Equal(row.Candidates > 1, ran.Searched.Count > 0);
        }

        Assert.All(ExperimentPlan.Of(file).Rows.Where(row => row.Kind == "individual"), row => Assert.Null(row.StepsPerTask));
    }

    [Fact]
    public void What_is_missing_is_listed_once()
    {
        using var miniature = new MiniatureExperiment();
        ExperimentFile file = miniature.Load("pretrained");
        File.Delete(miniature.File("b.safetensors"));
        File.Delete(miniature.File("heads.safetensors"));
        Assert.Equal([miniature.File("heads.safetensors"), miniature.File("b.safetensors")], ExperimentPlan.Of(file).Missing);
    }
}
