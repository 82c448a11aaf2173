using MergeEngine.Models;
using MergeEngine.Tensors;
using Microsoft.Extensions.AI;

namespace MergeEngine.Embeddings;

/// <summary>
/// Text embeddings as Microsoft.Extensions.AI knows them, by a BERT, a RoBERTa or a sentence-transformers model in this process. Any number of threads may
/// use it at once: their texts share batches.
/// </summary>
public sealed class TextEmbeddingGenerator : IEmbeddingGenerator<string, Embedding<float>>
{
    private readonly BatchedTextEncoder _encoder;
    private readonly EmbeddingGeneratorMetadata _metadata;
    private readonly bool _ownsEncoder;

    /// <param name="encoder">What computes.</param>
    /// <param name="modelId">What the model is called; null for no name.</param>
    /// <param name="ownsEncoder">True to dispose <paramref name="encoder"/> with the generator.</param>
    public TextEmbeddingGenerator(BatchedTextEncoder encoder, string? modelId = null, bool ownsEncoder = false)
    {
        ArgumentNullException.ThrowIfNull(encoder);
        _encoder = encoder;
        _ownsEncoder = ownsEncoder;
        _metadata = new EmbeddingGeneratorMetadata("mergeengine", providerUri: null, modelId, encoder.Width);
    }

    /// <summary>Loads a model with its tokenizer, which the generator owns; it is called what its directory is called.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="path">A directory with weights, config and tokenizer.</param>
    /// <param name="options">How requests are put into batches; null for the defaults.</param>
    /// <exception cref="ModelException">The files are not those of a supported model.</exception>
    /// <exception cref="Tensors.Safetensors.SafetensorsException">The weights cannot be read.</exception>
    public static TextEmbeddingGenerator Load(Device device, string path, BatchedTextOptions? options = null) =>
        new(BatchedTextEncoder.Load(device, path, options), Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path))), ownsEncoder: true);

    /// <summary>Embeds texts; the usage counts their tokens as the model reads them.</summary>
    /// <param name="values">Texts; each is cut to the longest that the model takes.</param>
    /// <param name="options">A model id and a number of dimensions, if given, must be this model's own.</param>
    /// <param name="cancellationToken">Gives the wait up.</param>
    /// <exception cref="ArgumentException">A text is null, or the options ask for another model.</exception>
    /// <exception cref="ObjectDisposedException">The generator has been disposed.</exception>
    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        RequireOwn(options);
        TextOutput[] outputs = await _encoder.RunAsync([.. values], cancellationToken).ConfigureAwait(false);
        DateTimeOffset now = DateTimeOffset.UtcNow;
        long tokens = outputs.Sum(output => (long)output.TokenCount);
        return new GeneratedEmbeddings<Embedding<float>>(outputs.Select(output => new Embedding<float>(output.Embedding) { CreatedAt = now, ModelId = _metadata.DefaultModelId }))
        {
            Usage = new UsageDetails { InputTokenCount = tokens, TotalTokenCount = tokens },
        };
    }

    /// <summary>The generator itself, its <see cref="EmbeddingGeneratorMetadata"/>, its <see cref="BatchedTextEncoder"/>, or the task mixture that it runs on.</summary>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null) return null;
        if (serviceType == typeof(EmbeddingGeneratorMetadata)) return _metadata;
        if (serviceType.IsInstanceOfType(this)) return this;
        if (serviceType.IsInstanceOfType(_encoder)) return _encoder;
        return serviceType.IsInstanceOfType(_encoder.Mixture) ? _encoder.Mixture : null;
    }

    public void Dispose()
    {
        if (_ownsEncoder) _encoder.Dispose();
    }

    private void RequireOwn(EmbeddingGenerationOptions? options)
    {
        if (options?.Dimensions is { } dimensions && dimensions != _encoder.Width)
            throw new ArgumentException($"Embeddings of {dimensions} dimensions were asked for, expected {_encoder.Width} as the model has.", nameof(options));
        if (options?.ModelId is { } model && model != _metadata.DefaultModelId)
            throw new ArgumentException($"The model '{model}' was asked for, expected {(_metadata.DefaultModelId is { } own ? $"'{own}'" : "none, as this one has no name")}.", nameof(options));
    }
}
