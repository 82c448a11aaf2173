using System.Globalization;
using MergeEngine.Models.Checkpoints;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Training;

/// <summary>
/// A training run on disk: weights, moments, step and position in one safetensors file. A run that goes on from it gives the same bits as
/// one that was never stopped.
/// </summary>
public static class TrainingCheckpoint
{
    private const string FormatKey = "merge_engine", Format = "training-1";

    /// <summary>Writes a run.</summary>
    /// <param name="path">A safetensors file.</param>
    /// <param name="parameters">The weights.</param>
    /// <param name="state">The optimizer.</param>
    /// <param name="position">Where the data stands.</param>
    /// <param name="heads">Heads that are trained along, by task name.</param>
    public static void Save(string path, ParameterVector parameters, OptimizerState state, DataPosition position, IReadOnlyDictionary<string, ClassificationHead>? heads = null)
    {
        var metadata = new Dictionary<string, string>
        {
            [FormatKey] = Format,
            ["optimizer"] = $"{state.Kind}",
            ["step"] = $"{state.Step}",
            ["epoch"] = $"{position.Epoch}",
            ["offset"] = $"{position.Offset}",
        };
        var tensors = Of("", parameters, state).ToList();
        foreach ((string name, ClassificationHead head) in heads ?? new Dictionary<string, ClassificationHead>())
        {
            OptimizerState headState = state.ForHead(head);
            metadata[$"head_step.{name}"] = $"{headState.Step}";
            tensors.AddRange(Of($"head.{name}.", head.Parameters, headState));
        }

        SafetensorsWriter.Write(path, tensors, metadata);
    }

    /// <summary>Reads a run into vectors of the same layout.</summary>
    /// <returns>Where the data stands.</returns>
    /// <exception cref="ModelException">The file is no training checkpoint, or one of another optimizer.</exception>
    /// <exception cref="SafetensorsException">A tensor is missing or has another shape.</exception>
    public static DataPosition Load(string path, ParameterVector parameters, OptimizerState state, IReadOnlyDictionary<string, ClassificationHead>? heads = null)
    {
        using Checkpoint file = Checkpoint.Open(path);
        if (!file.Metadata.TryGetValue(FormatKey, out string? format) || format != Format)
            throw new ModelException($"{path}: the metadata \"{FormatKey}\" is {Quoting.Quote(format ?? "")}, expected \"{Format}\" for a training checkpoint.");
        if (file.Metadata.GetValueOrDefault("optimizer") != $"{state.Kind}")
            throw new ModelException($"{path}: the optimizer is {Quoting.Quote(file.Metadata.GetValueOrDefault("optimizer") ?? "")}, expected {state.Kind}.");
        Read(file, "", parameters, state);
        state.Step = Number(file, "step");
        foreach ((string name, ClassificationHead head) in heads ?? new Dictionary<string, ClassificationHead>())
        {
            OptimizerState headState = state.ForHead(head);
            Read(file, $"head.{name}.", head.Parameters, headState);
            headState.Step = Number(file, $"head_step.{name}");
        }

        return new DataPosition(Number(file, "epoch"), Number(file, "offset"));
    }

    private static IEnumerable<TensorContent> Of(string prefix, ParameterVector parameters, OptimizerState state)
    {
        IEnumerable<TensorContent> tensors = NewCheckpoint.Contents(parameters, $"{prefix}parameters.").Concat(NewCheckpoint.Contents(state.FirstMoment, $"{prefix}first_moment."));
        return state.SecondMoment is { } second ? tensors.Concat(NewCheckpoint.Contents(second, $"{prefix}second_moment.")) : tensors;
    }

    private static void Read(Checkpoint file, string prefix, ParameterVector parameters, OptimizerState state)
    {
        Read(file, $"{prefix}parameters.", parameters);
        Read(file, $"{prefix}first_moment.", state.FirstMoment);
        if (state.SecondMoment is { } second) Read(file, $"{prefix}second_moment.", second);
    }

    private static void Read(Checkpoint file, string prefix, ParameterVector vector)
    {
        foreach (Parameter parameter in vector.Layout.Parameters) file.ReadFloat32($"{prefix}{parameter.Name}", parameter.Shape, vector[parameter]);
    }

    private static int Number(Checkpoint file, string key) =>
        file.Metadata.TryGetValue(key, out string? text) && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? number
            : throw new ModelException($"{file.Path}: the metadata \"{key}\" is {Quoting.Quote(text ?? "")}, expected a whole number.");
}
