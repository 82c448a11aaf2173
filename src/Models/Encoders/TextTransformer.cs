using MergeEngine.Models.Checkpoints;
using MergeEngine.Models.Datasets;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Encoders;

/// <summary>
/// The text encoder of BERT (Devlin et al., arXiv 1810.04805), RoBERTa (Liu et al., arXiv 1907.11692), the sentence-transformers made from
/// them (Reimers and Gurevych, arXiv 1908.10084), and CLIP's text tower (Radford et al., arXiv 2103.00020): one forward and one backward pass for
/// all, with the differences in <see cref="TextTransformerConfig"/>. Texts of a batch are packed, so that padding costs nothing.
/// </summary>
public sealed partial class TextTransformer : Encoder
{
    private readonly TextParameters _layers;
    private readonly TextWorkspace?[] _workspaces = new TextWorkspace?[3];
    private readonly TextCheckpoint? _checkpoint;
    private ParameterVector? _unusedPooler;
    private LinearPart? _unusedPoolerPart;
    private LastPass _last;

    private TextTransformer(Device device, TextTransformerConfig config, TextNames names, ParameterVector parameters, TextCheckpoint? checkpoint)
        : base(device, parameters)
    {
        Config = config;
        Names = names;
        _checkpoint = checkpoint;
        _layers = new TextParameters(config, names, parameters.Layout);
    }

    public TextTransformerConfig Config { get; }

    /// <summary>s of CLIP's logits exp(s)·cos(image, text), where the checkpoint has it; null otherwise.</summary>
    public float? LogitScale { get; private init; }

    public override int FeatureWidth => Config.ProjectionWidth > 0 ? Config.ProjectionWidth : Config.Width;

    /// <summary>True where the model says what the embedding of a text is, which <see cref="Embeddings"/> gives.</summary>
    public bool HasEmbeddings => Config.IsSentenceEncoder || Config.ProjectionWidth > 0;

    /// <summary>True where <see cref="PoolerOutput"/> gives something.</summary>
    public bool HasPooledOutput => Config.HasPooler || Config.IsClip;

    internal TextNames Names { get; }

    private protected override IEnumerable<LinearLayer> LinearLayers => _layers.Stack.LinearLayers;

    /// <summary>Texts of many lengths come in ever new mixtures; those of one length, or a single one, may well come again.</summary>
    protected override bool MayRepeat => _last.Batch is not { } batch || batch.Rows.IsUniform;

    /// <summary>[tokens, width] of the last forward pass: the output of the last block, for CLIP after the last LayerNorm, packed as the batch is.</summary>
    public Matrix SequenceOutput => _layers.FinalNorm is { } norm ? Normalize(norm) : LastHidden;

    /// <summary>The layout that encoders of a config have, without any memory.</summary>
    /// <exception cref="ArgumentException">The config makes no sense.</exception>
    public static ParameterLayout LayoutOf(TextTransformerConfig config) => NamesOf(config).EncoderLayout();

    /// <summary>An encoder with random weights: normal with <paramref name="deviation"/>, LayerNorms 1 and 0, biases 0.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="config">Its sizes.</param>
    /// <param name="seed">Every parameter has a random stream of its own, keyed by seed and name.</param>
    /// <param name="deviation">Standard deviation; null for 1/√inputs of every linear layer, and 0.02 for the tables.</param>
    /// <exception cref="ArgumentException">The config makes no sense.</exception>
    public static TextTransformer CreateRandom(Device device, TextTransformerConfig config, ulong seed, float? deviation = null)
    {
        TextNames names = NamesOf(config);
        if (config.HasPooler && config.Pooling != TextPooling.Pooler) throw new ArgumentException("The config has a pooler that no feature comes from, expected none.", nameof(config));
        var parameters = new ParameterVector(device, names.EncoderLayout());
        RandomWeights.Fill(parameters, names.Norms().Select(norm => norm.Weight.Name), names.Tables().Select(table => table.Name), seed, deviation);
        return new TextTransformer(device, config, names, parameters, null);
    }

    /// <summary>Loads a checkpoint of any of the known layouts.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="path">A directory or a safetensors file.</param>
    /// <param name="configPath">The config; null for the one beside the weights.</param>
    /// <param name="pooling">What the features are; null as the checkpoint's files say.</param>
    /// <exception cref="ModelException">The config or the tensors are not those of a supported model.</exception>
    /// <exception cref="Tensors.Safetensors.SafetensorsException">The weights cannot be read.</exception>
    public static TextTransformer Load(Device device, string path, string? configPath = null, TextPooling? pooling = null)
    {
        TextCheckpoint checkpoint = TextCheckpoint.Open(path, configPath, pooling);
        ParameterVector? parameters = null;
        try
        {
            parameters = CheckpointWeights.Read(device, checkpoint.Tensors, checkpoint.Names.EncoderLayout());
            var encoder = new TextTransformer(device, checkpoint.Config, checkpoint.Names, parameters, checkpoint) { LogitScale = checkpoint.ReadLogitScale() };
            if (checkpoint.Config.Pooling != TextPooling.Pooler && checkpoint.Names.Pooler is { } pooler)
            {
                encoder._unusedPooler = CheckpointWeights.ReadLinear(device, checkpoint.Tensors, pooler);
                encoder._unusedPoolerPart = encoder._unusedPooler.Layout.Bind(pooler);
            }

            return encoder;
        }
        catch
        {
            parameters?.Dispose();
            checkpoint.Dispose();
            throw;
        }
    }

