using System.Buffers.Binary;
using System.Numerics;

namespace MergeEngine.Merging.Streaming.Hashing.Sha2;

/// <summary>SHA-256 (FIPS 180-4, section 6.2) on 32-bit words, which any processor has.</summary>
internal sealed class ManagedSha256 : Sha256State
{
    private const int BlockBytes = 64, Rounds = 64, LengthBytes = 8;

    /// <summary>Section 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes.</summary>
    private static readonly uint[] s_constants =
    [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
        0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
        0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    ];

    /// <summary>Section 5.3.3, H(0) to begin with.</summary>
    private readonly uint[] _state = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

    private readonly byte[] _block = new byte[BlockBytes];
    private ulong _length;

    private int Pending => (int)(_length % BlockBytes);

    public override void Append(ReadOnlySpan<byte> bytes)
    {
        int pending = Pending;
        _length += (ulong)bytes.Length;
        if (pending > 0)
        {
            int count = Math.Min(BlockBytes - pending, bytes.Length);
            bytes[..count].CopyTo(_block.AsSpan(pending));
            if (pending + count < BlockBytes) return;
            Compress(_block);
            bytes = bytes[count..];
        }

        for (; bytes.Length >= BlockBytes; bytes = bytes[BlockBytes..]) Compress(bytes[..BlockBytes]);
        bytes.CopyTo(_block);
    }

    public override byte[] Finish()
    {
        ulong bits = _length * 8;
        // Section 5.1.1: one bit, zeros, and the length in bits as the last eight bytes of a block.
        int zeros = (((2 * BlockBytes) - LengthBytes - 1 - Pending) % BlockBytes) + 1;
        Span<byte> padding = stackalloc byte[BlockBytes + LengthBytes];
        padding.Clear();
        padding[0] = 0x80;
        BinaryPrimitives.WriteUInt64BigEndian(padding[zeros..], bits);
        Append(padding[..(zeros + LengthBytes)]);
        byte[] digest = new byte[DigestBytes];
        for (int i = 0; i < _state.Length; i++) BinaryPrimitives.WriteUInt32BigEndian(digest.AsSpan(4 * i), _state[i]);
        return digest;
    }

    public override void Dispose()
    {
    }

    /// <summary>Section 6.2.2, with the names of its variables.</summary>
    private void Compress(ReadOnlySpan<byte> block)
    {
        Span<uint> w = stackalloc uint[Rounds];
        for (int t = 0; t < 16; t++) w[t] = BinaryPrimitives.ReadUInt32BigEndian(block[(4 * t)..]);
        for (int t = 16; t < Rounds; t++)
        {
            uint before = w[t - 15], last = w[t - 2];
            uint sigma0 = BitOperations.RotateRight(before, 7) ^ BitOperations.RotateRight(before, 18) ^ (before >> 3);
            uint sigma1 = BitOperations.RotateRight(last, 17) ^ BitOperations.RotateRight(last, 19) ^ (last >> 10);
            w[t] = sigma1 + w[t - 7] + sigma0 + w[t - 16];
        }

        uint a = _state[0], b = _state[1], c = _state[2], d = _state[3], e = _state[4], f = _state[5], g = _state[6], h = _state[7];
        for (int t = 0; t < Rounds; t++)
        {
            uint sum1 = BitOperations.RotateRight(e, 6) ^ BitOperations.RotateRight(e, 11) ^ BitOperations.RotateRight(e, 25);
            uint sum0 = BitOperations.RotateRight(a, 2) ^ BitOperations.RotateRight(a, 13) ^ BitOperations.RotateRight(a, 22);
            uint t1 = h + sum1 + ((e & f) ^ (~e & g)) + s_constants[t] + w[t];
            uint t2 = sum0 + ((a & b) ^ (a & c) ^ (b & c));
            (h, g, f, e, d, c, b, a) = (g, f, e, d + t1, c, b, a, t1 + t2);
        }

        _state[0] += a;
        _state[1] += b;
        _state[2] += c;
        _state[3] += d;
        _state[4] += e;
        _state[5] += f;
        _state[6] += g;
        _state[7] += h;
    }
}
