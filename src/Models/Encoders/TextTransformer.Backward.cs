using MergeEngine.Models.Datasets;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Encoders;

/// <content>The way back, from the gradient of the features to those of the parameters.</content>
public sealed partial class TextTransformer
{
    protected override void BackwardCore(ParameterVector parameters, ParameterVector gradients, Matrix featureGradient, GradientReduction reduction)
    {
        Require(parameters);
        Require(gradients);
        if (_last.Workspace?.Retention != Retention.Backward) throw new InvalidOperationException("The last forward pass did not keep what a backward pass needs.");
        TextWorkspace workspace = _last.Workspace;
        TextBatch batch = _last.Batch;
        var pass = new BackwardPass(Device.Operations, parameters, gradients, reduction);
        Matrix gradient = Tokens(workspace.Stack.Gradients!.Hidden);
        BackwardPool(pass, gradient, featureGradient);
        _layers.Stack.Backward(pass, workspace.Tokens, workspace.Stack, batch.Rows, firstTokenOnly: false, batch.KeyMask);
        ReadOnlySpan<SampleRun> pieces = batch.Rows.Pieces(reduction);
        _layers.EmbeddingNorm?.Backward(pass, gradient, gradient, Tokens(workspace.Embedded), workspace.Statistics(_last.TokenCount), pieces);
        BackwardTable(pass, _layers.Words, batch.Ids, gradient, batch.Rows);
        if (_layers.Types is { } types) BackwardTable(pass, types, batch.Types, gradient, batch.Rows);
        BackwardTable(pass, _layers.Positions, batch.Positions, gradient, batch.Rows);
        ForgetPadding(gradients);
    }

    private void BackwardPool(in BackwardPass pass, Matrix gradient, Matrix featureGradient)
    {
        switch (Config.Pooling)
        {
            case TextPooling.Mean:
                BackwardMean(pass, gradient, featureGradient);
                break;
            case TextPooling.Pooler:
                Matrix before = Texts(_last.Workspace.Gradient), firstGradient = Texts(_last.Workspace.FirstGradient), first = Texts(_last.Workspace.First);
                pass.Operations.ActivationBackward(before.Data, featureGradient.Data, Texts(_last.Workspace.PreActivation).Data, Activation.Tanh);
                LinearPart pooler = _layers.Pooler!;
                pass.Operations.LinearBackwardWeight(pooler.WeightOf(pass.Gradients), pooler.BiasOf(pass.Gradients), before, first, pass.Reduction, 1);
                pass.Operations.LinearBackwardInput(firstGradient, before, pooler.WeightOf(pass.Parameters));
                BackwardPooledTokens(pass, gradient, firstGradient);
                break;
            case TextPooling.EndOfText:
                Matrix endGradient = Texts(_last.Workspace.FirstGradient), pooledGradient = Config.ProjectionWidth > 0 ? BackwardProjection(pass, featureGradient) : featureGradient;
                _layers.FinalNorm!.Backward(pass, endGradient, pooledGradient, Texts(_last.Workspace.First), _last.Workspace.StatisticsOfTexts(_last.Count), rowsPerSample: 1);
                BackwardPooledTokens(pass, gradient, endGradient);
                break;
            default:
                BackwardPooledTokens(pass, gradient, featureGradient);
                break;
        }
    }

    private Matrix BackwardProjection(in BackwardPass pass, Matrix outputGradient)
    {
        Matrix pooled = Texts(_last.Workspace.Pooled), pooledGradient = Texts(_last.Workspace.Gradient), weightGradient = ProjectionOf(pass.Gradients);
        // Y = X·P with P stored as [width, out]: dP = Xᵀ·dY is the weight gradient of a layer whose input is dY and whose output gradient is X.
        if (_layers.ProjectionTransposed) pass.Operations.LinearBackwardWeight(weightGradient, default, pooled, outputGradient, pass.Reduction, 1);
        else pass.Operations.LinearBackwardWeight(weightGradient, default, outputGradient, pooled, pass.Reduction, 1);
        pass.Operations.MatrixProduct(pooledGradient, outputGradient, ProjectionOf(pass.Parameters), transposeB: _layers.ProjectionTransposed);
        return pooledGradient;
    }

    private void BackwardPooledTokens(in BackwardPass pass, Matrix gradient, Matrix pooledGradient)
    {
        pass.Operations.Fill(gradient.Data, 0);
        // No two texts share a row, so that adding is writing.
        pass.Operations.EmbeddingBackward(gradient, _last.Batch.PooledRows, pooledGradient, GradientReduction.Sum, 1);
    }

    private void BackwardMean(in BackwardPass pass, Matrix gradient, Matrix featureGradient)
    {
        Matrix means = Texts(_last.Workspace.Gradient);
        pass.Operations.EmbeddingForward(means, _last.Batch.Order, featureGradient);
        DeviceSpan<int> mask = _last.Batch.KeyMask;
        foreach (SampleRun run in _last.Batch.Rows.Runs)
        {
            pass.Operations.MeanPoolBackward(
                gradient.SliceRows(run.FirstRow, run.Rows), means.SliceRows(run.FirstSample, run.Samples), 0, mask.IsNone ? default : mask.Slice(run.FirstRow, run.Rows));
        }
    }

    private void BackwardTable(in BackwardPass pass, Parameter table, DeviceSpan<int> ids, Matrix gradient, SampleRows rows)
    {
        if (pass.Reduction == GradientReduction.Sum)
        {
            // As one sample: the rows of one id are then added up among themselves before they meet the table, which loses fewer digits.
            pass.Operations.EmbeddingBackward(Table(pass.Gradients, table), ids, gradient, pass.Reduction, rows.Rows);
            return;
        }

        foreach (SampleRun piece in rows.Runs)
        {
            pass.Operations.EmbeddingBackward(
                Table(pass.Gradients, table), ids.Slice(piece.FirstRow, piece.Rows), gradient.SliceRows(piece.FirstRow, piece.Rows), pass.Reduction, piece.Tokens);
        }
    }

    /// <summary>torch's tables have a padding_idx, whose row is read like any other but not trained; so it is here, where a text shows its padding.</summary>
    private void ForgetPadding(ParameterVector gradients)
    {
        if (Config.PadId is not { } pad) return;
        Device.Operations.Fill(gradients[_layers.Words].Slice((long)pad * Config.Width, Config.Width), 0);
        if (Config.Family == TextFamily.Roberta) Device.Operations.Fill(gradients[_layers.Positions].Slice((long)pad * Config.Width, Config.Width), 0);
    }
}
