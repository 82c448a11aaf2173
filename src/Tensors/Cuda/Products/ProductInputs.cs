namespace MergeEngine.Tensors.Cuda.Products;

/// <summary>The operands of a product in the precision that it is computed in.</summary>
/// <param name="SourceA">The first matrix as the caller gave it.</param>
/// <param name="SourceB">The second one.</param>
/// <param name="A">The first matrix, or its rounded copy.</param>
/// <param name="B">The second one.</param>
/// <param name="More">Working memory for what comes after the product.</param>
internal readonly record struct ProductInputs(ProductOperand SourceA, ProductOperand SourceB, ProductOperand A, ProductOperand B, nint More);
