using System.Runtime.CompilerServices;
using MergeEngine.Tensors.Cuda.Interop;
using MergeEngine.Tensors.Cuda.Memory;

namespace MergeEngine.Tensors.Cuda;

/// <content>
/// Copies between the host and the device, in the order of the stream. An upload returns when the source may be reused, not when the device has it.
/// </content>
public sealed unsafe partial class CudaDevice
{
    /// <summary>Downloads below this size go to the caller's memory directly; the driver stages them itself.</summary>
    private const long DirectBytes = 1 << 20;

    /// <summary>For copies of spans; guarded by the gate.</summary>
    private readonly Staging _spans;

    /// <summary>For copies in pieces, which call back: guarded by a lock of its own, so that others launch while a callback reads a file.</summary>
    private readonly Staging _pieces;
    private readonly Lock _piecesLock = new();

    /// <summary>Page-locked host memory that the device holds for copies.</summary>
    internal long PinnedBytes => _spans.HeldBytes + _pieces.HeldBytes;

    /// <inheritdoc/>
    public override void Upload<T>(ReadOnlySpan<T> source, DeviceSpan<T> destination)
    {
        if (destination.Length < source.Length) throw new ArgumentException($"{source.Length} elements do not fit a device span of {destination.Length}.", nameof(destination));
        if (source.IsEmpty) return;
        CheckOwn(destination.Buffer);
        lock (Gate)
        {
            Enter();
            RequireNotRecording("An upload");
            nint target = destination.Address;
            int most = Staging.MostBytes / Unsafe.SizeOf<T>();
            for (int first = 0; first < source.Length; first += most)
            {
                ReadOnlySpan<T> piece = source.Slice(first, Math.Min(most, source.Length - first));
                int bytes = piece.Length * Unsafe.SizeOf<T>();
                piece.CopyTo(new Span<T>(_spans.Reserve(bytes), piece.Length));
                CheckUpload(_spans.Send(target, bytes, _stream), bytes);
                target += bytes;
            }
        }
    }

    /// <inheritdoc/>
    public override void Upload<T, TState>(DeviceSpan<T> destination, TState state, FillPiece<T, TState> fill)
    {
        if (destination.Length == 0) return;
        CheckOwn(destination.Buffer);
        lock (EnterPieces("An upload"))
        {
            int most = Staging.MostBytes / Unsafe.SizeOf<T>();
            for (long first = 0; first < destination.Length; first += most)
            {
                int count = (int)Math.Min(most, destination.Length - first), bytes = count * Unsafe.SizeOf<T>();
                RequireOpen();
                _context.MakeCurrent();
                var piece = new Span<T>(_pieces.Reserve(bytes), count);
                fill(piece, first, state);
                lock (Gate)
                {
                    Enter();
                    RequireNotRecording("An upload");
                    CheckUpload(_pieces.Send(destination.Address + (nint)(first * Unsafe.SizeOf<T>()), bytes, _stream), bytes);
                }
            }
        }
    }

    /// <inheritdoc/>
    public override void Download<T>(DeviceSpan<T> source, Span<T> destination)
    {
        if (source.Length < destination.Length) throw new ArgumentException($"{destination.Length} elements do not fit a device span of {source.Length}.", nameof(source));
        if (destination.IsEmpty) return;
        CheckOwn(source.Buffer);
        lock (Gate)
        {
            Enter();
            RequireNotRecording("A download");
            long total = (long)destination.Length * Unsafe.SizeOf<T>();
            if (total <= DirectBytes)
            {
                fixed (T* first = destination)
                {
                    CheckDownload(Driver.cuMemcpyDtoHAsync_v2(first, source.Address, (nuint)total, _stream), total);
                    WaitForStream();
                }

                return;
            }

            int most = Staging.MostBytes / Unsafe.SizeOf<T>();
            Fetch(_spans, 0, source, 0, most);
            for (int first = 0, index = 0; first < destination.Length; first += most, index ^= 1)
            {
                if (destination.Length - first > most) Fetch(_spans, index ^ 1, source.Slice(0, destination.Length), first + most, most);
                int count = Math.Min(most, destination.Length - first);
                new ReadOnlySpan<T>(_spans.Receive(index), count).CopyTo(destination[first..]);
            }
        }
    }

    /// <inheritdoc/>
    public override void Download<T, TState>(DeviceSpan<T> source, TState state, ReadPiece<T, TState> read)
    {
        if (source.Length == 0) return;
        CheckOwn(source.Buffer);
        lock (EnterPieces("A download"))
        {
            int most = Staging.MostBytes / Unsafe.SizeOf<T>();
            FetchInTurn(0, 0);
            int index = 0;
            for (long first = 0; first < source.Length; first += most, index ^= 1)
            {
                if (source.Length - first > most) FetchInTurn(index ^ 1, first + most);
                _context.MakeCurrent();
                read(new ReadOnlySpan<T>(_pieces.Receive(index), (int)Math.Min(most, source.Length - first)), first, state);
            }

            void FetchInTurn(int buffer, long first)
            {
                lock (Gate)
                {
                    Enter();
                    RequireNotRecording("A download");
                    Fetch(_pieces, buffer, source, first, most);
                }
            }
        }
    }

    private void Fetch<T>(Staging staging, int index, DeviceSpan<T> source, long first, int most)
        where T : unmanaged
    {
        int bytes = (int)Math.Min(most, source.Length - first) * Unsafe.SizeOf<T>();
        CheckDownload(staging.Fetch(index, source.Address + (nint)(first * Unsafe.SizeOf<T>()), bytes, _stream), bytes);
    }

    /// <summary>The lock of copies in pieces is taken before the gate, never inside of it: two threads would wait for each other.</summary>
    private Lock EnterPieces(string what)
    {
        if (Gate.IsHeldByCurrentThread) throw new InvalidOperationException($"{what} in pieces is not possible inside an operation or recorded work of '{Name}'.");
        return _piecesLock;
    }

    private void CheckUpload(CudaStatus status, long bytes)
    {
        if (status != CudaStatus.Success) CudaErrors.Throw(status, $"Copying {Bytes.Describe(bytes)} to '{Name}'");
    }

    private void CheckDownload(CudaStatus status, long bytes)
    {
        if (status != CudaStatus.Success) CudaErrors.Throw(status, $"Copying {Bytes.Describe(bytes)} from '{Name}'");
    }

    private void CheckOwn(DeviceBuffer buffer)
    {
        if (!ReferenceEquals(buffer.Device, this)) throw new ArgumentException($"The memory is of {DescribeOther(buffer.Device)}, the copy was asked of '{Name}'.");
    }
}
