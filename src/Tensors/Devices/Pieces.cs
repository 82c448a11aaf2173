namespace MergeEngine.Tensors;

/// <summary>Writes one piece of what is copied to a device.</summary>
/// <typeparam name="T">Element type.</typeparam>
/// <typeparam name="TState">What the callback needs.</typeparam>
/// <param name="piece">To be filled; what it holds before is undefined.</param>
/// <param name="first">Index of its first element within the whole.</param>
/// <param name="state">As given to the copy.</param>
public delegate void FillPiece<T, in TState>(Span<T> piece, long first, TState state)
    where T : unmanaged;

/// <summary>Reads one piece of what is copied from a device.</summary>
/// <inheritdoc cref="FillPiece{T, TState}"/>
public delegate void ReadPiece<T, in TState>(ReadOnlySpan<T> piece, long first, TState state)
    where T : unmanaged;
