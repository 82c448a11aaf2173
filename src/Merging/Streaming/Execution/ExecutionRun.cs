using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.TensorMethods;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>One merge while it runs: a tensor after the other.</summary>
internal sealed class ExecutionRun(
    MergeJob job, OutputPlan plan, OutputDirectory output, InputFiles inputs, ExecutionOptions options, IProgress<ExecutionProgress>? progress,
    CancellationToken cancellation) : IDisposable
{
    private readonly Dictionary<TensorMethod, ModelStatistics> _statistics = [];
    private long _read;
    private long _written;
    private long _done;
    private long _total;
    private string _phase = "";

    public ExecutionSummary Execute()
    {
        Dictionary<TensorJob, TensorTask> tasks = Tasks();
        foreach ((TensorMethod method, ModelStatistics statistics) in _statistics)
        {
            TensorJob[] tensors = [.. tasks.Keys.Where(t => t.Method == method).OrderBy(t => tasks[t].Index)];
            while (statistics.NeedsPass)
            {
                Begin("statistics", tensors.Sum(InputBytes));
                foreach (TensorJob tensor in tensors) Pass(new TensorInputs(tensor, inputs), tasks[tensor], statistics.Unit(tasks[tensor]), (in TensorChunk chunk) => statistics.Accumulate(tasks[tensor], chunk));
                statistics.CompletePass();
            }
        }

        Begin("merge", job.Tensors.Sum(t => InputBytes(t) + plan[t.Name].ByteLength));
        foreach (TensorJob tensor in job.Tensors)
        {
            if (!output.IsWritten(plan[tensor.Name], 0, plan[tensor.Name].ByteLength))
            {
                var writer = new TensorWriter(output, plan[tensor.Name]);
                if (tensor.Method is null) Copy(tensor, writer);
                else if (tensor.IsFloat64) MergeFloat64(tensor, tasks[tensor], writer);
                else Merge(tensor, tasks[tensor], writer);
            }

            Advance(InputBytes(tensor) + plan[tensor.Name].ByteLength);
        }

        return new ExecutionSummary(_read, _written);
    }

    public void Dispose()
    {
        foreach (ModelStatistics statistics in _statistics.Values) statistics.Dispose();
    }

    private delegate void ChunkAction(in TensorChunk chunk);

    private Dictionary<TensorJob, TensorTask> Tasks()
    {
        var tasks = new Dictionary<TensorJob, TensorTask>(ReferenceEqualityComparer.Instance);
        foreach (IGrouping<TensorMethod?, TensorJob> group in job.Tensors.GroupBy(t => t.Method))
        {
            if (group.Key is not { } method) continue;
            long first = 0;
            var ordered = new List<TensorTask>();
            var jobs = group.OrderBy(t => t.Name, StringComparer.Ordinal).ToList();
            foreach (TensorJob tensor in jobs)
            {
                ordered.Add(tensor.Task(options.Device, job.Seed) with { Index = ordered.Count, FirstIndex = first });
                first += tensor.Shape.ElementCount;
            }

            ModelStatistics? statistics = Refusable(null, () => method.BeginModel(new ModelTask(options.Device, ordered)));
            if (statistics is not null) _statistics.Add(method, statistics);
            for (int i = 0; i < jobs.Count; i++) tasks.Add(jobs[i], ordered[i] with { Statistics = statistics });
        }

        return tasks;
    }

    private void Merge(TensorJob tensor, TensorTask task, TensorWriter writer)
    {
        using TensorMerge merge = Refusable(tensor.Name, () => tensor.Method!.Begin(task));
        if (task.Length == 0) return;
        var sources = new TensorInputs(tensor, inputs);
        while (merge.NeedsPass)
        {
            Pass(sources, task, merge.Unit, (in TensorChunk chunk) => merge.Accumulate(chunk));
            merge.CompletePass();
        }

        Pass(sources, task, merge.Unit, (in TensorChunk chunk) => merge.Map(chunk), writer);
    }

    private void Pass(TensorInputs sources, TensorTask task, long unit, ChunkAction action, TensorWriter? writer = null)
    {
        if (task.Length == 0) return;
        Device device = options.Device;
        long step = ChunkLength(sources, task, unit);
        using DeviceBuffer memory = device.Allocate<float>(step * (sources.Count + (writer is null ? 0 : 1)));
        var spans = new DeviceSpan<float>[sources.Count];
        for (long first = 0; first < task.Length; first += step)
        {
            cancellation.ThrowIfCancellationRequested();
            long length = Math.Min(step, task.Length - first);
            for (int k = 0; k < spans.Length; k++)
            {
                if (sources[k] is not { } source) continue;
                spans[k] = memory.AsSpan<float>().Slice(k * step, length);
                source.Read(first, spans[k]);
                _read += source.BytesOf(length);
            }

            DeviceSpan<float> result = writer is null ? default : memory.AsSpan<float>().Slice(spans.Length * step, length);
            action(new TensorChunk(first, spans.AsSpan(0, task.Inputs), result, spans.AsSpan(task.Inputs)));
            if (writer is null || writer.IsWritten(first, length)) continue;
            device.Download(result, (writer, first), static (piece, at, to) => to.writer.Write(to.first + at, piece));
            _written += writer.BytesOf(length);
        }
    }

    private long ChunkLength(TensorInputs sources, TensorTask task, long unit)
    {
        unit = TensorInputs.Combine(unit, sources.Unit, task.Length);
        long units = Math.Max(1, options.MemoryLimit / 4 / ((sources.Count + 1L) * sizeof(float)) / unit);
        return Math.Min(task.Length, units * unit);
    }

    private void MergeFloat64(TensorJob tensor, TensorTask task, TensorWriter writer)
    {
        var values = new double[task.Inputs][];
        for (int k = 0; k < values.Length; k++)
        {
            cancellation.ThrowIfCancellationRequested();
            var source = new SourceReader(tensor.Sources[k], inputs);
            values[k] = GC.AllocateUninitializedArray<double>(checked((int)task.Length));
            source.Read(0, values[k]);
            _read += source.BytesOf(task.Length);
        }

        var result = new double[task.Length];
        Refusable(tensor.Name, () =>
        {
            tensor.Method!.MergeFloat64(task, values, result);
            return true;
        });
        writer.Write(0, result);
        _written += writer.BytesOf(task.Length);
    }

    /// <summary>Bytes as they are where the type stays, by way of float32 where it does not.</summary>
    private void Copy(TensorJob tensor, TensorWriter writer)
    {
        TensorSource source = tensor.Sources[0];
        var reader = new SourceReader(source, inputs);
        long length = tensor.Shape.ElementCount, bytes = writer.BytesOf(length);
        if (source.Transform is null && reader.Stored == source.DType && source.DType == tensor.DType)
        {
            var buffer = new byte[Math.Min(bytes, 1 << 20)];
            for (long at = 0; at < bytes; at += buffer.Length)
            {
                cancellation.ThrowIfCancellationRequested();
                Span<byte> piece = buffer.AsSpan(0, (int)Math.Min(buffer.Length, bytes - at));
                reader.ReadBytes(at, piece);
                writer.WriteBytes(at, piece);
            }
        }
        else
        {
            long step = Math.Max((1 << 18) / reader.Unit, 1) * reader.Unit;
            var buffer = new float[Math.Min(step, length)];
            for (long at = 0; at < length; at += buffer.Length)
            {
                cancellation.ThrowIfCancellationRequested();
                Span<float> piece = buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - at));
                reader.Read(at, piece);
                writer.Write(at, piece);
            }
        }

        _read += reader.BytesOf(length);
        _written += bytes;
    }

    private static T Refusable<T>(string? tensor, Func<T> begin)
    {
        try
        {
            return begin();
        }
        catch (ArgumentException e)
        {
            throw new PlanningException([tensor is null ? e.Message : $"{Quoting.Quote(tensor)}: {e.Message}"]);
        }
    }

    private static long InputBytes(TensorJob tensor) => tensor.Sources.Sum(s => s.Checkpoint[s.Tensor].DType.ByteCount(tensor.Shape.ElementCount));

    private void Begin(string phase, long total)
    {
        (_phase, _total, _done) = (phase, total, 0);
        Advance(0);
    }

    private void Advance(long bytes) => progress?.Report(new ExecutionProgress(_phase, _done += bytes, _total));
}
