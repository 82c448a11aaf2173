using MergeEngine.Models.Checkpoints;
using MergeEngine.Models.Datasets;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Encoders;

/// <summary>
/// The vision transformer (Dosovitskiy et al., arXiv 2010.11929) as Hugging Face, CLIP, open_clip and timm build it: one forward and one
/// backward pass for all of them, with the differences in <see cref="VisionTransformerConfig"/>.
/// </summary>
public sealed partial class VisionTransformer : Encoder
{
    private readonly VisionParameters _layers;
    private readonly VisionWorkspace?[] _workspaces = new VisionWorkspace?[3];
    private readonly VisionCheckpoint? _checkpoint;
    private ParameterVector? _pooler;
    private readonly SampleRows _rows = new();
    private LastPass _last;

    private VisionTransformer(Device device, VisionTransformerConfig config, VisionNames names, ParameterVector parameters, VisionCheckpoint? checkpoint)
        : base(device, parameters)
    {
        Config = config;
        Names = names;
        _checkpoint = checkpoint;
        _layers = new VisionParameters(config, names, parameters.Layout);
    }

    public VisionTransformerConfig Config { get; }

    public override int FeatureWidth => Config.ProjectionWidth > 0 ? Config.ProjectionWidth : Config.Width;

    internal VisionNames Names { get; }

    private protected override IEnumerable<LinearLayer> LinearLayers => _layers.Stack.LinearLayers.Prepend(_layers.Patches);

    /// <summary>[batch, width] of the last forward pass: the pooled and normalised tokens, before any projection.</summary>
    public Matrix Features => _last.Workspace.Arena.Matrix(_last.Workspace.Features, _last.Batch, Config.Width);

    /// <summary>[batch, projection width] of the last forward pass, not normalised.</summary>
    /// <exception cref="InvalidOperationException">The model has no projection.</exception>
    public Matrix ImageEmbeddings => Config.ProjectionWidth > 0
        ? _last.Workspace.Arena.Matrix(_last.Workspace.Projected, _last.Batch, Config.ProjectionWidth)
        : throw new InvalidOperationException("The model has no projection.");

    /// <summary>
    /// [batch·tokens, width] of the last forward pass: the input of the first block (0), or the output of block <paramref name="index"/>,
    /// before any final LayerNorm.
    /// </summary>
    /// <exception cref="InvalidOperationException">The pass ran without <see cref="Encoder.KeepHiddenStates"/>.</exception>
    public Matrix HiddenState(int index)
    {
        if (!_last.HiddenStates) throw new InvalidOperationException("The last forward pass did not keep hidden states: set KeepHiddenStates before it.");
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(index, Config.Layers);
        return Tokens(_last.Workspace.Stack.Hidden[index]);
    }

    /// <summary>The layout that encoders of a config have, without any memory.</summary>
    /// <exception cref="ArgumentException">The config makes no sense.</exception>
    public static ParameterLayout LayoutOf(VisionTransformerConfig config) => NamesOf(config).EncoderLayout();

    /// <summary>An encoder with random weights: normal with <paramref name="deviation"/>, LayerNorms 1 and 0, biases 0, layer scales 1.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="config">Its sizes.</param>
    /// <param name="seed">Every parameter has a random stream of its own, keyed by seed and name.</param>
    /// <param name="deviation">Standard deviation; null for 1/√inputs of every linear layer, and 0.02 for tokens and positions.</param>
    /// <exception cref="ArgumentException">The config makes no sense.</exception>
    public static VisionTransformer CreateRandom(Device device, VisionTransformerConfig config, ulong seed, float? deviation = null)
    {
        VisionNames names = NamesOf(config);
        var parameters = new ParameterVector(device, names.EncoderLayout());
        RandomWeights.Fill(parameters, names.Ones(), names.Tables(), seed, deviation);
        return new VisionTransformer(device, config, names, parameters, null);
    }

    /// <summary>Loads a checkpoint of any of the known layouts.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="path">A directory or a safetensors file.</param>
    /// <param name="configPath">The config; null for the one beside the weights.</param>
    /// <exception cref="ModelException">The config or the tensors are not those of a supported model.</exception>
    /// <exception cref="Tensors.Safetensors.SafetensorsException">The weights cannot be read.</exception>
    public static VisionTransformer Load(Device device, string path, string? configPath = null)
    {
        VisionCheckpoint checkpoint = VisionCheckpoint.Open(path, configPath);
        ParameterVector? parameters = null;
        try
        {
            parameters = CheckpointWeights.Read(device, checkpoint.Tensors, checkpoint.Names.EncoderLayout());
            var encoder = new VisionTransformer(device, checkpoint.Config, checkpoint.Names, parameters, checkpoint);
            if (checkpoint.Names.Pooler is { } pooler) encoder._pooler = CheckpointWeights.ReadLinear(device, checkpoint.Tensors, pooler);
            return encoder;
        }
        catch
        {
            parameters?.Dispose();
            checkpoint.Dispose();
            throw;
        }
    }

    public override ImageBatch CreateBatch() => new(Device, Config.Image, Config.Normalization, Config.Preparation);

    public override string? Refuses(DatasetSplit split) => split.ImageFiles is not null ? Config.Preparation.FindFault(Config.Image)
        : split.ImageShape == Config.Image ? null
        : split.ImageShape is { } shape ? $"has images of the shape {shape}, expected {Config.Image} for this model"
        : $"has no images, expected some of the shape {Config.Image} for this model";

    public override ParameterVector ReadParameters(string path) => VisionCheckpoint.ReadParameters(path, Config, Names, Parameters);

    public override void Save(string path, ParameterVector parameters, ClassificationHead? head = null)
    {
        Require(parameters);
        if (_checkpoint is null) NewCheckpoint.Write(path, Config, parameters, head);
        else _checkpoint.Save(path, parameters, head);
    }

    public override ClassificationHead? CreateCheckpointHead() => _checkpoint is null || Names.Classifier is not { } classifier
        ? null
        : new ClassificationHead(CheckpointWeights.ReadLinear(Device, _checkpoint.Tensors, classifier), classifier.Weight.Name, classifier.Bias?.Name) { ClassNames = _checkpoint.ClassNames };

    /// <summary>output ← tanh(W·features + b) of the last forward pass: ViTModel's pooler, on which no feature depends.</summary>
    /// <param name="output">[batch, width].</param>
    /// <exception cref="InvalidOperationException">The checkpoint has none.</exception>
    public void PoolerOutput(Matrix output)
    {
        if (_pooler is null || Names.Pooler is not { } pooler) throw new InvalidOperationException("The checkpoint has no pooler.");
        Device.Operations.LinearForward(output, Features, _pooler.Matrix(pooler.Weight.Name), _pooler[pooler.Bias!.Name], Activation.Tanh);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (VisionWorkspace? workspace in _workspaces) workspace?.Dispose();
            _pooler?.Dispose();
            _checkpoint?.Dispose();
        }

        base.Dispose(disposing);
    }

    private static VisionNames NamesOf(VisionTransformerConfig config) => config.FindFault() is { } fault
        ? throw new ArgumentException($"{char.ToUpperInvariant(fault[0])}{fault[1..]}.", nameof(config))
        : VisionLayout.Of(config).Names(config);

    private VisionWorkspace Workspace(Retention retention) => _workspaces[(int)retention] ??= new VisionWorkspace(Device, Config, _layers, retention);

    private void Require(ParameterVector vector)
    {
        if (!Layout.Equals(vector.Layout)) Parameters.RequireSameLayout(vector);
    }
}
