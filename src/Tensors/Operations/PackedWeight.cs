namespace MergeEngine.Tensors.Operations;

/// <summary>
/// The weight [out, in] of a linear layer in a device's own order, made by <see cref="OperationSet.PackWeight"/> for products that use it again and
/// again. It is a copy: what is written to the weight afterwards is not in it.
/// </summary>
/// <param name="Data">Holds at least <see cref="OperationSet.PackedWeightBytes"/> bytes.</param>
/// <param name="Outputs">Rows of the weight.</param>
/// <param name="Inputs">Columns of the weight.</param>
public readonly record struct PackedWeight(DeviceSpan<byte> Data, int Outputs, int Inputs);
