using MergeEngine.Embeddings.Batching;
using MergeEngine.Merging.Serving;
using MergeEngine.Models;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Tokenizers;
using MergeEngine.Tensors;

namespace MergeEngine.Embeddings;

/// <summary>
/// A text encoder for any number of callers at once: their texts wait in a queue of bounded length, and a thread of its own runs as many as fit in one
/// batch. With a <see cref="TaskMixture"/> each batch runs on the mixture that was current when it began.
/// </summary>
public sealed class BatchedTextEncoder : IDisposable
{
    /// <summary>
    /// UTF-16 units of the longest text whose memory a thread keeps for the next one. A tokenizer needs some forty bytes for each, whatever it cuts off, and
    /// any thread of a pool may meet one endless text.
    /// </summary>
    private const int LongestKept = 1 << 16;

    [ThreadStatic]
    private static TokenSequence? s_tokens;

    private readonly RequestQueue _queue;
    private readonly BatchRunner _runner;
    private readonly Thread _worker;
    private readonly ITokenizer _tokenizer;
    private readonly TokenizerOptions _tokenizing;
    private readonly TextTransformer _encoder;
    private bool _ownsEncoder;
    private int _disposed;

    /// <param name="encoder">The model, for this alone from here on.</param>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="options">How requests are put into batches; null for the defaults.</param>
    /// <param name="head">Gives the logits of every text, from the features; null for none. For this alone, too.</param>
    /// <param name="mixture">Weights that change; null for the encoder's own.</param>
    /// <remarks>
    /// Encoder, head and mixture stay their owner's, to be disposed after this. Their weights are packed (<see cref="Encoder.Pack"/>): where values of
    /// the encoder's own change, pack them again.
    /// </remarks>
    /// <exception cref="ArgumentException">An option makes no sense, or the parts do not fit each other.</exception>
    public BatchedTextEncoder(
        TextTransformer encoder, ITokenizer tokenizer, BatchedTextOptions? options = null, ClassificationHead? head = null, TaskMixture? mixture = null)
    {
        ArgumentNullException.ThrowIfNull(encoder);
        ArgumentNullException.ThrowIfNull(tokenizer);
        options ??= new BatchedTextOptions();
        options.Check();
        RequireFit(encoder, tokenizer, head, mixture);
        int maxTokens = Math.Min(options.MaxTokens ?? int.MaxValue, encoder.Config.MaxTokens), special = Math.Max(1, tokenizer.SpecialTokenCount(pair: false));
        if (maxTokens < special) throw new ArgumentException($"Texts would be cut to {maxTokens} tokens, expected at least {special}, as many as are put around a text.", nameof(options));
        _encoder = encoder;
        _tokenizer = tokenizer;
        _tokenizing = new TokenizerOptions { MaxLength = maxTokens };
        if (mixture is null) encoder.Pack(encoder.Parameters);
        else mixture.Pack(encoder.Pack);
        Mixture = mixture;
        Classes = head?.Classes ?? 0;
        _queue = new RequestQueue(options);
        _runner = new BatchRunner(encoder, head, mixture);
        _worker = new Thread(Work) { IsBackground = true, Name = "MergeEngine text batches" };
        _worker.Start();
    }

    /// <summary>Components of an embedding.</summary>
    public int Width => _encoder.FeatureWidth;

    /// <summary>Classes of the head; 0 where there is none.</summary>
    public int Classes { get; }

    /// <summary>The weights that change; null where the encoder's own are used.</summary>
    public TaskMixture? Mixture { get; }

    /// <summary>Loads a model with its tokenizer; both are owned.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="path">A directory with weights, config and tokenizer of a BERT, a RoBERTa, or a sentence-transformers model.</param>
    /// <param name="options">How requests are put into batches; null for the defaults.</param>
    /// <exception cref="ModelException">The files are not those of a supported model.</exception>
    /// <exception cref="Tensors.Safetensors.SafetensorsException">The weights cannot be read.</exception>
    public static BatchedTextEncoder Load(Device device, string path, BatchedTextOptions? options = null)
    {
        ITokenizer tokenizer = Tokenizer.Load(path);
        TextTransformer encoder = TextTransformer.Load(device, path);
        try
        {
            return new BatchedTextEncoder(encoder, tokenizer, options) { _ownsEncoder = true };
        }
        catch
        {
            encoder.Dispose();
            throw;
        }
    }

