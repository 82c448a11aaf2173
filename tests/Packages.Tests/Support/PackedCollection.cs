namespace MergeEngine.Packages.Tests.Support;

/// <summary>The tests that share one set of packages, made once.</summary>
[CollectionDefinition(nameof(PackedCollection))]
public sealed class PackedCollection : ICollectionFixture<PackedPackages>;
