using MergeEngine.Tensors;

namespace MergeEngine.Merging.Methods;

/// <summary>What a method must know of a merge before it sees the first element.</summary>
/// <param name="Device">Where the chunks lie.</param>
/// <param name="TaskCount">K: task vectors in every chunk.</param>
/// <param name="ParameterCount">d: elements that are parameters, alignment gaps left out.</param>
/// <param name="HasGradients">Whether the chunks carry a mean |gradient| for every task.</param>
public sealed record MergeShape(Device Device, int TaskCount, long ParameterCount, bool HasGradients);
