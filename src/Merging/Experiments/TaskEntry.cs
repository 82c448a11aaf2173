using MergeEngine.Merging.Yaml;
using MergeEngine.Models.Datasets.Tables;

namespace MergeEngine.Merging.Experiments;

/// <summary>One task of an experiment: a data set, and where its frozen head stands.</summary>
/// <param name="Name">Name in tables; also the prefix of the head's tensors, <c>NAME.weight</c> and <c>NAME.bias</c>.</param>
/// <param name="Data">Path of the data set, relative paths already resolved against the experiment file.</param>
/// <param name="Heads">Path of the safetensors file with the head; null for a head that is fitted.</param>
/// <param name="Samples">Samples of every split, its first; 0 for all.</param>
public sealed record TaskEntry(string Name, string Data, string? Heads, int Samples = 0)
{
    /// <summary>Samples of single splits, instead of <see cref="Samples"/>.</summary>
    public IReadOnlyDictionary<string, int> SamplesOfSplits { get; init; } = NoSamples;

    /// <summary>Share of the training samples that becomes the validation split; 0 where the data set has one of its own.</summary>
    public double HeldOut { get; init; }

    /// <summary>How the data set is read where it is a table of texts.</summary>
    public TextsEntry Texts { get; init; } = TextsEntry.Default;

    /// <summary>The files of a table of texts where the experiment lists them by split; null where <see cref="Data"/> says it all.</summary>
    public TextFiles? Files { get; init; }

    /// <summary>The individual model where it was tuned elsewhere; null where the experiment tunes it.</summary>
    public string? Tuned { get; init; }

    private static readonly IReadOnlyDictionary<string, int> NoSamples = new Dictionary<string, int>();

    /// <summary>Samples that a split is cut to; 0 for all.</summary>
    public int SamplesOf(string split) => SamplesOfSplits.GetValueOrDefault(split, Samples);

    /// <param name="item">The entry.</param>
    /// <param name="heads">The experiment's file of heads; null for none.</param>
    /// <param name="fitted">True where the experiment fits heads.</param>
    /// <param name="texts">How the experiment's tables are read, unless the task has its own way.</param>
    /// <param name="resolve">Makes a path relative to the file.</param>
    internal static TaskEntry Read(YamlValue item, string? heads, bool fitted, TextsEntry texts, Func<string, string> resolve)
    {
        YamlMapping task = item.AsMapping("A task");
        YamlValue value = task.Require("data");
        TextFiles? files = value is YamlMapping splits ? ReadFiles(splits, resolve) : null;
        string data = files?.Source ?? resolve(task.RequireText("data"));
        string name = task.Text("name", System.IO.Path.GetFileNameWithoutExtension(data));
        string? file = task.Text("heads") is { } own ? resolve(own) : heads;
        if (file is null && !fitted) throw task.Error($"the task '{name}' has no 'heads', and neither has the experiment.");
        (int samples, IReadOnlyDictionary<string, int> ofSplits) = ReadSamples(task);
        var entry = new TaskEntry(name, data, file, samples)
        {
            SamplesOfSplits = ofSplits,
            HeldOut = HeldOutOf(task),
            Texts = TextsEntry.Read(task.Take("texts"), texts),
            Files = files,
            Tuned = task.Text("tuned") is { } tuned ? resolve(tuned) : null,
        };
        task.Finish("A task");
        return name.Length > 0 ? entry : throw task.Error("the name of a task is empty.");
    }

    /// <summary><c>data: { train: a.tsv, validation: b.tsv, test: c.tsv }</c>.</summary>
    private static TextFiles ReadFiles(YamlMapping splits, Func<string, string> resolve)
    {
        var files = new List<(string?, string)>();
        foreach (string split in new[] { "train", "validation", "test" })
        {
            if (splits.Text(split) is { } path) files.Add((split, resolve(path)));
        }

        splits.Finish("'data'");
        return files.Count > 0 ? new TextFiles(files[0].Item2, files) : throw splits.Error("'data' names no file, expected some of train, validation and test.");
    }

    private static (int Samples, IReadOnlyDictionary<string, int> OfSplits) ReadSamples(YamlMapping task)
    {
        if (task.Take("samples") is not YamlMapping map) return ((int)task.Integer("samples", 0, 0, int.MaxValue), NoSamples);
        var samples = new Dictionary<string, int>();
        foreach (string split in new[] { "train", "validation", "test" })
        {
            if (map.Take(split) is not null) samples[split] = (int)map.Integer(split, 0, 0, int.MaxValue);
        }

        map.Finish("'samples'");
        return (0, samples);
    }

    private static double HeldOutOf(YamlMapping task)
    {
        double share = task.Number("held_out", 0, 0, 1);
        return share < 1 ? share : throw task.Take("held_out")!.Error("'held_out' must lie in [0, 1), as some training samples must be left, found 1.");
    }
}
