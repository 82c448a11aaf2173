namespace MergeEngine.Tensors.Cpu.MatrixProducts;

/// <summary>Some rows of C in the columns of one panel, or of fewer.</summary>
/// <param name="Row">The first row.</param>
/// <param name="Rows">How many.</param>
/// <param name="Column">The first column.</param>
/// <param name="Columns">How many: two vectors at most.</param>
internal readonly record struct OutputPart(int Row, int Rows, int Column, int Columns)
{
    /// <summary>Some of these rows, counted from the first.</summary>
    public OutputPart SliceRows(int first, int count) => this with { Row = Row + first, Rows = count };
}
