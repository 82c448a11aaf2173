using System.Text.Json;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Support;

/// <summary>Model directories with random weights of two layers, for merges that need no files from elsewhere.</summary>
internal static class SmallModel
{
    private static readonly (string Name, Shape Shape)[] s_tensors =
    [
        ("model.embed.weight", new Shape(50, 32)), ("model.layers.0.mlp.bias", new Shape(48)), ("model.layers.0.mlp.weight", new Shape(48, 32)), ("model.layers.1.mlp.bias", new Shape(48)),
        ("model.layers.1.mlp.weight", new Shape(48, 32)), ("model.norm.weight", new Shape(32)),
    ];

    /// <summary>Writes a model in one file, or in one file a tensor with an index.</summary>
    /// <returns>Its directory.</returns>
    public static string Write(string directory, int seed, DType dtype = DType.F32, bool sharded = false, int scale = 1)
    {
        Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, "config.json"), """{"architectures": ["SomeModel"], "num_hidden_layers": 2, "torch_dtype": "float32"}""");
        TensorContent[] tensors = [.. s_tensors.Select((t, i) => Content(t.Name, Scaled(t.Shape, scale), (seed * 100) + i, dtype))];
        if (!sharded)
        {
            SafetensorsWriter.Write(Path.Combine(directory, "model.safetensors"), tensors);
            return directory;
        }

        var map = new Dictionary<string, string>();
        for (int i = 0; i < tensors.Length; i++)
        {
            map[tensors[i].Name] = $"model-{i + 1:D5}-of-{tensors.Length:D5}.safetensors";
            SafetensorsWriter.Write(Path.Combine(directory, map[tensors[i].Name]), [tensors[i]]);
        }

        File.WriteAllText(Path.Combine(directory, "model.safetensors.index.json"), JsonSerializer.Serialize(new { metadata = new { total_size = tensors.Sum(t => t.ByteLength) }, weight_map = map }));
        return directory;
    }

    /// <summary>Every tensor's bytes are the same, in however many files they are.</summary>
    public static void AssertSameTensors(string expectedPath, string actualPath)
    {
        using Checkpoint expected = Checkpoint.Open(expectedPath), actual = Checkpoint.Open(actualPath);
        Assert.Equal(expected.Names, actual.Names);
        foreach (string name in expected.Names)
        {
            Assert.Equal((expected[name].DType, expected[name].Shape), (actual[name].DType, actual[name].Shape));
            Assert.True(expected.GetSpan(name).SequenceEqual(actual.GetSpan(name)), $"{name} has other bytes.");
        }
    }

    private static Shape Scaled(Shape shape, int scale) => shape.Rank == 1 ? shape : new Shape(shape[0] * scale, shape[1]);

    private static TensorContent Content(string name, Shape shape, int seed, DType dtype)
    {
        var random = new Random(seed);
        float[] values = new float[shape.ElementCount];
        for (int i = 0; i < values.Length; i++) values[i] = (float)((random.NextDouble() * 2) - 1);
        return TensorContent.FromFloat32(name, shape, values, dtype);
    }
}
