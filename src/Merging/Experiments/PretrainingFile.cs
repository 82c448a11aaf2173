using MergeEngine.Merging.Yaml;
using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;

namespace MergeEngine.Merging.Experiments;

/// <summary>
/// How a small encoder is trained from nothing on several tasks at once, read from YAML: its sizes, the tasks with how many of their
/// training samples it may see, and the budget. Paths are relative to the file.
/// </summary>
public sealed record PretrainingFile
{
    public required VisionTransformerConfig Model { get; init; }

    public required IReadOnlyList<(string Name, string Data)> Tasks { get; init; }

    /// <summary>Training samples of each task, its first; 0 for all.</summary>
    public int Samples { get; init; }

    public ulong Seed { get; init; }

    public required TuningEntry Tuning { get; init; }

    /// <exception cref="YamlException">The file says something that is not understood; one sentence with line and column.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static PretrainingFile Load(string path)
    {
        YamlMapping file = YamlFile.Read(path).AsMapping("A pre-training");
        file.Allow("A pre-training", "model", "tasks", "samples", "seed", "tuning");
        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        return new PretrainingFile
        {
            Model = ReadModel(file.Require("model").AsMapping("'model'")),
            Tasks = ReadTasks(file.Require("tasks").AsSequence("'tasks'"), folder),
            Samples = (int)file.Integer("samples", 0, 0, int.MaxValue),
            Seed = file.Unsigned("seed", 0),
            Tuning = TuningEntry.Read(file.Take("tuning")),
        };
    }

    private static List<(string Name, string Data)> ReadTasks(YamlSequence list, string folder)
    {
        var tasks = new List<(string Name, string Data)>();
        foreach (YamlValue item in list.Items)
        {
            YamlMapping task = item.AsMapping("A task");
            string data = Path.Combine(folder, task.RequireText("data"));
            string name = task.Text("name", Path.GetFileNameWithoutExtension(data));
            task.Finish("A task");
            if (tasks.Any(t => t.Name == name)) throw task.Error($"the task '{name}' occurs twice.");
            tasks.Add((name, data));
        }

        return tasks.Count > 0 ? tasks : throw list.Error("'tasks' is empty.");
    }

    private static VisionTransformerConfig ReadModel(YamlMapping map)
    {
        int channels = (int)map.Integer("channels", 1, 1, 1024);
        var image = new ImageShape(channels, (int)map.Integer("image", 28, 1, 1 << 14), (int)map.Integer("image", 28, 1, 1 << 14));
        var config = new VisionTransformerConfig
        {
            Family = VisionFamily.HuggingFaceVit,
            Image = image,
            PatchSize = (int)map.Integer("patch", 7, 1, 1 << 14),
            Width = (int)map.Integer("width", 96, 1, 1 << 16),
            Layers = (int)map.Integer("layers", 4, 1, 1 << 10),
            Heads = (int)map.Integer("heads", 4, 1, 1 << 10),
            MlpWidth = (int)map.Integer("mlp", 384, 1, 1 << 18),
            Normalization = PixelNormalization.Half(channels),
        };
        map.Finish("'model'");
        return config.FindFault() is { } fault ? throw map.Error($"{fault}.") : config;
    }
}
