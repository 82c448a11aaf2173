using MergeEngine.Merging.Experiments;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Support;

/// <summary>Two tasks of a few 8×8 images, a random encoder of three thousand parameters and random heads, in a directory of their own.</summary>
internal sealed class MiniatureExperiment : IDisposable
{
    /// <summary>What stands above the methods in every file: 24 training images in batches of 8, ten epochs.</summary>
    public const string Head = """
        name: miniature
        model: base
        heads: heads.safetensors
        seed: 3
        tasks: [{ data: a.safetensors }, { data: b.safetensors }]
        tuning: { learning_rate: 5.0e-3, weight_decay: 0.01, batch_size: 8, epochs: 10, shift: 1 }

        """;

    public const int Train = 24, Validation = 12, Test = 12;
    private const int Classes = 3;
    private readonly TemporaryDirectory _directory = new();

    public MiniatureExperiment()
    {
        foreach ((string task, ulong seed) in new[] { ("a", 1UL), ("b", 2UL) }) WriteTask(File($"{task}.safetensors"), seed, ["train", "validation", "test"]);
        using Device device = Device.Open("cpu", 1);
        using VisionTransformer encoder = VisionTransformer.CreateRandom(device, Config, 7);
        encoder.Save(File("base"), encoder.Parameters);
        var tensors = new List<TensorContent>();
        foreach (string task in new[] { "a", "b" })
        {
            using ClassificationHead head = ClassificationHead.Random(device, Classes, encoder.FeatureWidth, 11, task);
            tensors.AddRange(head.ToTensors($"{task}."));
        }

        SafetensorsWriter.Write(File("heads.safetensors"), tensors, new Dictionary<string, string>());
    }

    public static VisionTransformerConfig Config => new()
    {
        Family = VisionFamily.HuggingFaceVit,
        Image = new ImageShape(1, 8, 8),
        PatchSize = 4,
        Width = 16,
        Layers = 2,
        Heads = 2,
        MlpWidth = 32,
        Normalization = PixelNormalization.Half(1),
    };

    public string File(string name) => _directory.File(name);

    /// <summary>An experiment of these methods, one a line, with what else the file says.</summary>
    public ExperimentFile Load(string methods, string more = "")
    {
        string[] lines = methods.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        System.IO.File.WriteAllText(File("experiment.yml"), Head + more + "\nmethods:\n" + string.Concat(lines.Select(line => $"  - {line}\n")));
        return ExperimentFile.Load(File("experiment.yml"));
    }

    /// <summary>Runs it, and sees to it that nothing stays allocated.</summary>
    public static ExperimentResult Run(ExperimentFile file, int threads = 2, ExperimentOptions? options = null)
    {
        using Device device = Device.Open("cpu", threads);
        try
        {
            return ExperimentRunner.Run(device, file, options ?? new ExperimentOptions());
        }
        finally
        {
            Assert.Equal(0, device.AllocatedBytes);
        }
    }

    public ExperimentResult Run(string methods, string more = "") => Run(Load(methods, more));

    /// <summary>Images of a class have bright columns, bright rows or a bright middle in every patch, under noise; tasks number the classes differently.</summary>
    public static void WriteTask(string path, ulong seed, IEnumerable<string> splits)
    {
        var tensors = new List<TensorContent>();
        foreach (string split in splits)
        {
            int count = split switch { "train" => Train, "validation" => Validation, _ => Test };
            var random = new PhiloxStream(seed, split);
            byte[] images = new byte[count * 64];
            int[] labels = new int[count];
            for (int i = 0; i < count; i++)
            {
                labels[i] = random.NextInt(Classes);
                for (int p = 0; p < 64; p++)
                {
                    int x = p % 4, y = p / 8 % 4;
                    bool bright = ((labels[i] + (int)seed) % Classes) switch { 0 => x < 2, 1 => y < 2, _ => x is 1 or 2 && y is 1 or 2 };
                    images[(i * 64) + p] = (byte)(random.NextInt(120) + (bright ? 120 : 0));
                }
            }

            tensors.Add(new TensorContent($"{split}.images", DType.U8, new Shape(count, 1, 8, 8), images));
            tensors.Add(TensorContent.FromInt32($"{split}.labels", new Shape(count), labels));
        }

        SafetensorsWriter.Write(path, tensors, new Dictionary<string, string> { ["classes"] = """["x", "y", "z"]""" });
    }

    public void Dispose() => _directory.Dispose();
}
