using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace MergeEngine.Merging.Streaming.Hashing.Sha2;

/// <summary>
/// SHA-256 of bytes that come one after the other: the system's, which knows the processor's own instructions, else <see cref="ManagedSha256"/>. On Linux
/// .NET ends the process where it finds no OpenSSL, so that it is looked for first.
/// </summary>
internal abstract class Sha256State : IDisposable
{
    public const int DigestBytes = 32;

    /// <summary>The names under which .NET looks for OpenSSL. It knows older ones too; where no other is there the managed code does as well.</summary>
    private static readonly string[] s_libraries = ["libssl.so.3", "libssl.so.1.1"];

    private static readonly Lazy<bool> s_hasSystem = new(FindSystem);

    /// <summary>A state that nothing was added to.</summary>
    public static Sha256State Create() => s_hasSystem.Value ? new SystemSha256() : new ManagedSha256();

    /// <summary>The digest of bytes that lie together.</summary>
    public static byte[] HashData(ReadOnlySpan<byte> bytes)
    {
        if (s_hasSystem.Value) return SHA256.HashData(bytes);
        using var state = new ManagedSha256();
        state.Append(bytes);
        return state.Finish();
    }

    public abstract void Append(ReadOnlySpan<byte> bytes);

    /// <summary>The digest of all bytes; nothing can be added after it.</summary>
    public abstract byte[] Finish();

    public abstract void Dispose();

    private static bool FindSystem()
    {
        if (!OperatingSystem.IsLinux() && !OperatingSystem.IsFreeBSD()) return true;
        foreach (string name in s_libraries)
        {
            // It stays loaded, as .NET would have it.
            if (NativeLibrary.TryLoad(name, out _)) return true;
        }

        return false;
    }

    private sealed class SystemSha256 : Sha256State
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        public override void Append(ReadOnlySpan<byte> bytes) => _hash.AppendData(bytes);

        public override byte[] Finish() => _hash.GetHashAndReset();

        public override void Dispose() => _hash.Dispose();
    }
}
