using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Training;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Readme;

/// <summary>The C# in README.md is the code below, and it runs: alone, because it uses the working directory and the console.</summary>
[Collection(nameof(AloneCollection))]
public sealed class ReadmeTests
{
    private static readonly string Root = Path.GetFullPath(Path.Combine(FixtureFiles.PathOf(""), "..", ".."));

    [Fact]
    public void The_example_runs_and_its_model_loads_again()
    {
        string before = Environment.CurrentDirectory;
        Environment.CurrentDirectory = Root;
        if (Directory.Exists("out/merged")) Directory.Delete("out/merged", recursive: true);
        TextWriter console = Console.Out;
        using var printed = new StringWriter();
        Console.SetOut(printed);
        try
        {
            Example();
        }
        finally
        {
            Console.SetOut(console);
            Environment.CurrentDirectory = before;
        }

        Assert.Matches(@"^\d+\.\d %", printed.ToString());
        using Device device = Device.Open("cpu", threads: 1);
        using VisionTransformer merged = VisionTransformer.Load(device, Path.Combine(Root, "out", "merged"));
        Assert.Equal(96, merged.FeatureWidth);
    }

    [Fact]
    public void The_example_stands_in_the_readme_as_it_is_here()
    {
        string source = File.ReadAllText(Path.Combine(Root, "tests", "Merging.Tests", "Readme", "ReadmeTests.cs"));
        string[] lines = source.Split("// README begin\n")[^1].Split("// README end")[0].TrimEnd().Split('\n');
        string snippet = string.Join('\n', lines.Select(line => line.Length > 8 ? line[8..] : line.Trim()));
        Assert.Contains($"```csharp\n{snippet}\n```", File.ReadAllText(Path.Combine(Root, "README.md")), StringComparison.Ordinal);
    }

    private static void Example()
    {
        // README begin
        using Device device = Device.Open("cpu");
        using VisionTransformer encoder = VisionTransformer.Load(device, "data/vision8/base");
        using ClassificationHead head = ClassificationHead.FromSafetensors(device, "data/vision8/base/heads.safetensors", "mnist.");
        var task = new TrainingTask("mnist", Dataset.Open("data/vision8/mnist.safetensors"), head);

        // Tune a copy on one task, take its task vector, and go a part of the way from the base.
        using ParameterVector tuned = encoder.Parameters.Clone();
        using var trainer = new Trainer(encoder, new TrainingOptions { LearningRate = 2e-4, BatchSize = 64, Shift = 2 });
        using OptimizerState state = trainer.CreateState();
        trainer.Run(task, tuned, state, start: default, steps: 24);

        using TaskVectors taskVectors = TaskVectors.FromModels("pretrained", encoder.Parameters, [new NamedModel("mnist", tuned)]);
        using ParameterVector merged = taskVectors.Merge(new TaskArithmetic(0.5));
        Console.WriteLine($"{Evaluator.Evaluate(encoder, merged, task, "test").Accuracy:0.0} %");
        encoder.Save("out/merged", merged);

        // README end
    }
}
