namespace MergeEngine.Tensors.Operations.Profiling;

/// <summary>What a call has to do at least, whatever the device makes of it.</summary>
/// <param name="Operations">Multiplications and additions of products and attention; 0 for passes over memory, which are counted by their bytes.</param>
/// <param name="Bytes">Read and written if every operand is touched once.</param>
/// <param name="Outer">Calls are told apart by it: rows of a product's weight, heads of attention, 0 for others.</param>
/// <param name="Inner">Columns of the weight, width of a head, 0 for others.</param>
internal readonly record struct OperationWork(double Operations, double Bytes, int Outer = 0, int Inner = 0);
