using System.Security.Cryptography;
using System.Text;
using MergeEngine.Merging.Streaming.Hashing.Sha2;

namespace MergeEngine.Merging.Tests.Streaming.Hashing;

/// <summary>The SHA-256 of systems without OpenSSL.</summary>
public sealed class Sha2Tests
{
    /// <summary>The examples of FIPS 180-4's test vectors (NIST, "SHA256.pdf"), and the empty text.</summary>
    [Theory]
    [InlineData("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    [InlineData("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    [InlineData("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")]
    [InlineData("a", 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")]
    public void Digests_are_those_of_the_standard(string text, int times, string expected)
    {
        using var state = new ManagedSha256();
        byte[] bytes = Encoding.ASCII.GetBytes(text);
        for (int i = 0; i < times; i++) state.Append(bytes);
        Assert.Equal(expected, Convert.ToHexStringLower(state.Finish()));
    }

    [Fact]
    public void Digests_are_those_of_the_system_for_every_length_and_cut()
    {
        var random = new Random(5);
        byte[] bytes = new byte[400];
        random.NextBytes(bytes);
        for (int length = 0; length <= bytes.Length; length++)
        {
            using var state = new ManagedSha256();
            for (int at = 0; at < length;)
            {
                int count = random.Next(Math.Min(150, length - at) + 1);
                state.Append(bytes.AsSpan(at, count));
                at += count;
            }

            Assert.Equal(SHA256.HashData(bytes.AsSpan(0, length)), state.Finish());
        }
    }

    [Fact]
    public void Whichever_there_is_gives_the_same_digest()
    {
        byte[] bytes = [1, 2, 3];
        using var state = Sha256State.Create();
        state.Append(bytes);
        Assert.Equal(SHA256.HashData(bytes), state.Finish());
        Assert.Equal(SHA256.HashData(bytes), Sha256State.HashData(bytes));
    }
}
