using System.Buffers.Binary;
using System.Collections.ObjectModel;
using System.Diagnostics.CodeAnalysis;
using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace MergeEngine.Tensors.Safetensors;

/// <summary>
/// An open safetensors file. The header is copied and checked once; the data is memory-mapped for spans without a copy, and read through
/// the file descriptor where values are converted.
/// </summary>
/// <remarks>
/// Another process may change the file while it is open. The header in memory stays as it was checked. The Read methods report a file that became shorter;
/// touching a mapped span of it ends the process on Unix, as every mapping does, so prefer the Read methods for files that may be
/// rewritten in place. All methods may be called from several threads, but not while <see cref="Dispose"/> runs.
/// </remarks>
public sealed unsafe partial class SafetensorsFile : IDisposable
{
    private const string Expected = "a .safetensors file";

    // Big enough for the disk's full rate, small enough that the bytes are still in cache when they are converted.
    private const int ChunkBytes = 256 * 1024;

    private readonly SafeFileHandle _handle;
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _data;
    private bool _disposed;

    private SafetensorsFile(string path, SafeFileHandle handle, Checkpoint? like, string expected)
    {
        FilePath = path;
        _handle = handle;
        FileLength = RandomAccess.GetLength(handle);
        if (FileLength < SafetensorsHeader.PrefixLength)
            throw new SafetensorsException($"{path}: the file holds {Counting.Of(FileLength, "byte")}, expected at least 8 for the length of the header.");
        Span<byte> prefix = stackalloc byte[SafetensorsHeader.PrefixLength];
        ReadFully(prefix, 0);
        int length = SafetensorsHeader.CheckLength(BinaryPrimitives.ReadUInt64LittleEndian(prefix), FileLength, path, expected);
        Header = like?.Files.FirstOrDefault(f => HasHeaderOf(f, length))?.Header ?? ParseHeader(length, like);
        try
        {
            _map = MemoryMappedFile.CreateFromFile(handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            _view = _map.CreateViewAccessor(0, FileLength, MemoryMappedFileAccess.Read);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            _map?.Dispose();
            throw new SafetensorsException($"{path}: cannot be mapped into memory ({e.Message.TrimEnd('.')}).", e);
        }

        byte* start = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        _data = start + _view.PointerOffset + Header.DataStart;
    }

    /// <summary>Opens and checks a file.</summary>
    /// <exception cref="SafetensorsException">The path is no readable regular file, or its header breaks a rule.</exception>
    public static SafetensorsFile Open(string path) => Open(path, like: null);

    /// <summary>The same, where other things than such a file could stand at the path.</summary>
    /// <param name="path">The file.</param>
    /// <param name="expected">What the caller would have taken there: the end of the sentence where there is no file, or a text.</param>
    /// <inheritdoc cref="Open(string)" path="/exception"/>
    public static SafetensorsFile Open(string path, string expected) => Open(path, null, expected);

    /// <summary>The same, with the names that another checkpoint has in memory already, and what the caller would have taken at this path.</summary>
    internal static SafetensorsFile Open(string path, Checkpoint? like, string expected = Expected)
    {
        if (!BitConverter.IsLittleEndian) throw new PlatformNotSupportedException("Safetensors files are little-endian, and this machine is not.");
        var handle = RegularFile.OpenRead(path, expected);
        try
        {
            return new SafetensorsFile(path, handle, like, expected);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>The path as it was given.</summary>
    public string FilePath { get; }

    /// <summary>The length of the file in bytes when it was opened.</summary>
    public long FileLength { get; }

    /// <summary>The open file, for whoever reads more of it than its tensors; it is closed with this object.</summary>
    public SafeFileHandle Handle => _handle;

    public SafetensorsHeader Header { get; }

    /// <summary>Is shown all bytes that the Read methods have read, whoever reads them and while they are in a cache, with their place in the file: for hashes. From any thread; null for nobody.</summary>
    public BytesRead? Passing { get; set; }

    /// <summary>The file's <c>__metadata__</c>; empty where there is none.</summary>
    public ReadOnlyDictionary<string, string> Metadata => Header.Metadata;

    /// <summary>The tensors in the order of their data.</summary>
    public IReadOnlyList<TensorEntry> Tensors => Header.Tensors;

    public bool TryGet(string name, [NotNullWhen(true)] out TensorEntry? entry) => Header.TryGet(name, out entry);

    /// <summary>The entry of a name.</summary>
    /// <exception cref="SafetensorsException">There is no such tensor.</exception>
    public TensorEntry this[string name] => TryGet(name, out var entry)
        ? entry
        : throw new SafetensorsException($"{FilePath}: there is no tensor {Quoting.Quote(name)} among its {Tensors.Count}.");

    /// <summary>The mapped bytes of a tensor, without a copy and at any alignment; valid until the file is disposed.</summary>
    /// <exception cref="SafetensorsException">No such tensor, or one of 2 GiB and more.</exception>
    public ReadOnlySpan<byte> GetSpan(string name)
    {
        var entry = this[name];
        if (entry.ByteLength > int.MaxValue)
            throw FailAt(entry, $"has {entry.ByteLength} bytes, expected at most {int.MaxValue} for one span");
        return GetSpan(entry, 0, (int)entry.ByteLength);
    }

    /// <summary>A window of the mapped bytes of a tensor.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The window leaves the tensor.</exception>
    public ReadOnlySpan<byte> GetSpan(TensorEntry entry, long byteOffset, int length)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        RequireWithin(entry.ByteLength, byteOffset, length);
        return new ReadOnlySpan<byte>(_data + Mine(entry).Begin + byteOffset, length);
    }

    /// <summary>The mapped address of a tensor's first byte, at any alignment; <see cref="TensorEntry.ByteLength"/> bytes may be read until the file is disposed.</summary>
    public byte* GetPointer(TensorEntry entry)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _data + Mine(entry).Begin;
    }

    /// <summary>Copies bytes of a tensor of any dtype.</summary>
    /// <exception cref="SafetensorsException">The file became shorter, or the disk failed.</exception>
    public void ReadBytes(TensorEntry entry, long byteOffset, Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        RequireWithin(entry.ByteLength, byteOffset, destination.Length);
        long offset = Header.DataStart + Mine(entry).Begin + byteOffset;
        if (Passing is not { } passing)
        {
            ReadFully(destination, offset);
            return;
        }

        for (; !destination.IsEmpty; offset += ChunkBytes)
        {
            Span<byte> block = destination[..Math.Min(ChunkBytes, destination.Length)];
            ReadFully(block, offset);
            passing(offset, block);
            destination = destination[block.Length..];
        }
    }

    /// <summary>
    /// Copies bytes of a tensor if they are in the system's cache, so that looking here and there costs no disk its order. <see cref="Passing"/> is not shown them.
    /// </summary>
    /// <returns>Whether they were; false also where the system cannot tell.</returns>
    public bool TryReadCached(TensorEntry entry, long byteOffset, Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        RequireWithin(entry.ByteLength, byteOffset, destination.Length);
        return Posix.TryReadCached(_handle, destination, Header.DataStart + Mine(entry).Begin + byteOffset);
    }

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _map.Dispose();
        _handle.Dispose();
    }

