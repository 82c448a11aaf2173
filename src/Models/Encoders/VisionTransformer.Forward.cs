using MergeEngine.Models.Datasets;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Encoders;

/// <content>Images → patches → tokens → blocks → one row of features.</content>
public sealed partial class VisionTransformer
{
    protected override Matrix ForwardCore(ParameterVector parameters, Batch batch, bool keepForBackward)
    {
        Require(parameters);
        if (batch is not ImageBatch images) throw new ArgumentException("The batch holds no images.", nameof(batch));
        if (images.ImageShape != Config.Image) throw new ArgumentException($"The batch holds images of the shape {images.ImageShape}, expected {Config.Image}.", nameof(batch));
        if (batch.Count == 0) throw new ArgumentException("The batch is empty.", nameof(batch));
        VisionWorkspace workspace = Workspace(keepForBackward ? Retention.Backward : KeepHiddenStates ? Retention.HiddenStates : Retention.Output);
        int n = batch.Count;
        workspace.Arena.Reserve(n);
        _rows.Set(n, Config.Tokens);
        // Only the class token of the last block is read, unless someone wants to see the whole.
        bool firstTokenOnly = Config.Pooling == VisionPooling.ClassToken && !KeepHiddenStates;
        _last = new LastPass(workspace, n, KeepHiddenStates, firstTokenOnly);

        OperationSet operations = Device.Operations;
        ActivationArena arena = workspace.Arena;
        Matrix patches = PatchPixels(workspace.Patches), patchRows = PatchRows();
        operations.PatchesForward(patches, images.Images, PatchShape(n));
        _layers.Patches.Forward(operations, parameters, patchRows, patches);
        Matrix embedded = Tokens(workspace.Embedded), hidden = Tokens(workspace.Stack.Hidden[0]);
        operations.AssembleTokensForward(embedded, patchRows, Prefix(parameters), Positions(parameters), PositionStart, n);
        _layers.PreNorm?.Forward(operations, parameters, hidden, workspace.Statistics(workspace.PreNormStatistics, n * Config.Tokens), embedded);
        _layers.Stack.Forward(operations, parameters, arena, workspace.Stack, _rows, firstTokenOnly);
        Pool(operations, parameters, workspace, n);
        return Config.ProjectionWidth == 0 ? Features : Project(operations, parameters);
    }

    private void Pool(OperationSet operations, ParameterVector parameters, VisionWorkspace workspace, int n)
    {
        Matrix hidden = Tokens(workspace.Stack.Hidden[^1]), features = Features;
        switch (Config.Pooling)
        {
            case VisionPooling.ClassToken:
                _layers.FinalNorm.Forward(operations, parameters, features, workspace.Statistics(workspace.FinalStatistics, n), hidden.EveryRow(0, Config.Tokens));
                break;
            case VisionPooling.MeanThenNorm:
                Matrix pooled = workspace.Arena.Matrix(workspace.Pooled, n, Config.Width);
                operations.MeanPoolForward(pooled, hidden, Config.PrefixTokens);
                _layers.FinalNorm.Forward(operations, parameters, features, workspace.Statistics(workspace.FinalStatistics, n), pooled);
                break;
            default:
                Matrix normalized = Tokens(workspace.Normalized);
                _layers.FinalNorm.Forward(operations, parameters, normalized, workspace.Statistics(workspace.FinalStatistics, n * Config.Tokens), hidden);
                operations.MeanPoolForward(features, normalized, Config.PrefixTokens);
                break;
        }
    }

    private Matrix Project(OperationSet operations, ParameterVector parameters)
    {
        Matrix projected = ImageEmbeddings;
        operations.MatrixProduct(projected, Features, ProjectionOf(parameters), transposeB: !_layers.ProjectionTransposed);
        return projected;
    }

    /// <summary>Class and register tokens as one matrix: the class token's own parameter, or a copy beside the registers.</summary>
    private Matrix Prefix(ParameterVector parameters)
    {
        if (_layers.RegisterTokens is not { } registers) return _layers.ClassToken is { } token ? new Matrix(parameters[token], 1, Config.Width) : default;
        Matrix prefix = PrefixSlot();
        OperationSet operations = Device.Operations;
        if (_layers.ClassToken is { } classToken) operations.CopyMatrix(prefix.SliceRows(0, 1), new Matrix(parameters[classToken], 1, Config.Width));
        operations.CopyMatrix(RegisterRows(prefix), new Matrix(parameters[registers], Config.RegisterTokens, Config.Width));
        return prefix;
    }

    private Matrix RegisterRows(Matrix prefix) => prefix.SliceRows(Config.ClassToken ? 1 : 0, Config.RegisterTokens);

    private Matrix PrefixSlot() => _last.Workspace.Arena.Matrix(_last.Workspace.Prefix, Config.PrefixTokens, Config.Width);

    private Matrix Positions(ParameterVector vector) => new(vector[_layers.Positions], Config.Tokens - PositionStart, Config.Width);

    private int PositionStart => Config.PositionsCoverPrefix ? 0 : Config.PrefixTokens;

    private Matrix ProjectionOf(ParameterVector vector) => _layers.ProjectionTransposed
        ? new Matrix(vector[_layers.Projection!], Config.Width, Config.ProjectionWidth)
        : new Matrix(vector[_layers.Projection!], Config.ProjectionWidth, Config.Width);

    private Matrix Tokens(int slot) => _last.Workspace.Arena.Matrix(slot, _last.Batch * Config.Tokens, Config.Width);

    private Matrix PatchRows() => _last.Workspace.Arena.Matrix(_last.Workspace.PatchRows, _last.Batch * Config.Patches, Config.Width);

    private Matrix PatchPixels(int slot) =>
        _last.Workspace.Arena.Matrix(slot, _last.Batch * Config.Patches, Config.Image.Channels * Config.PatchSize * Config.PatchSize);

    private PatchShape PatchShape(int n) => new(n, Config.Image.Channels, Config.Image.Height, Config.Image.Width, Config.PatchSize);

    /// <summary>What the last forward pass was.</summary>
    private readonly record struct LastPass(VisionWorkspace Workspace, int Batch, bool HiddenStates, bool FirstTokenOnly);
}
