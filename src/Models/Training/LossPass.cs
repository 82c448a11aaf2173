using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Training;

/// <summary>From a batch to the gradients of its cross-entropy: the part of a step that a device can replay, since only memory's content changes.</summary>
/// <param name="Encoder">The network.</param>
/// <param name="Head">Behind it.</param>
/// <param name="Batch">Inputs and labels.</param>
/// <param name="Parameters">The encoder's weights.</param>
/// <param name="Gradients">Of the encoder, added to.</param>
/// <param name="HeadGradients">Of the head, added to; null for a head that is a constant.</param>
/// <param name="Reduction">How the samples' gradients are put together.</param>
/// <param name="GradientScale">1/batch for the gradient of a mean loss; 1 for per-sample gradients.</param>
internal readonly record struct LossPass(
    Encoder Encoder, ClassificationHead Head, Batch Batch, ParameterVector Parameters, ParameterVector Gradients, ParameterVector? HeadGradients,
    GradientReduction Reduction, float GradientScale)
{
    /// <summary>One delegate for all, so that a step allocates none.</summary>
    public static readonly Action<LossPass> Run = static pass => pass.Launch();

    private void Launch()
    {
        Matrix logits = Head.Forward(Encoder.Forward(Parameters, Batch, keepForBackward: true));
        Encoder.Device.Operations.CrossEntropy(Head.Losses, Head.LogitsGradient, logits, Batch.Labels, GradientScale);
        Encoder.Backward(Parameters, Gradients, Head.Backward(HeadGradients, Reduction), Reduction);
    }
}