    /// <summary>Encodes a text, in a batch with those of others.</summary>
    /// <param name="text">Cut to the longest that the model takes.</param>
    /// <param name="cancellation">Gives the wait up; a batch that has begun runs to its end for the others.</param>
    /// <exception cref="ArgumentException">The text has no tokens, or one that the model has no row for.</exception>
    /// <exception cref="ObjectDisposedException">The encoder has been disposed, before or meanwhile.</exception>
    public async Task<TextOutput> RunAsync(string text, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        cancellation.ThrowIfCancellationRequested();
        return await AnswerAsync(Tokenize(text, 0), cancellation).ConfigureAwait(false);
    }

    /// <summary>Encodes texts, each as if alone.</summary>
    /// <returns>One output for each text, in their order.</returns>
    /// <inheritdoc cref="RunAsync(string, CancellationToken)"/>
    /// <param name="texts">Any number; nothing is computed if one of them is refused.</param>
    /// <param name="cancellation">Gives the wait up.</param>
    public async Task<TextOutput[]> RunAsync(IReadOnlyList<string> texts, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        cancellation.ThrowIfCancellationRequested();
        var requests = new TextRequest[texts.Count];
        for (int i = 0; i < requests.Length; i++) requests[i] = Tokenize(texts[i], i);
        var answers = new Task<TextOutput>[requests.Length];
        for (int i = 0; i < answers.Length; i++) answers[i] = AnswerAsync(requests[i], cancellation);
        return await Task.WhenAll(answers).ConfigureAwait(false);
    }

    /// <summary>Ends the batch that runs, and refuses the texts that wait.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        _queue.Dispose();
        _worker.Join();
        _runner.Dispose();
        if (_ownsEncoder) _encoder.Dispose();
    }

    private static void RequireFit(TextTransformer encoder, ITokenizer tokenizer, ClassificationHead? head, TaskMixture? mixture)
    {
        if (tokenizer.VocabularySize > encoder.Config.Vocabulary)
            throw new ArgumentException($"The tokenizer has {tokenizer.VocabularySize} tokens, expected at most {encoder.Config.Vocabulary}, as many as the model has rows for.", nameof(tokenizer));
        if (head is not null && head.Width != encoder.FeatureWidth)
            throw new ArgumentException($"The head takes {head.Width} features, expected {encoder.FeatureWidth} for this model.", nameof(head));
        if (mixture is not null && !mixture.Layout.Equals(encoder.Layout))
            throw new ArgumentException($"The mixture has other parameters than the model: {string.Join("; ", encoder.Layout.DifferencesFrom(mixture.Layout))}.", nameof(mixture));
    }

    private TextRequest Tokenize(string text, int index)
    {
        if (text is null) throw new ArgumentException($"Text {index} is null, expected a string.", nameof(text));
        TokenSequence tokens = text.Length <= LongestKept ? s_tokens ??= new TokenSequence() : new TokenSequence();
        _tokenizer.Encode(text, _tokenizing, tokens);
        if (tokens.Count == 0) throw new ArgumentException($"Text {index} has no tokens, expected some as this tokenizer puts none around it.", nameof(text));
        if (_encoder.Config.Limits.FindFault(tokens.Ids, tokens.TypeIds) is { } fault) throw new ArgumentException($"Text {index} {fault}.", nameof(text));
        return new TextRequest(tokens.Ids.ToArray(), tokens.TypeIds.ToArray());
    }

    private async Task<TextOutput> AnswerAsync(TextRequest request, CancellationToken cancellation)
    {
        await _queue.AddAsync(request, cancellation).ConfigureAwait(false);
        using CancellationTokenRegistration registration = cancellation.UnsafeRegister(static (state, token) => ((TextRequest)state!).TrySetCanceled(token), request);
        return await request.Task.ConfigureAwait(false);
    }

    private void Work()
    {
        var batch = new List<TextRequest>();
        while (_queue.Take(batch))
        {
            if (batch.Count > 0) _runner.Run(batch);
            batch.Clear();
        }
    }
}
