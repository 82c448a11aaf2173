using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Operations.Reference;

/// <content>Arithmetic on vectors in the dtypes of files: one element at a time, with the scalar conversions of the runtime and of BFloat16.</content>
public unsafe partial class ReferenceOperations
{
    protected override void ConvertCore(StoredVector output, StoredVector input)
    {
        if (output.DType == input.DType)
        {
            Buffer.MemoryCopy(input.Bytes.Pointer, output.Bytes.Pointer, input.Length * input.ElementBytes, input.Length * input.ElementBytes);
            return;
        }

        for (long i = 0; i < input.Length; i++) Store(output, i, Load(input, i));
    }

    protected override void AddWeightedSumCore(
        StoredVector output, StoredVector origin, ReadOnlySpan<StoredVector> inputs, ReadOnlySpan<float> weights, DeviceSpan<byte> mask)
    {
        for (long i = 0; i < output.Length; i++)
        {
            float sum = origin.IsNone ? weights[0] * Load(inputs[0], i) : Load(origin, i);
            if (mask.IsNone || mask.Pointer[i] != 0)
            {
                for (int k = origin.IsNone ? 1 : 0; k < inputs.Length; k++) sum = MathF.FusedMultiplyAdd(weights[k], Load(inputs[k], i), sum);
                if (float.IsNaN(sum)) sum = BitConverter.UInt32BitsToSingle(0x7FC0_0000);
            }

            Store(output, i, sum);
        }
    }

    private static float Load(StoredVector vector, long i) => vector.DType switch
    {
        DType.F32 => ((float*)vector.Bytes.Pointer)[i],
        DType.F16 => (float)((Half*)vector.Bytes.Pointer)[i],
        DType.BF16 => ((BFloat16*)vector.Bytes.Pointer)[i],
        _ => (float)((double*)vector.Bytes.Pointer)[i],
    };

    private static void Store(StoredVector vector, long i, float value)
    {
        switch (vector.DType)
        {
            case DType.F32: ((float*)vector.Bytes.Pointer)[i] = value; break;
            case DType.F16: ((Half*)vector.Bytes.Pointer)[i] = (Half)value; break;
            case DType.BF16: ((BFloat16*)vector.Bytes.Pointer)[i] = (BFloat16)value; break;
            default: ((double*)vector.Bytes.Pointer)[i] = value; break;
        }
    }
}
