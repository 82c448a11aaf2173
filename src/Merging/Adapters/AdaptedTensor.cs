using System.Buffers;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Adapters;

/// <summary>
/// A stored tensor and what an adapter does to it, in float32, then rounded to the type that the model's file has: the values of a model to which the adapter was added and
/// which was then saved. Every element is computed by itself, so that pieces of any size give the same bits.
/// </summary>
internal abstract class AdaptedTensor(Checkpoint file, TensorEntry entry, DType stored) : TensorTransform
{
    private const int RoundedAtOnce = 16384;

    private readonly SafetensorsFile _file = file.FileOf(entry.Name);

    public override long Unit => 1;

    public override long WorkingBytes => 0;

    public override long InputBytes => entry.ByteLength;

    public override IReadOnlyList<TensorSource> Others => [Part(file, entry)];

    public override void Read(long first, Span<float> destination)
    {
        _file.ReadFloat32(entry, first, destination);
        Change(first, destination);
        if (stored != DType.F32 && stored != DType.F64) Round(destination);
    }

    /// <summary>What the adapter does to a piece.</summary>
    protected abstract void Change(long first, Span<float> values);

    protected static TensorSource Part(Checkpoint checkpoint, TensorEntry part) => new(checkpoint, part.Name, part.DType);

    private void Round(Span<float> values)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(RoundedAtOnce * stored.Bits() / 8);
        for (; !values.IsEmpty;)
        {
            Span<float> piece = values[..Math.Min(values.Length, RoundedAtOnce)];
            Span<byte> bytes = buffer.AsSpan(0, piece.Length * stored.Bits() / 8);
            Conversion.FromSingle(piece, stored, bytes);
            Conversion.ToSingle(stored, bytes, piece);
            values = values[piece.Length..];
        }

        ArrayPool<byte>.Shared.Return(buffer);
    }
}

/// <summary>A tensor that the adapter holds whole.</summary>
internal sealed class WholeReplacement(Checkpoint adapter, TensorEntry entry, DType stored) : AdaptedTensor(adapter, entry, stored)
{
    protected override void Change(long first, Span<float> values)
    {
    }
}

/// <summary>b' = b + s·c.</summary>
internal sealed class BiasUpdate(Checkpoint file, TensorEntry entry, DType stored, Checkpoint adapter, TensorEntry change, double scale) : AdaptedTensor(file, entry, stored)
{
    public override long InputBytes => base.InputBytes + change.ByteLength;

    public override IReadOnlyList<TensorSource> Others => [.. base.Others, Part(adapter, change)];

    protected override void Change(long first, Span<float> values)
    {
        float[] changes = ArrayPool<float>.Shared.Rent(values.Length);
        adapter.FileOf(change.Name).ReadFloat32(change, first, changes.AsSpan(0, values.Length));
        for (int i = 0; i < values.Length; i++) values[i] = MathF.FusedMultiplyAdd((float)scale, changes[i], values[i]);
        ArrayPool<float>.Shared.Return(changes);
    }
}
