namespace MergeEngine.Tensors.Tests.Support;

/// <summary>Tests that measure the whole process and therefore run after all others, one at a time.</summary>
[CollectionDefinition(nameof(AloneCollection), DisableParallelization = true)]
public sealed class AloneCollection;