    public override TextBatch CreateBatch() => new(Device, Config.Limits);

    public override string? Refuses(DatasetSplit split) => split.Texts is { } texts
        ? texts.FindFault(Config.Limits)
        : "has no texts, expected token ids for this model";

    public override ParameterVector ReadParameters(string path) => TextCheckpoint.ReadParameters(Device, path, Config, Names, Layout);

    public override void Save(string path, ParameterVector parameters, ClassificationHead? head = null)
    {
        Require(parameters);
        if (_checkpoint is null) NewTextCheckpoint.Write(path, Config, parameters, head);
        else _checkpoint.Save(path, parameters, head);
    }

    public override ClassificationHead? CreateCheckpointHead()
    {
        if (_checkpoint is null || Names.Classifier is not { } classifier) return null;
        ParameterVector weights = Names.ClassifierHidden is { } hidden
            ? CheckpointWeights.ReadLinear(Device, _checkpoint.Tensors, hidden, classifier)
            : CheckpointWeights.ReadLinear(Device, _checkpoint.Tensors, classifier);
        return new ClassificationHead(weights, classifier.Weight.Name, classifier.Bias?.Name, hiddenName: Names.ClassifierHidden?.Weight.Name, hiddenBiasName: Names.ClassifierHidden?.Bias?.Name) { ClassNames = _checkpoint.ClassNames };
    }

    /// <summary>
    /// [tokens, width] of the last forward pass, packed as the batch is: the embeddings after their LayerNorm (0), or the output of block
    /// <paramref name="index"/>.
    /// </summary>
    /// <exception cref="InvalidOperationException">The pass ran without <see cref="Encoder.KeepHiddenStates"/>.</exception>
    public Matrix HiddenState(int index)
    {
        if (!_last.HiddenStates) throw new InvalidOperationException("The last forward pass did not keep hidden states: set KeepHiddenStates before it.");
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(index, Config.Layers);
        return Tokens(_last.Workspace.Stack.Hidden[index]);
    }

    /// <summary>[batch, width]: the mean of the tokens of each text that its mask shows, of the last forward pass.</summary>
    public Matrix MeanPooled() => Config.Pooling == TextPooling.Mean ? Texts(_last.Workspace.MeanPooled) : MeanPool();

    /// <summary>
    /// [batch, width] of the last forward pass, whether or not it is what the features are: tanh(W·first token + b), or of a CLIP the end token after
    /// the last LayerNorm, before any projection.
    /// </summary>
    /// <exception cref="InvalidOperationException">The checkpoint has no pooler.</exception>
    public Matrix PoolerOutput()
    {
        if (Config.Pooling is TextPooling.Pooler or TextPooling.EndOfText) return Texts(_last.Workspace.Pooled);
        if (_unusedPoolerPart is not { } pooler) throw new InvalidOperationException("The checkpoint has no pooler.");
        return Pool(pooler, _unusedPooler!);
    }

    /// <summary>
    /// [batch, feature width]: the embeddings of the texts of the last forward pass: a sentence encoder's, of length 1 where the model's files say so, or
    /// CLIP's, projected and not normalised.
    /// </summary>
    /// <exception cref="InvalidOperationException">The model is no sentence encoder and has no projection.</exception>
    public Matrix Embeddings()
    {
        if (Config.ProjectionWidth > 0) return Projected;
        if (!Config.IsSentenceEncoder) throw new InvalidOperationException("The model has no modules.json, nor a projection, so it does not say what the embedding of a text is.");
        Matrix features = Config.Pooling == TextPooling.Mean ? Texts(_last.Workspace.MeanPooled) : Texts(_last.Workspace.First);
        if (!Config.NormalizesEmbeddings) return features;
        Matrix embeddings = Texts(_last.Workspace.Embeddings);
        Device.Operations.NormalizeRowsForward(embeddings, default, features);
        return embeddings;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (TextWorkspace? workspace in _workspaces) workspace?.Dispose();
            _unusedPooler?.Dispose();
            _checkpoint?.Dispose();
        }

        base.Dispose(disposing);
    }

    private static TextNames NamesOf(TextTransformerConfig config) => config.FindFault() is { } fault
        ? throw new ArgumentException($"{char.ToUpperInvariant(fault[0])}{fault[1..]}.", nameof(config))
        : TextLayout.Of(config).Names(config);

    private TextWorkspace Workspace(Retention retention) => _workspaces[(int)retention] ??= new TextWorkspace(Device, Config, _layers, retention);

    private void Require(ParameterVector vector)
    {
        if (!Layout.Equals(vector.Layout)) Parameters.RequireSameLayout(vector);
    }
}
