using System.Runtime.CompilerServices;

namespace MergeEngine.Models.Tokenizers.Subwords;

/// <summary>
/// Strings to numbers, walked byte by byte of their UTF-8: a double array (J. Aoe, "An efficient digital search algorithm by using a double-array
/// structure", 1989), so that a step is one read and one comparison.
/// </summary>
internal sealed class DoubleArrayTrie
{
    /// <summary>The empty string.</summary>
    public const int Root = 0;

    /// <summary>What a step gives where no string goes on so.</summary>
    public const int None = -1;

    private readonly Node[] _nodes;

    /// <param name="nodes">Built by <see cref="DoubleArrayBuilder"/>; a step from any of them stays inside.</param>
    internal DoubleArrayTrie(Node[] nodes) => _nodes = nodes;

    /// <summary>The node after one more byte, or <see cref="None"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Step(int node, byte value)
    {
        int child = _nodes[node].Base + value;
        return _nodes[child].Parent == node ? child : None;
    }

    /// <summary>The node after one more code point, or <see cref="None"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int StepPoint(int node, int point) => point < 0x80 ? Step(node, (byte)point) : StepWide(node, point);

    /// <summary>The number of the string that ends here, or a negative one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int ValueAt(int node) => _nodes[node].Value;

    private int StepWide(int node, int point)
    {
        Span<byte> bytes = stackalloc byte[4];
        int count = Utf8.Encode(point, bytes);
        for (int i = 0; i < count && node >= 0; i++) node = Step(node, bytes[i]);
        return node;
    }

    /// <summary>Children of a node lie at its base plus their byte and know their parent.</summary>
    internal struct Node
    {
        public int Base;
        public int Parent;
        public int Value;
    }
}
