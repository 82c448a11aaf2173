namespace MergeEngine.Embeddings.Tests.Support;

/// <summary>Tests that change what the whole process shares, such as its working directory, and therefore run after all others, one at a time.</summary>
[CollectionDefinition(nameof(AloneCollection), DisableParallelization = true)]
public sealed class AloneCollection;