    private void ReadFully(Span<byte> destination, long offset)
    {
        try
        {
            while (!destination.IsEmpty)
            {
                int read = RandomAccess.Read(_handle, destination, offset);
                if (read == 0)
                {
                    throw new SafetensorsException(
                        $"{FilePath}: the file ends at byte {RandomAccess.GetLength(_handle)}, but held {FileLength} when it was opened.");
                }

                destination = destination[read..];
                offset += read;
            }
        }
        catch (IOException e) when (e is not SafetensorsException)
        {
            throw new SafetensorsException($"{FilePath}: cannot be read at byte {offset} ({e.Message.TrimEnd('.')}).", e);
        }
    }

    /// <summary>An entry of another file would point at other bytes.</summary>
    private TensorEntry Mine(TensorEntry entry)
    {
        if (!TryGet(entry.Name, out var own) || !ReferenceEquals(own, entry))
            throw new ArgumentException($"{FilePath}: the entry {Quoting.Quote(entry.Name)} is of another file.", nameof(entry));
        return entry;
    }

    private static void RequireWithin(long available, long first, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first, available - count);
    }

    private SafetensorsException FailAt(TensorEntry entry, string complaint) =>
        new($"{FilePath}: tensor {Quoting.Quote(entry.Name)} {complaint}.");
}
