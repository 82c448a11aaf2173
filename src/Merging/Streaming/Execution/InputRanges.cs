using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>Which bytes of the inputs decide those of an output tensor: its sources with their headers, and those of all other tensors where the method begins with statistics of the model.</summary>
internal sealed class InputRanges
{
    private readonly InputFiles _inputs;
    private readonly Dictionary<string, TensorJob> _tensors;
    private readonly Dictionary<TensorMethod, IReadOnlyList<InputRange>> _wholeModel = [];

    /// <param name="job">The merge.</param>
    /// <param name="inputs">Its files.</param>
    /// <param name="options">How it is executed.</param>
    public InputRanges(MergeJob job, InputFiles inputs, ExecutionOptions options)
    {
        _inputs = inputs;
        _tensors = job.Tensors.ToDictionary(t => t.Name, StringComparer.Ordinal);
        using var tasks = new ModelTasks(job, options.Device, new MemoryPlan(options, job));
        foreach (TensorMethod method in tasks.Statistics.Keys) _wholeModel.Add(method, [.. tasks.Of(method).SelectMany(t => RangesOf(t.Job)).Distinct()]);
    }

    /// <summary>Of a tensor. Where many have the same, it is the same list.</summary>
    public IReadOnlyList<InputRange> Of(PlannedTensor tensor)
    {
        TensorJob job = _tensors[tensor.Name];
        return job.Method is { } method && _wholeModel.TryGetValue(method, out IReadOnlyList<InputRange>? all) ? all : [.. RangesOf(job)];
    }

    private IEnumerable<InputRange> RangesOf(TensorJob tensor) =>
        tensor.Sources.Concat(tensor.Companions).OfType<TensorSource>().SelectMany(s => s.Transform is { } transform ? transform.Others.Prepend(s) : [s]).SelectMany(RangesOf);

    private IEnumerable<InputRange> RangesOf(TensorSource source)
    {
        SafetensorsFile file = source.Checkpoint.FileOf(source.Tensor);
        InputFile input = _inputs.Of(file);
        TensorEntry entry = file[source.Tensor];
        return [new InputRange(input, 0, file.Header.DataStart), new InputRange(input, file.Header.DataStart + entry.Begin, entry.ByteLength)];
    }
}
