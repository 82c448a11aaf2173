using System.Text;
using MergeEngine.Merging.Experiments;
using MergeEngine.Models;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Experiments;

/// <summary>The same images as folders, as lists of files and as tensors are the same experiment, to the last bit.</summary>
public sealed class ImageExperimentTests : IDisposable
{
    private const int Side = 12;
    private readonly TemporaryDirectory _directory = new();

    public ImageExperimentTests()
    {
        using (Device device = Device.Open("cpu", 1))
        {
            var config = new VisionTransformerConfig
            {
                Image = new ImageShape(3, Side, Side),
                PatchSize = 4,
                Width = 16,
                Heads = 2,
                Layers = 1,
                MlpWidth = 24,
                Normalization = PixelNormalization.Half(3),
            };
            using VisionTransformer encoder = VisionTransformer.CreateRandom(device, config, 3);
            encoder.Save(_directory.File("base"), encoder.Parameters);
        }

        var random = new Random(1);
        foreach (string task in new[] { "hue", "side" })
        {
            var tensors = new List<TensorContent>();
            foreach ((string split, int count) in new[] { ("train", 24), ("validation", 8), ("test", 12) })
            {
                byte[] all = new byte[count * 3 * Side * Side];
                int[] labels = new int[count];
                var list = new StringBuilder("label,file\n");
                for (int i = 0; i < count; i++)
                {
                    // In the order of a folder: class by class.
                    labels[i] = i * 3 / count;
                    byte[] pixels = new byte[3 * Side * Side];
                    for (int p = 0; p < pixels.Length; p++) pixels[p] = (byte)(random.Next(60) + (p % 3 == labels[i] || (task == "side" && p / 3 % Side / 4 == labels[i]) ? 150 : 0));
                    string file = Path.Combine(task, split, $"class {labels[i]}", $"{i:00}.ppm");
                    Directory.CreateDirectory(Path.GetDirectoryName(_directory.File(file))!);
                    File.WriteAllBytes(_directory.File(file), [.. Encoding.ASCII.GetBytes($"P6\n{Side} {Side}\n255\n"), .. pixels]);
                    list.Append(System.Globalization.CultureInfo.InvariantCulture, $"class {labels[i]},{file}\n");
                    for (int p = 0; p < pixels.Length; p++) all[(((i * 3) + (p % 3)) * Side * Side) + (p / 3)] = pixels[p];
                }

                File.WriteAllText(_directory.File($"{task}.{split}.csv"), list.ToString());
                tensors.Add(new TensorContent($"{split}.images", DType.U8, [count, 3, Side, Side], all));
                tensors.Add(TensorContent.FromInt32($"{split}.labels", [count], labels));
            }

            SafetensorsWriter.Write(_directory.File($"{task}.safetensors"), tensors, new Dictionary<string, string> { ["classes"] = """["class 0", "class 1", "class 2"]""" });
        }
    }

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("TASK")]
    [InlineData("{ train: TASK/train, validation: TASK/validation, test: TASK/test }")]
    [InlineData("'TASK.{split}.csv'")]
    [InlineData("{ train: TASK.train.csv, validation: TASK.validation.csv, test: TASK.test.csv }")]
    public void Files_of_images_give_the_result_of_tensors(string data)
    {
        string expected = Run("TASK.safetensors"), actual = Run(data);
        Assert.Equal(expected, actual);
        Assert.Contains("\"hue\"", expected, StringComparison.Ordinal);
    }

    [Fact]
    public void A_share_of_a_folder_is_held_out()
    {
        Directory.Delete(_directory.File("hue/validation"), recursive: true);
        Assert.Contains("there is no split \"validation\"", Assert.Throws<ModelException>(() => Run("TASK")).Message, StringComparison.Ordinal);
        Directory.Delete(_directory.File("side/validation"), recursive: true);
        Assert.Contains("\"side\"", Run("TASK", "held_out: 0.25"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_image_stops_the_experiment_with_its_name()
    {
        string bad = _directory.File("hue/train/class 1/11.ppm");
        File.WriteAllText(bad, "P6\n12");
        Assert.StartsWith($"{bad}: the header has no number", Assert.Throws<ModelException>(() => Run("TASK")).Message, StringComparison.Ordinal);
    }

    /// <summary>What <c>head</c> and <c>tune</c> write, one file a task with plain names, is the same as one file with the names of tasks before them.</summary>
    [Fact]
    public void Heads_may_stand_in_a_file_for_each_task()
    {
        var heads = new List<TensorContent>();
        foreach (string task in new[] { "hue", "side" })
        {
            float[] weight = [.. Enumerable.Range(0, 3 * 16).Select(i => MathF.Sin(i * task.Length))];
            SafetensorsWriter.Write(_directory.File($"{task}.head.safetensors"), [TensorContent.FromFloat32("weight", [3, 16], weight)]);
            heads.Add(TensorContent.FromFloat32($"{task}.weight", [3, 16], weight));
        }

        SafetensorsWriter.Write(_directory.File("heads.safetensors"), heads);
        Assert.Equal(Run("TASK", "heads: heads.safetensors"), Run("TASK", "heads: TASK.head.safetensors"));
        Assert.NotEqual(Run("TASK"), Run("TASK", "heads: heads.safetensors"));
        string message = Assert.Throws<ModelException>(() => Run("TASK", "heads: hue.safetensors")).Message;
        Assert.Contains("there is no tensor \"weight\" or \"hue.weight\", expected a head; it holds", message, StringComparison.Ordinal);
    }

    private string Run(string data, string more = "samples: 0")
    {
        string text = $$"""
            name: images
            model: base
            heads: { fit: logistic-regression, l2: 0.1 }
            seed: 2
            tasks:
              - { name: hue, data: {{data.Replace("TASK", "hue", StringComparison.Ordinal)}}, {{more.Replace("TASK", "hue", StringComparison.Ordinal)}} }
              - { name: side, data: {{data.Replace("TASK", "side", StringComparison.Ordinal)}}, {{more.Replace("TASK", "side", StringComparison.Ordinal)}} }
            tuning: { learning_rate: 1.0e-3, batch_size: 8, epochs: 2, shift: 1 }
            methods:
              - pretrained
              - individual
              - tatr: { lambda: 0.3, rho: 0.9, samples: 6 }
            """;
        File.WriteAllText(_directory.File("images.yml"), text);
        using Device device = Device.Open("cpu", 2);
        ExperimentResult result = ExperimentRunner.Run(device, ExperimentFile.Load(_directory.File("images.yml")), new ExperimentOptions());
        return ExperimentJson.Write(TextExperimentTests.WithoutSeconds(result));
    }
}
