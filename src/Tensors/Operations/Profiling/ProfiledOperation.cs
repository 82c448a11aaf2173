namespace MergeEngine.Tensors.Operations.Profiling;

/// <summary>All calls of one operation, of products and attention those of one size.</summary>
/// <param name="Name">The method of <see cref="OperationSet"/>.</param>
/// <param name="Size">Of a product the weight's <c>[outputs, inputs]</c>, of attention <c>heads x head size</c>, else empty.</param>
/// <param name="Calls">How many.</param>
/// <param name="Seconds">All of them together, on the calling threads' clocks.</param>
/// <param name="Operations">float32 multiplications and additions of products and attention; 0 for passes over memory.</param>
/// <param name="Bytes">Read and written if every operand is touched once.</param>
public sealed record ProfiledOperation(string Name, string Size, long Calls, double Seconds, double Operations, double Bytes);
