using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Encoders;

/// <summary>What every layer's backward step needs: the weights, where gradients are added, and how samples are put together.</summary>
/// <param name="Operations">The device's operations.</param>
/// <param name="Parameters">The weights of the forward pass.</param>
/// <param name="Gradients">Added to.</param>
/// <param name="Reduction">How samples are put together.</param>
internal readonly record struct BackwardPass(OperationSet Operations, ParameterVector Parameters, ParameterVector Gradients, GradientReduction Reduction);
