using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Encoders;

/// <content>Heads from files, from random numbers, and into files.</content>
public sealed partial class ClassificationHead
{
    private const string WeightName = "weight", BiasName = "bias", HiddenName = "dense.weight", HiddenBiasName = "dense.bias", ScaleName = "logit_scale";

    /// <summary>
    /// Reads <c>weight</c>, and <c>bias</c>, <c>logit_scale</c>, and <c>dense.weight</c> and <c>dense.bias</c> of a hidden layer, where they are there. The
    /// metadata <c>classes</c>, a JSON list, names the rows.
    /// </summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="path">A safetensors file.</param>
    /// <param name="prefix">Before the names: <c>mnist.</c>, say.</param>
    /// <exception cref="ModelException">The tensors are not those of a head, or the names are not as many as its rows.</exception>
    /// <exception cref="SafetensorsException">The file cannot be read, or has no weight.</exception>
    public static ClassificationHead FromSafetensors(Device device, string path, string prefix = "")
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Shape shape = file[$"{prefix}{WeightName}"].Shape;
        if (shape.Rank != 2 || shape.ElementCount == 0 || shape[0] > int.MaxValue || shape[1] > int.MaxValue)
            throw new ModelException($"{path}: tensor {Quoting.Quote($"{prefix}{WeightName}")} is {shape}, expected [classes, width].");
        var shapes = new List<KeyValuePair<string, Shape>> { new(WeightName, shape) };
        bool Add(string name, Shape expected)
        {
            if (!file.TryGet($"{prefix}{name}", out TensorEntry? entry)) return false;
            if (entry.Shape != expected) throw new ModelException($"{path}: tensor {Quoting.Quote(entry.Name)} is {entry.Shape}, expected {expected}.");
            shapes.Add(new(name, expected));
            return true;
        }

        bool hasBias = Add(BiasName, [shape[0]]), isHidden = Add(HiddenName, [shape[1], shape[1]]), hasHiddenBias = isHidden && Add(HiddenBiasName, [shape[1]]);
        float? scale = null;
        if (file.TryGet($"{prefix}{ScaleName}", out TensorEntry? entry))
        {
            if (entry.ElementCount != 1) throw new ModelException($"{path}: tensor {Quoting.Quote(entry.Name)} is {entry.Shape}, expected a scalar.");
            if (isHidden) throw new ModelException($"{path}: the head has a hidden layer and a logit scale, expected one of them at most.");
            scale = file.ReadFloat32(entry.Name)[0];
        }

        IReadOnlyList<string>? names = ReadClassNames(file, prefix);
        if (names is not null && names.Count != shape[0]) throw new ModelException($"{path}: the metadata {Quoting.Quote($"{prefix}{Datasets.ClassNames.Key}")} has {Counting.Of(names.Count, "name")} for {Counting.Of(shape[0], "row")}, expected one for each.");

        // Everything is read before device memory is taken.
        float[][] values = [.. shapes.Select(parameter => file.ReadFloat32($"{prefix}{parameter.Key}"))];
        var parameters = new ParameterVector(device, new ParameterLayout(shapes));
        for (int i = 0; i < values.Length; i++) parameters.Upload(shapes[i].Key, values[i]);
        return new ClassificationHead(parameters, WeightName, hasBias ? BiasName : null, scale, isHidden ? HiddenName : null, hasHiddenBias ? HiddenBiasName : null) { ClassNames = names };
    }

    /// <summary>What stands before the names of a task's head: <c>TASK.</c> in a file with the heads of several tasks, nothing in a file with one head.</summary>
    /// <exception cref="ModelException">The file has neither.</exception>
    /// <exception cref="SafetensorsException">The file cannot be read.</exception>
    public static string FindPrefix(string path, string task)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        if (file.TryGet($"{task}.{WeightName}", out _)) return $"{task}.";
        if (file.TryGet(WeightName, out _)) return "";
        throw new ModelException($"{path}: there is no tensor \"{WeightName}\" or {Quoting.Quote($"{task}.{WeightName}")}, expected a head; it holds {Quoting.QuoteSome([.. file.Tensors.Select(t => t.Name)])}.");
    }

    /// <summary>Weights normal with standard deviation 1/√width, biases 0.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="width">Columns of the features.</param>
    /// <param name="seed">Seed of the weights.</param>
    /// <param name="name">Keeps the heads of several tasks apart.</param>
    public static ClassificationHead Random(Device device, int classes, int width, ulong seed, string name = "head")
    {
        var parameters = new ParameterVector(device, new ParameterLayout([new(WeightName, [classes, width]), new(BiasName, [classes])]));
        var random = new PhiloxStream(seed, $"{name}.weight");
        float[] values = new float[checked(classes * width)];
        float deviation = (float)(1 / Math.Sqrt(width));
        for (int i = 0; i < values.Length; i++) values[i] = deviation * random.NextGaussian();
        parameters.Upload(WeightName, values);
        return new ClassificationHead(parameters, WeightName, BiasName);
    }

    /// <summary>Names of the rows of the head in a file with one; null where it says none, and for a file that is no head.</summary>
    /// <exception cref="ModelException">They are no JSON list of names.</exception>
    /// <exception cref="SafetensorsException">The file cannot be read.</exception>
    public static IReadOnlyList<string>? FindClassNames(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        return file.TryGet(WeightName, out _) ? ReadClassNames(file, "") : null;
    }

    /// <summary>The metadata to write beside <see cref="ToTensors"/>: the names of the rows, where they are known.</summary>
    public IEnumerable<KeyValuePair<string, string>> ToMetadata(string prefix = "")
    {
        if (ClassNames is { } names) yield return new($"{prefix}{Datasets.ClassNames.Key}", Datasets.ClassNames.ToJson(names));
    }

    /// <summary>Tensors to write, under the names that <see cref="FromSafetensors"/> reads, behind a prefix.</summary>
    public IEnumerable<TensorContent> ToTensors(string prefix = "")
    {
        TensorContent Content(string name, Parameter parameter) => TensorContent.FromFloat32($"{prefix}{name}", parameter.Shape, Parameters.Download(parameter.Name));
        yield return Content(WeightName, _weight);
        if (_bias is not null) yield return Content(BiasName, _bias);
        if (_hidden is not null) yield return Content(HiddenName, _hidden.Weight);
        if (_hidden?.Bias is { } hiddenBias) yield return Content(HiddenBiasName, hiddenBias);
        if (LogitScale is { } scale) yield return TensorContent.FromFloat32($"{prefix}{ScaleName}", [], new[] { scale });
    }

    private static IReadOnlyList<string>? ReadClassNames(SafetensorsFile file, string prefix)
    {
        string key = $"{prefix}{Datasets.ClassNames.Key}";
        return file.Metadata.TryGetValue(key, out string? json) ? Datasets.ClassNames.Parse(file.FilePath, key, json) : null;
    }
}
