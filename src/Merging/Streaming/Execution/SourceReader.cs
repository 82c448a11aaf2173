using System.Buffers;
using System.Runtime.InteropServices;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Streaming.Profiling;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>Reads elements of one source: stored bytes in blocks that stay in a cache while they are hashed, converted and rounded.</summary>
internal sealed class SourceReader
{
    private const int BlockBytes = 256 * 1024;

    private readonly TensorSource _source;
    private readonly SafetensorsFile _file;
    private readonly TensorEntry _entry;
    private readonly StageTimes? _times;
    private readonly bool _rounds;

    /// <param name="source">The tensor.</param>
    /// <param name="times">Takes the time; null where nobody asks.</param>
    public SourceReader(TensorSource source, StageTimes? times = null)
    {
        (_source, _times) = (source, times);
        _file = source.Checkpoint.FileOf(source.Tensor);
        _entry = _file[source.Tensor];

        // A transform's values are float32; of stored ones those of the type itself are rounded already.
        _rounds = source.DType is DType.F16 or DType.BF16 && (source.Transform is not null || _entry.DType != source.DType);
    }

    /// <summary>The type in the file; what a transform makes is float32.</summary>
    public DType Stored => _source.Transform is null ? _entry.DType : DType.F32;

    /// <summary>Whether the file has given its bytes before, so that they most likely come from the system's cache.</summary>
    public bool IsAgain { get; set; }

    /// <summary>Pieces that are asked for start and end at multiples of this.</summary>
    public long Unit => _source.Transform?.Unit ?? 1;

    /// <summary>Bytes of the file that so many elements take.</summary>
    public long BytesOf(long elements) => _entry.DType.ByteCount(elements);

    /// <summary>Bytes of the tensor as they are.</summary>
    /// <exception cref="SafetensorsException">The file cannot be read.</exception>
    public void ReadBytes(long firstByte, Span<byte> destination)
    {
        long start = StageTimes.Start(_times);
        _file.ReadBytes(_entry, firstByte, destination);
        _times?.Add(IsAgain ? MergeStage.ReadingAgain : MergeStage.Reading, start, destination.Length);
    }

    /// <summary>Elements as float32, rounded to the source's type.</summary>
    /// <exception cref="SafetensorsException">The file cannot be read.</exception>
    public void Read(long first, Span<float> destination)
    {
        if (_source.Transform is { } transform)
        {
            long start = StageTimes.Start(_times);
            transform.Read(first, destination);
            Round(destination);
            _times?.Add(MergeStage.Transforming, start, sizeof(float) * (long)destination.Length);
        }
        else if (_entry.DType == DType.F32)
        {
            ReadBytes(first * sizeof(float), MemoryMarshal.AsBytes(destination));
            if (_rounds) Convert(destination, sizeof(float), default);
        }
        else
        {
            int size = _entry.DType.Bits() / 8;
            byte[] rented = ArrayPool<byte>.Shared.Rent(BlockBytes);
            while (!destination.IsEmpty)
            {
                Span<float> block = destination[..Math.Min(BlockBytes / size, destination.Length)];
                Span<byte> bytes = rented.AsSpan(0, block.Length * size);
                ReadBytes(first * size, bytes);
                Convert(block, size, bytes);
                first += block.Length;
                destination = destination[block.Length..];
            }

            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>Elements at several places, as <see cref="Read(long, Span{float})"/> gives them, if nobody has to wait for a disk.</summary>
    /// <param name="places">Where they begin.</param>
    /// <param name="destination">As many elements from each place as it has room for, one place behind the other.</param>
    /// <returns>False if some are not in the system's cache, or are computed.</returns>
    public bool TryReadCached(ReadOnlySpan<long> places, Span<float> destination)
    {
        if (_source.Transform is not null || places.IsEmpty) return false;
        int piece = destination.Length / places.Length, size = _entry.DType.Bits() / 8;
        bool isStored = _entry.DType == DType.F32;
        Span<byte> stored = isStored ? default : stackalloc byte[piece * size];
        for (int i = 0; i < places.Length; i++)
        {
            Span<float> values = destination.Slice(i * piece, piece);
            Span<byte> bytes = isStored ? MemoryMarshal.AsBytes(values) : stored;
            if (!_file.TryReadCached(_entry, places[i] * size, bytes)) return false;
            if (!isStored) Conversion.ToSingle(_entry.DType, stored, values);
        }

        Round(destination);
        return true;
    }

    /// <summary>Elements as float64, rounded to the source's type.</summary>
    /// <exception cref="SafetensorsException">The file cannot be read.</exception>
    public void Read(long first, Span<double> destination)
    {
        if (_source.Transform is null && _entry.DType == DType.F64 && _source.DType == DType.F64)
        {
            const int Piece = 1 << 20;
            for (; !destination.IsEmpty; first += Piece)
            {
                Span<double> piece = destination[..Math.Min(Piece, destination.Length)];
                ReadBytes(first * sizeof(double), MemoryMarshal.AsBytes(piece));
                destination = destination[piece.Length..];
            }

            return;
        }

        long unit = Unit;
        var values = new float[Math.Min(destination.Length, Math.Max(BlockBytes / sizeof(float) / unit, 1) * unit)];
        while (!destination.IsEmpty)
        {
            Span<double> piece = destination[..Math.Min(values.Length, destination.Length)];
            Read(first, values.AsSpan(0, piece.Length));
            DoubleConversion.FromSingle(values.AsSpan(0, piece.Length), piece);
            first += piece.Length;
            destination = destination[piece.Length..];
        }
    }

    /// <summary>Converts stored bytes, where there are some, and rounds.</summary>
    private void Convert(Span<float> values, int size, ReadOnlySpan<byte> stored)
    {
        long start = StageTimes.Start(_times);
        if (!stored.IsEmpty) Conversion.ToSingle(_entry.DType, stored, values);
        Round(values);
        _times?.Add(MergeStage.ConvertingInputs, start, (long)values.Length * (size + sizeof(float)));
    }

    private void Round(Span<float> values)
    {
        if (!_rounds) return;
        const int Block = 4096;
        Span<byte> bytes = stackalloc byte[Block * 2];
        while (!values.IsEmpty)
        {
            Span<float> block = values[..Math.Min(Block, values.Length)];
            Span<byte> rounded = bytes[..(block.Length * 2)];
            Conversion.FromSingle(block, _source.DType, rounded);
            Conversion.ToSingle(_source.DType, rounded, block);
            values = values[block.Length..];
        }
    }
}
