using System.Text;

namespace MergeEngine.Models.Tokenizers.Subwords;

/// <summary>Places the nodes of a <see cref="DoubleArrayTrie"/>: the children of each go to the first places where all of them are free.</summary>
internal sealed class DoubleArrayBuilder
{
    private const int Free = -1;

    /// <summary>What the root has for a parent: nothing, so that no step leads back to it.</summary>
    private const int Nobody = -2;

    private readonly (byte[] Key, int Value)[] _entries;
    private DoubleArrayTrie.Node[] _nodes;
    private int _next = 1;

    private DoubleArrayBuilder((byte[] Key, int Value)[] entries)
    {
        _entries = entries;
        _nodes = [];
        Resize(1024);
        _nodes[DoubleArrayTrie.Root].Parent = Nobody;
    }

    /// <summary>Of equal strings the last one counts; the empty string is left out.</summary>
    public static DoubleArrayTrie Build(IEnumerable<KeyValuePair<string, int>> entries)
    {
        var last = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach ((string text, int value) in entries)
        {
            if (text.Length > 0) last[text] = value;
        }

        (byte[] Key, int Value)[] sorted = [.. last.Select(entry => (Encoding.UTF8.GetBytes(entry.Key), entry.Value))];
        Array.Sort(sorted, (a, b) => a.Key.AsSpan().SequenceCompareTo(b.Key));
        return new DoubleArrayBuilder(sorted).Build();
    }

    private DoubleArrayTrie Build()
    {
        var pending = new Stack<(int Node, int From, int To, int Depth)>();
        pending.Push((DoubleArrayTrie.Root, 0, _entries.Length, 0));
        var children = new List<(byte Value, int From, int To)>();
        while (pending.TryPop(out (int Node, int From, int To, int Depth) at))
        {
            int from = at.From;
            if (from < at.To && _entries[from].Key.Length == at.Depth) _nodes[at.Node].Value = _entries[from++].Value;
            Group(children, from, at.To, at.Depth);
            if (children.Count == 0) continue;
            int start = Place(children);
            _nodes[at.Node].Base = start;
            foreach ((byte value, int first, int end) in children)
            {
                _nodes[start + value].Parent = at.Node;
                pending.Push((start + value, first, end, at.Depth + 1));
            }
        }

        return new DoubleArrayTrie(_nodes);
    }

    private void Group(List<(byte Value, int From, int To)> children, int from, int to, int depth)
    {
        children.Clear();
        for (int i = from; i < to; i++)
        {
            byte value = _entries[i].Key[depth];
            if (children.Count > 0 && children[^1].Value == value) children[^1] = (value, children[^1].From, i + 1);
            else children.Add((value, i, i + 1));
        }
    }

    /// <summary>The first base that leaves all children free places. Bases grow from where the array is nearly full, so that building stays linear.</summary>
    private int Place(List<(byte Value, int From, int To)> children)
    {
        int tried = 0;
        int first = Math.Max(_next, children[0].Value + 1);
        for (int place = first; ; place++)
        {
            if (place + 512 >= _nodes.Length) Resize(_nodes.Length * 2);
            if (_nodes[place].Parent != Free)
            {
                tried++;
                continue;
            }

            int start = place - children[0].Value;
            bool fits = true;
            for (int i = 1; i < children.Count && fits; i++) fits = _nodes[start + children[i].Value].Parent == Free;
            if (!fits)
            {
                tried++;
                continue;
            }

            // Where all but a twentieth is taken, the next search need not look again.
            if (tried > 64 && tried > (place - first) * 0.95) _next = place;
            return start;
        }
    }

    private void Resize(int size)
    {
        int old = _nodes.Length;
        Array.Resize(ref _nodes, size);
        for (int i = old; i < size; i++) _nodes[i] = new DoubleArrayTrie.Node { Parent = Free, Value = DoubleArrayTrie.None };
    }
}
