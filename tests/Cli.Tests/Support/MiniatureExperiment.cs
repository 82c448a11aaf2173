using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Support;

/// <summary>An experiment on two tasks of 32 real images and a model of 15 thousand parameters: seconds instead of minutes.</summary>
internal static class MiniatureExperiment
{
    public const string Text = """
        name: miniature
        model: MODEL
        heads: HEADS
        seed: 5
        tasks:
          - { name: "0", data: 0.safetensors }
          - { name: "2", data: 2.safetensors }
        tuning: { learning_rate: 1.0e-3, batch_size: 8, epochs: 2, shift: 1 }
        methods:
          - pretrained
          - individual
          - average
          - task-arithmetic: { lambda: [0.1, 0.3] }
          - tatr: { lambda: 0.3, rho: [0.99, 0.9], samples: 8 }
          - atm: { rounds: 2, epochs: 1 }
          - atm-momentum: { rounds: 4, merge_every: 2 steps }
          - joint
        fixed_lambda: { lambda: 0.3, rho: [0.9] }
        conflict_lambda: 0.3
        """;

    /// <summary>Writes data and file into a directory.</summary>
    /// <returns>The experiment file.</returns>
    public static string Write(TemporaryDirectory directory, string text = Text)
    {
        using SafetensorsFile exemplars = SafetensorsFile.Open(Repository.Fixture("tatr", "exemplars.safetensors"));
        foreach (int task in new[] { 0, 2 })
        {
            float[] images = exemplars.ReadFloat32($"{task}.images");
            int[] labels = exemplars.ReadInt32($"{task}.labels");
            (string Split, int First, int Count)[] splits = [("train", 0, 16), ("validation", 16, 8), ("test", 24, 8)];
            SafetensorsWriter.Write(directory[$"{task}.safetensors"], splits.SelectMany(s => new[]
            {
                TensorContent.FromFloat32($"{s.Split}.images", new Shape(s.Count, 1, 28, 28), images.AsMemory(s.First * 784, s.Count * 784)),
                TensorContent.FromInt32($"{s.Split}.labels", new Shape(s.Count), labels.AsMemory(s.First, s.Count)),
            }));
        }

        return directory.Write("miniature.yml", text
            .Replace("MODEL", Repository.Fixture("tatr", "base"), StringComparison.Ordinal)
            .Replace("HEADS", Repository.Fixture("tatr", "heads.safetensors"), StringComparison.Ordinal));
    }
}
