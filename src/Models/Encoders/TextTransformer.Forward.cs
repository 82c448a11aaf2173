using MergeEngine.Models.Datasets;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Encoders;

/// <content>Token ids → embeddings → blocks → one row of features.</content>
public sealed partial class TextTransformer
{
    protected override Matrix ForwardCore(ParameterVector parameters, Batch batch, bool keepForBackward)
    {
        Require(parameters);
        if (batch is not TextBatch text) throw new ArgumentException("The batch holds no texts.", nameof(batch));
        if (text.Limits != Config.Limits) throw new ArgumentException($"The batch holds tokens for a model with {text.Limits}, expected {Config.Limits}.", nameof(batch));
        if (text.Count == 0) throw new ArgumentException("The batch is empty.", nameof(batch));
        TextWorkspace workspace = Workspace(keepForBackward ? Retention.Backward : KeepHiddenStates ? Retention.HiddenStates : Retention.Output);
        workspace.Reserve(text.TokenCount, text.Count);
        _last = new LastPass(workspace, parameters, text, text.Count, text.TokenCount, KeepHiddenStates);

        OperationSet operations = Device.Operations;
        Matrix embedded = Tokens(workspace.Embedded);
        operations.EmbeddingForward(embedded, text.Ids, Table(parameters, _layers.Words));
        if (_layers.Types is { } types) operations.EmbeddingForward(embedded, text.Types, Table(parameters, types), accumulate: true);
        operations.EmbeddingForward(embedded, text.Positions, Table(parameters, _layers.Positions), accumulate: true);
        _layers.EmbeddingNorm?.Forward(operations, parameters, Tokens(workspace.Stack.Hidden[0]), workspace.Statistics(text.TokenCount), embedded);
        _layers.Stack.Forward(operations, parameters, workspace.Tokens, workspace.Stack, text.Rows, firstTokenOnly: false, text.KeyMask);
        return Config.Pooling switch
        {
            TextPooling.Mean => MeanPool(),
            TextPooling.Pooler => Pool(_layers.Pooler!, parameters),
            TextPooling.EndOfText => Project(_layers.FinalNorm!, parameters),
            _ => PooledTokens(),
        };
    }

    /// <summary>[texts, width]: the token of each text that stands for the whole, as the last block made it.</summary>
    private Matrix PooledTokens()
    {
        Matrix first = Texts(_last.Workspace.First);
        Device.Operations.EmbeddingForward(first, _last.Batch.PooledRows, LastHidden);
        return first;
    }

    /// <summary>A LayerNorm works on each row alone, so that only the rows that are read need it.</summary>
    private Matrix Project(LayerNorm finalNorm, ParameterVector parameters)
    {
        Matrix pooled = Texts(_last.Workspace.Pooled);
        finalNorm.Forward(Device.Operations, parameters, pooled, _last.Workspace.StatisticsOfTexts(_last.Count), PooledTokens());
        if (Config.ProjectionWidth == 0) return pooled;
        Device.Operations.MatrixProduct(Projected, pooled, ProjectionOf(parameters), transposeB: !_layers.ProjectionTransposed);
        return Projected;
    }

    private Matrix Normalize(LayerNorm finalNorm)
    {
        Matrix normalized = Tokens(_last.Workspace.Normalized);
        finalNorm.Forward(Device.Operations, _last.Parameters, normalized, default, LastHidden);
        return normalized;
    }

    private Matrix Pool(LinearPart pooler, ParameterVector parameters)
    {
        Matrix pooled = Texts(_last.Workspace.Pooled), before = _last.Workspace.PreActivation < 0 ? default : Texts(_last.Workspace.PreActivation);
        Device.Operations.LinearForward(pooled, PooledTokens(), pooler.WeightOf(parameters), pooler.BiasOf(parameters), Activation.Tanh, before);
        return pooled;
    }

    private Matrix MeanPool()
    {
        OperationSet operations = Device.Operations;
        Matrix means = Texts(_last.Workspace.Means), pooled = Texts(_last.Workspace.MeanPooled), sequence = SequenceOutput;
        DeviceSpan<int> mask = _last.Batch.KeyMask;
        foreach (SampleRun run in _last.Batch.Rows.Runs)
        {
            operations.MeanPoolForward(
                means.SliceRows(run.FirstSample, run.Samples), sequence.SliceRows(run.FirstRow, run.Rows), 0, mask.IsNone ? default : mask.Slice(run.FirstRow, run.Rows));
        }

        operations.EmbeddingForward(pooled, _last.Batch.Places, means);
        return pooled;
    }

    private Matrix LastHidden => Tokens(_last.Workspace.Stack.Hidden[^1]);

    private Matrix Projected => _last.Workspace.Texts.Matrix(_last.Workspace.Projected, _last.Count, Config.ProjectionWidth);

    private Matrix ProjectionOf(ParameterVector vector) => _layers.ProjectionTransposed
        ? new Matrix(vector[_layers.Projection!], Config.Width, Config.ProjectionWidth)
        : new Matrix(vector[_layers.Projection!], Config.ProjectionWidth, Config.Width);

    private Matrix Table(ParameterVector vector, Parameter table) => new(vector[table], checked((int)table.Shape[0]), Config.Width);

    private Matrix Tokens(int slot) => _last.Workspace.Tokens.Matrix(slot, _last.TokenCount, Config.Width);

    private Matrix Texts(int slot) => _last.Workspace.Texts.Matrix(slot, _last.Count, Config.Width);

    /// <summary>What the last forward pass was.</summary>
    private readonly record struct LastPass(TextWorkspace Workspace, ParameterVector Parameters, TextBatch Batch, int Count, int TokenCount, bool HiddenStates);
}
