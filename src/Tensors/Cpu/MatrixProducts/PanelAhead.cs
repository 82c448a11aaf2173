namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>What a product of one packed panel knows of those before and after it, so that each comes from memory while the one before it is multiplied.</summary>
/// <param name="Offset">Where the next panel begins, in floats from this one; 0: nowhere.</param>
/// <param name="WasAsked">Whether the call before asked for this one, whose first tile then need not.</param>
internal readonly record struct PanelAhead(nint Offset, bool WasAsked);
