using System.Buffers.Binary;
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Tensors.Tests.Safetensors;

/// <summary>Paths that are no files, files that are too short, too long, or change while they are open.</summary>
public sealed class HostileFileTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    private void Refuses(string path, string sentence) => Refusal.Of(() => SafetensorsFile.Open(path), path, sentence);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    public void A_file_shorter_than_its_prefix_is_refused(int length)
    {
        File.WriteAllBytes(_directory["x"], new byte[length]);
        Refuses(_directory["x"], $"the file holds {(length == 1 ? "1 byte" : $"{length} bytes")}, expected at least 8 for the length of the header.");
    }

    [Theory]
    [InlineData(1UL << 63, "the header length is 9223372036854775808 bytes, expected at most 100000000.")]
    [InlineData(ulong.MaxValue, "the header length is 18446744073709551615 bytes, expected at most 100000000.")]
    [InlineData(100_000_001UL, "the header length is 100000001 bytes, expected at most 100000000.")]
    [InlineData(100_000_000UL, "the header length is 100000000 bytes, but the file holds only 2 after its first 8.")]
    [InlineData(3UL, "the header length is 3 bytes, but the file holds only 2 after its first 8.")]
    [InlineData(0UL, "the header is empty, expected a JSON object.")]
    public void A_header_length_that_lies_is_refused_without_reserving_it(ulong length, string sentence)
    {
        string path = _directory["x"];
        File.WriteAllBytes(path, RawFile.Bytes("{}"u8, [], length));
        long before = GC.GetAllocatedBytesForCurrentThread();
        Refuses(path, sentence);
        // Messages, the exception and its stack trace; the lie is up to 16 EiB.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void Ten_million_tensors_are_over_the_limit()
    {
        // Each entry takes at least 45 bytes, so the header would be 450 MB; the file is sparse.
        using (var file = File.Create(_directory["x"]))
        {
            file.Write(BitConverter.GetBytes(450_000_000UL));
            file.SetLength(450_000_008);
        }

        Refuses(_directory["x"], "the header length is 450000000 bytes, expected at most 100000000.");
    }

    [Fact]
    public void A_header_full_of_tensors_takes_memory_in_proportion_to_the_file()
    {
        const int Count = 200_000;
        var header = new StringBuilder("{");
        for (int i = 0; i < Count; i++)
            header.Append(i == 0 ? "" : ",").Append($"\"{i:x}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}");
        string path = _directory["x"];
        RawFile.Write(path, header.Append('}').ToString(), []);

        long before = GC.GetAllocatedBytesForCurrentThread();
        using var file = SafetensorsFile.Open(path);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(Count, file.Tensors.Count);
        // 55 bytes of JSON become themselves, a name, an entry, a shape and a place in the table, whose growth counts too.
        Assert.InRange(allocated, 0, 8 * file.FileLength);
    }

    [Fact]
    public void A_hundred_megabytes_of_metadata_are_read()
    {
        string path = _directory["x"];
        byte[] start = "{\"__metadata__\":{\"k\":\""u8.ToArray(), end = "\"}}"u8.ToArray();
        var header = new byte[SafetensorsHeader.MaxByteLength];
        header.AsSpan().Fill((byte)'v');
        start.CopyTo(header, 0);
        end.CopyTo(header, header.Length - end.Length);
        File.WriteAllBytes(path, RawFile.Bytes(header, []));

        long before = GC.GetAllocatedBytesForCurrentThread();
        using var file = SafetensorsFile.Open(path);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(header.Length - start.Length - end.Length, file.Metadata["k"].Length);
        // One byte becomes itself and one UTF-16 unit.
        Assert.InRange(allocated, 0, (3 * file.FileLength) + (1 << 20));
    }

    [Fact]
    public void Trailing_bytes_and_truncated_data_are_refused()
    {
        string path = _directory["x.safetensors"];
        SafetensorsWriter.Write(path, [TensorContent.FromFloat32("w", [4], new float[4])]);
        byte[] good = File.ReadAllBytes(path);
        File.WriteAllBytes(path, [.. good, (byte)'P', (byte)'K']);
        Refuses(path, "the tensors end at data byte 16, but the file holds 18 bytes of data.");
        File.WriteAllBytes(path, good[..^1]);
        Refuses(path, "tensor \"w\" has data_offsets [0, 16], but the file holds only 15 bytes of data after its header.");
    }

    [Theory]
    [InlineData("{}", 0)]
    [InlineData("  \t\r\n{}   \n", 0)]
    [InlineData("""{"__metadata__":null}""", 0)]
    [InlineData("""{"a":{"dtype":"F32","shape":[0,9223372036854775807,4],"data_offsets":[0,0]}}""", 1)]
    [InlineData("""{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"F32","shape":[3,0],"data_offsets":[0,0]}}""", 2)]
    [InlineData("""{"../x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"/etc/passwd":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}""", 2)]
    [InlineData("""{"sh\u0061pe":{"data_offsets":[0,0],"sh\u0061pe":[0],"dtype":"\u0055\u0038"}}""", 1)]
    public void What_the_reference_crate_accepts_is_accepted(string header, int tensors)
    {
        RawFile.Write(_directory["x"], header, []);
        using var file = SafetensorsFile.Open(_directory["x"]);
        Assert.Equal(tensors, file.Tensors.Count);
        Assert.All(file.Tensors, t => Assert.Equal(0, file.GetSpan(t.Name).Length));
    }

    [Fact]
    public void A_name_of_a_megabyte_is_only_a_key()
    {
        string name = new('n', 1 << 20);
        RawFile.Write(_directory["x"], $$$"""{"{{{name}}}":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", [7]);
        using var file = SafetensorsFile.Open(_directory["x"]);
        Assert.Equal(7, file.GetSpan(name)[0]);
    }

    [Fact]
    public void A_rank_at_the_bound_is_accepted()
    {
        RawFile.Write(_directory["x"], $$$"""{"a":{"dtype":"U8","shape":[{{{string.Join(',', Enumerable.Repeat(1, Shape.MaxRank))}}}],"data_offsets":[0,1]}}""", [7]);
        using var file = SafetensorsFile.Open(_directory["x"]);
        Assert.Equal(Shape.MaxRank, file["a"].Shape.Rank);
    }

    [Fact]
    public void A_file_that_is_truncated_while_open_is_reported_and_its_header_stays()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows does not let an open file be changed.");
        string path = _directory["x"];
        SafetensorsWriter.Write(path, [TensorContent.FromFloat32("w", [2, 1024], new float[2048])]);
        using var file = SafetensorsFile.Open(path);
        using (var handle = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete)) handle.SetLength(1000);
        Refusal.Of(() => file.ReadFloat32("w"), path, $"the file ends at byte 1000, but held {file.FileLength} when it was opened.");
        Assert.Equal([2L, 1024L], file["w"].Shape);
    }

    [Fact]
    public void A_file_that_is_overwritten_while_open_gives_other_values_inside_the_same_bounds()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows does not let an open file be changed.");
        string path = _directory["x"];
        SafetensorsWriter.Write(path, [TensorContent.FromFloat32("w", [4], new float[] { 1, 2, 3, 4 })]);
        using var file = SafetensorsFile.Open(path);
        byte[] garbage = new byte[file.FileLength];
        garbage.AsSpan().Fill(0x3F);
        using (var handle = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete)) handle.Write(garbage);
        float value = BitConverter.Int32BitsToSingle(0x3F3F3F3F);
        Assert.Equal([value, value, value, value], file.ReadFloat32("w"));
        Assert.Equal(16, file.GetSpan("w").Length);
        Assert.Equal(16, file["w"].ByteLength);
    }

    [Fact]
    public void A_missing_file_a_directory_and_a_bad_path_are_refused()
    {
        Refuses(_directory["none.safetensors"], "does not exist, expected a .safetensors file.");
        Refuses(_directory.Root, "is a directory, expected a .safetensors file.");
        File.WriteAllBytes(_directory["file"], [1]);
        Refuses(Path.Combine(_directory["file"], "below"), "does not exist, expected a .safetensors file.");
        var refusal = Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open("a\0b"));
        Assert.Equal("The path \"a\\u0000b\" is not valid, expected a .safetensors file.", refusal.Message);
        refusal = Assert.Throws<SafetensorsException>(() => SafetensorsFile.Open(""));
        Assert.Equal("The path \"\" is not valid, expected a .safetensors file.", refusal.Message);
    }

    [Fact]
    public void A_pipe_is_refused_without_waiting_for_its_writer()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Pipes in the file system are made with mkfifo.");
        using (var mkfifo = Process.Start("mkfifo", [_directory["pipe"]])) mkfifo.WaitForExit();
        Assert.True(File.Exists(_directory["pipe"]));
        Refuses(_directory["pipe"], "is a pipe, expected a .safetensors file.");
    }

    [Fact]
    public void Devices_and_sockets_are_refused()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The paths are those of Linux.");
        Refuses("/dev/zero", "is a device, expected a .safetensors file.");
        Refuses("/dev/null", "is a device, expected a .safetensors file.");
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(_directory["socket"]));
        Refuses(_directory["socket"], "is a socket, expected a .safetensors file.");
    }

    [Fact]
    public void Symbolic_links_are_followed_and_loops_are_refused()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Making links needs a privilege elsewhere.");
        SafetensorsWriter.Write(_directory["x"], [TensorContent.FromFloat32("w", [1], new float[] { 5 })]);
        File.CreateSymbolicLink(_directory["link"], "x");
        using (var file = SafetensorsFile.Open(_directory["link"])) Assert.Equal([5f], file.ReadFloat32("w"));
        File.CreateSymbolicLink(_directory["a"], "b");
        File.CreateSymbolicLink(_directory["b"], "a");
        Refuses(_directory["a"], "is a symbolic link that leads to itself, expected a .safetensors file.");
        File.CreateSymbolicLink(_directory["dangling"], "nowhere");
        Refuses(_directory["dangling"], "does not exist, expected a .safetensors file.");
    }

    [Fact]
    public void An_unreadable_file_is_refused()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess, "The administrator may read every file.");
        File.WriteAllBytes(_directory["x"], new byte[10]);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(_directory["x"], UnixFileMode.None);
        Refuses(_directory["x"], "may not be read by this user, expected a .safetensors file.");
    }

    [Fact]
    public void A_sparse_terabyte_opens_at_once_and_its_last_byte_is_in_reach()
    {
        const long Length = 1L << 40;
        byte[] header = Encoding.UTF8.GetBytes($$$"""{"huge":{"dtype":"F32","shape":[{{{Length / 4}}}],"data_offsets":[0,{{{Length}}}]}}""");
        string path = _directory["x"];
        try
        {
            using var sparse = File.Create(path);
            sparse.Write(RawFile.Bytes(header, []));
            sparse.SetLength(8 + header.Length + Length);
        }
        catch (IOException)
        {
            Assert.Skip("The file system has no sparse files of a terabyte.");
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        using var file = SafetensorsFile.Open(path);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.Equal(0, file.GetSpan(file["huge"], Length - 1, 1)[0]);
        var last = new float[] { 1, 1 };
        file.ReadFloat32(file["huge"], (Length / 4) - 2, last);
        Assert.Equal([0f, 0f], last);
        Refusal.Of(() => { _ = file.GetSpan("huge").Length; }, path, $"tensor \"huge\" has {Length} bytes, expected at most 2147483647 for one span.");
        Refusal.Of(() => file.ReadFloat32("huge"), path, $"tensor \"huge\" has {Length / 4} elements, expected at most {Array.MaxLength} for one array.");
    }

    [Fact]
    public void A_sparse_terabyte_of_zeros_is_refused()
    {
        try
        {
            using var sparse = File.Create(_directory["x"]);
            sparse.SetLength(1L << 40);
        }
        catch (IOException)
        {
            Assert.Skip("The file system has no sparse files of a terabyte.");
        }

        Refuses(_directory["x"], "the header is empty, expected a JSON object.");
    }

    [Fact]
    public void The_header_length_is_read_little_endian()
    {
        byte[] bytes = RawFile.Bytes("{}"u8, []);
        BinaryPrimitives.WriteUInt64BigEndian(bytes, 2);
        File.WriteAllBytes(_directory["x"], bytes);
        Refuses(_directory["x"], "the header length is 144115188075855872 bytes, expected at most 100000000.");
    }
}
