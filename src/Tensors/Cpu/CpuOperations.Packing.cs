using MergeEngine.Tensors.Cpu.Kernels;
using MergeEngine.Tensors.Cpu.MatrixProducts;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu;

/// <content>Packed weights: float32, or BF16 on a device of that precision.</content>
internal sealed unsafe partial class CpuOperations
{
    public override bool PacksWeights => true;

    private bool IsNarrow => _device.Precision == Precision.BF16;

    protected override long PackedWeightBytesCore(int outputs, int inputs)
    {
        using Leased<MatrixProduct>.Lease products = _products.Take();
        return products.Value.PackedFloats(outputs, inputs, IsNarrow) * sizeof(float);
    }

    protected override void PackWeightCore(PackedWeight packed, Matrix weight)
    {
        using Leased<MatrixProduct>.Lease products = _products.Take();
        products.Value.PackWeight(weight.Rows, weight.Columns, weight.Data.Pointer, weight.Stride, (float*)packed.Data.Pointer, IsNarrow);
    }

    protected override void LinearForwardCore(Matrix output, Matrix input, PackedWeight weight, DeviceSpan<float> bias, Activation activation)
    {
        using Leased<MatrixProduct>.Lease products = _products.Take();
        products.Value.MultiplyPacked(
            output.Rows, output.Columns, input.Columns, input.Data.Pointer, input.Stride, (float*)weight.Data.Pointer, IsNarrow,
            output.Data.Pointer, output.Stride, Epilogue.Forward(bias.Pointer, activation, null, 0));
    }
}
