using MergeEngine.Tensors.Cpu.Vectors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu;

/// <content>Arithmetic on vectors in the dtypes of files.</content>
internal sealed unsafe partial class CpuOperations
{
    protected override void ConvertCore(StoredVector output, StoredVector input)
    {
        if (output.DType == input.DType)
        {
            VectorPass<CopyBytes>.Run(
                _device, new CopyBytes { Output = output.Bytes.Pointer, Input = input.Bytes.Pointer, ElementBytes = input.ElementBytes }, input.Length);
            return;
        }

        VectorPass<StoredSum>.Run(
            _device, new StoredSum { Output = StoredSum.Vector.Of(output), Origin = StoredSum.Vector.Of(input) }, input.Length);
    }

    protected override void AddWeightedSumCore(
        StoredVector output, StoredVector origin, ReadOnlySpan<StoredVector> inputs, ReadOnlySpan<float> weights, DeviceSpan<byte> mask)
    {
        var vectors = (StoredSum.Vector*)Scratch.Require((long)inputs.Length * sizeof(StoredSum.Vector));
        for (int k = 0; k < inputs.Length; k++) vectors[k] = StoredSum.Vector.Of(inputs[k]);
        fixed (float* factors = weights)
        {
            VectorPass<StoredSum>.Run(
                _device,
                new StoredSum
                {
                    Output = StoredSum.Vector.Of(output),
                    Origin = StoredSum.Vector.Of(origin),
                    Inputs = vectors,
                    Weights = factors,
                    Count = inputs.Length,
                    Mask = mask.Pointer,
                },
                output.Length);
        }
    }
}
