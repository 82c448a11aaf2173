using System.Buffers;
using System.Runtime.InteropServices;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Profiling;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>Writes the elements of one output tensor in its type: blocks that stay in a cache while they are converted, written and hashed.</summary>
/// <param name="output">Where it goes.</param>
/// <param name="tensor">Its place there.</param>
/// <param name="nonFinite">Takes values that a merge or its rounding has made infinite or NaN.</param>
/// <param name="times">Takes the time; null where nobody asks.</param>
internal sealed class TensorWriter(OutputDirectory output, PlannedTensor tensor, NonFiniteCounts nonFinite, StageTimes? times)
{
    private const int BlockElements = 64 * 1024;

    /// <summary>Whether an earlier run has written these elements.</summary>
    public bool IsWritten(long first, long count) => output.IsWritten(tensor, BytesOf(first), BytesOf(count));

    public long BytesOf(long elements) => tensor.Tensor.DType.ByteCount(elements);

    /// <summary>Writes bytes as they are.</summary>
    /// <exception cref="SafetensorsException">The disk is full or failed.</exception>
    public void WriteBytes(long firstByte, ReadOnlySpan<byte> bytes) => output.Write(tensor, firstByte, bytes);

    /// <summary>Writes float32 values, rounded once to the tensor's type.</summary>
    /// <exception cref="SafetensorsException">The disk is full or failed; or a value is not finite, and none such are allowed.</exception>
    public void Write(long first, ReadOnlySpan<float> values)
    {
        DType type = tensor.Tensor.DType;
        int size = type.Bits() / 8;
        byte[]? rented = type == DType.F32 ? null : ArrayPool<byte>.Shared.Rent(BlockElements * size);
        while (!values.IsEmpty)
        {
            ReadOnlySpan<float> block = values[..Math.Min(BlockElements, values.Length)];
            if (rented is null)
                WriteComputed(first * size, MemoryMarshal.AsBytes(block));
            else
            {
                Span<byte> bytes = rented.AsSpan(0, block.Length * size);
                long start = StageTimes.Start(times);
                Conversion.FromSingle(block, type, bytes);
                times?.Add(MergeStage.ConvertingOutputs, start, (long)block.Length * (size + sizeof(float)));
                WriteComputed(first * size, bytes);
            }

            first += block.Length;
            values = values[block.Length..];
        }

        if (rented is not null) ArrayPool<byte>.Shared.Return(rented);
    }

    /// <summary>Writes float64 values, rounded once to the tensor's type.</summary>
    /// <exception cref="SafetensorsException">The disk is full or failed; or a value is not finite, and none such are allowed.</exception>
    public void Write(long first, ReadOnlySpan<double> values)
    {
        DType type = tensor.Tensor.DType;
        int size = type.Bits() / 8;
        byte[] rented = ArrayPool<byte>.Shared.Rent(BlockElements * sizeof(double));
        while (!values.IsEmpty)
        {
            ReadOnlySpan<double> block = values[..Math.Min(BlockElements, values.Length)];
            Span<byte> bytes = rented.AsSpan(0, block.Length * size);
            long start = StageTimes.Start(times);
            DoubleRounding.Round(block, type, bytes);
            times?.Add(MergeStage.ConvertingOutputs, start, (long)block.Length * (size + sizeof(double)));
            WriteComputed(first * size, bytes);
            first += block.Length;
            values = values[block.Length..];
        }

        ArrayPool<byte>.Shared.Return(rented);
    }

    private void WriteComputed(long firstByte, ReadOnlySpan<byte> bytes)
    {
        long start = StageTimes.Start(times);
        nonFinite.AddOutput(tensor.Tensor, NonFinite.Count(bytes, tensor.Tensor.DType));
        times?.Add(MergeStage.Checking, start, bytes.Length);
        WriteBytes(firstByte, bytes);
    }
}
