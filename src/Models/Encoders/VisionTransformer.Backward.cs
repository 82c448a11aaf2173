using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Encoders;

/// <content>The way back, from the gradient of the features to those of the parameters and, if wanted, of the pixels.</content>
public sealed partial class VisionTransformer
{
    protected override void BackwardCore(ParameterVector parameters, ParameterVector gradients, Matrix featureGradient, GradientReduction reduction) =>
        Backward(parameters, gradients, featureGradient, reduction, default);

    /// <summary>As <see cref="Encoder.Backward"/>, with the gradient of the pixels too.</summary>
    /// <param name="parameters">The weights of the forward pass.</param>
    /// <param name="gradients">Added to.</param>
    /// <param name="featureGradient">[batch, feature width]; its content may be gone afterwards.</param>
    /// <param name="reduction">How the samples' gradients are put together.</param>
    /// <param name="imageGradient">[batch, channels, height, width], overwritten with the gradient of the pixels; <c>default</c> for none.</param>
    public void Backward(ParameterVector parameters, ParameterVector gradients, Matrix featureGradient, GradientReduction reduction, DeviceSpan<float> imageGradient)
    {
        using EncoderUse use = Use();
        Require(parameters);
        Require(gradients);
        if (_last.Workspace?.Retention != Retention.Backward) throw new InvalidOperationException("The last forward pass did not keep what a backward pass needs.");
        VisionWorkspace workspace = _last.Workspace;
        int n = _last.Batch;
        OperationSet operations = Device.Operations;
        var pass = new BackwardPass(operations, parameters, gradients, reduction);
        if (Config.ProjectionWidth > 0) featureGradient = BackwardProjection(pass, featureGradient);
        BackwardPool(pass, featureGradient);
        _layers.Stack.Backward(pass, workspace.Arena, workspace.Stack, _rows, _last.FirstTokenOnly);

        Matrix hidden = Tokens(workspace.Stack.Gradients!.Hidden), patchRows = PatchRows();
        _layers.PreNorm?.Backward(
            pass, hidden, hidden, Tokens(workspace.Embedded), workspace.Statistics(workspace.PreNormStatistics, n * Config.Tokens), Config.Tokens);
        BackwardTokens(pass, hidden, patchRows);
        Matrix pixels = PatchPixels(workspace.Patches);
        _layers.Patches.BackwardWeight(pass, patchRows, pixels, Config.Patches);
        if (imageGradient.IsNone) return;
        Matrix pixelGradient = PatchPixels(workspace.PatchGradient);
        _layers.Patches.BackwardInput(pass, pixelGradient, patchRows);
        operations.PatchesBackward(imageGradient, pixelGradient, PatchShape(n));
    }

    private Matrix BackwardProjection(in BackwardPass pass, Matrix outputGradient)
    {
        Matrix features = Features, weight = ProjectionOf(pass.Parameters), weightGradient = ProjectionOf(pass.Gradients);
        Matrix inputGradient = _last.Workspace.Arena.Matrix(_last.Workspace.FeatureGradient, _last.Batch, Config.Width);
        // Y = X·P with P stored as [width, out]: dP = Xᵀ·dY is the weight gradient of a layer whose input is dY and whose output gradient is X.
        if (_layers.ProjectionTransposed) pass.Operations.LinearBackwardWeight(weightGradient, default, features, outputGradient, pass.Reduction, 1);
        else pass.Operations.LinearBackwardWeight(weightGradient, default, outputGradient, features, pass.Reduction, 1);
        pass.Operations.MatrixProduct(inputGradient, outputGradient, weight, transposeB: _layers.ProjectionTransposed);
        return inputGradient;
    }

    private void BackwardPool(in BackwardPass pass, Matrix featureGradient)
    {
        VisionWorkspace workspace = _last.Workspace;
        int n = _last.Batch;
        Matrix gradient = Tokens(workspace.Stack.Gradients!.Hidden), hidden = Tokens(workspace.Stack.Hidden[^1]);
        switch (Config.Pooling)
        {
            case VisionPooling.ClassToken:
                pass.Operations.Fill(gradient.Data, 0);
                _layers.FinalNorm.Backward(
                    pass, gradient.EveryRow(0, Config.Tokens), featureGradient, hidden.EveryRow(0, Config.Tokens), workspace.Statistics(workspace.FinalStatistics, n), 1);
                break;
            case VisionPooling.MeanThenNorm:
                Matrix pooled = workspace.Arena.Matrix(workspace.Pooled, n, Config.Width);
                _layers.FinalNorm.Backward(pass, featureGradient, featureGradient, pooled, workspace.Statistics(workspace.FinalStatistics, n), 1);
                pass.Operations.MeanPoolBackward(gradient, featureGradient, Config.PrefixTokens);
                break;
            default:
                pass.Operations.MeanPoolBackward(gradient, featureGradient, Config.PrefixTokens);
                _layers.FinalNorm.Backward(pass, gradient, gradient, hidden, workspace.Statistics(workspace.FinalStatistics, n * Config.Tokens), Config.Tokens);
                break;
        }
    }

    private void BackwardTokens(in BackwardPass pass, Matrix hidden, Matrix patchRows)
    {
        Matrix prefix = default;
        if (_layers.RegisterTokens is not null)
        {
            prefix = PrefixSlot();
            pass.Operations.Fill(prefix.Data, 0);
        }
        else if (_layers.ClassToken is { } token)
        {
            prefix = new Matrix(pass.Gradients[token], 1, Config.Width);
        }

        pass.Operations.AssembleTokensBackward(patchRows, prefix, Positions(pass.Gradients), hidden, PositionStart, pass.Reduction, _last.Batch);
        if (_layers.RegisterTokens is not { } registers) return;
        if (_layers.ClassToken is { } classToken)
            pass.Operations.CopyMatrix(new Matrix(pass.Gradients[classToken], 1, Config.Width), prefix.SliceRows(0, 1), accumulate: true);
        pass.Operations.CopyMatrix(new Matrix(pass.Gradients[registers], Config.RegisterTokens, Config.Width), RegisterRows(prefix), accumulate: true);
    }
}
