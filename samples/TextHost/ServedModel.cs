using MergeEngine.Embeddings;
using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Serving;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Tokenizers;
using MergeEngine.Tensors;

namespace MergeEngine.Samples.TextHost;

/// <summary>The model of the service with all that belongs to it, disposed in reverse.</summary>
internal sealed class ServedModel : IDisposable
{
    private readonly Stack<IDisposable> _owned;

    private ServedModel(Stack<IDisposable> owned, BatchedTextEncoder texts, TaskMixture mixture, IReadOnlyList<string> labels)
    {
        _owned = owned;
        Texts = texts;
        Mixture = mixture;
        Labels = labels;
    }

    public BatchedTextEncoder Texts { get; }

    public TaskMixture Mixture { get; }

    /// <summary>One name for each class; empty where there is no head.</summary>
    public IReadOnlyList<string> Labels { get; }

    public static ServedModel Load(HostSettings settings)
    {
        var owned = new Stack<IDisposable>();
        try
        {
            return Load(settings, owned);
        }
        catch
        {
            DisposeAll(owned);
            throw;
        }
    }

    public void Dispose() => DisposeAll(_owned);

    private static ServedModel Load(HostSettings settings, Stack<IDisposable> owned)
    {
        Device device = Own(Device.Open(settings.Device, settings.Threads));
        TextTransformer encoder = Own(TextTransformer.Load(device, settings.Model));
        NamedModel[] models = [.. settings.Tasks.Select(task => new NamedModel(task.Key, Own(encoder.ReadParameters(task.Value))))];
        // The tuned weights become the task vectors, in their own memory.
        TaskVectors taskVectors = TaskVectors.TakeModels(settings.ModelName, encoder.Parameters, models);
        TaskMixture mixture = Own(new TaskMixture(taskVectors, settings.Coefficient));
        ClassificationHead? head = settings.Head is { } file ? Own(ClassificationHead.FromSafetensors(device, file)) : null;
        IReadOnlyList<string> labels = settings.Labels;
        int classes = head?.Classes ?? 0;
        if (labels.Count == 0) labels = [.. Enumerable.Range(0, classes).Select(i => $"{i}")];
        if (labels.Count != classes) throw new ArgumentException($"{labels.Count} labels were given for the {classes} classes of the head, expected one for each.");
        BatchedTextEncoder texts = Own(new BatchedTextEncoder(encoder, Tokenizer.Load(settings.Model), head: head, mixture: mixture));
        return new ServedModel(owned, texts, mixture, labels);

        T Own<T>(T item)
            where T : IDisposable
        {
            owned.Push(item);
            return item;
        }
    }

    private static void DisposeAll(Stack<IDisposable> owned)
    {
        while (owned.TryPop(out IDisposable? item)) item.Dispose();
    }
}
