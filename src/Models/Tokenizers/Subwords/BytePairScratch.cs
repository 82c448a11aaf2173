namespace MergeEngine.Models.Tokenizers.Subwords;

/// <summary>A word while its symbols merge, and the merges that wait.</summary>
internal sealed class BytePairScratch
{
    private Waiting[] _heap = new Waiting[128];
    private int _count;

    /// <summary>UTF-8 of the word.</summary>
    public byte[] Bytes = new byte[256];

    /// <summary>Where in the text the code point of each byte stands.</summary>
    public int[] Origins = new int[256];

    /// <summary>A doubly linked list in an array.</summary>
    public Symbol[] Symbols = new Symbol[256];

    /// <summary>Short words that came before.</summary>
    public WordCache Cache { get; } = new();

    public void Ensure(long bytes)
    {
        Buffers.Ensure(ref Bytes, bytes);
        Buffers.Ensure(ref Origins, bytes);
        Buffers.Ensure(ref Symbols, bytes);
    }

    public void ClearHeap() => _count = 0;

    /// <summary>Lets a merge wait for its turn: lowest rank first, then the leftmost.</summary>
    public void Push(int rank, int position, int result)
    {
        if (_count == _heap.Length) Array.Resize(ref _heap, Buffers.Grown(_count, _count + 1L));
        ulong order = ((ulong)(uint)rank << 32) | (uint)position;
        int at = _count++;
        while (at > 0)
        {
            int parent = (at - 1) >> 1;
            if (_heap[parent].Order <= order) break;
            _heap[at] = _heap[parent];
            at = parent;
        }

        _heap[at] = new Waiting { Order = order, Result = result };
    }

    public bool TryPop(out int position, out int result)
    {
        if (_count == 0)
        {
            position = result = 0;
            return false;
        }

        (position, result) = ((int)(uint)_heap[0].Order, _heap[0].Result);
        Waiting last = _heap[--_count];
        int at = 0;
        for (int child = 1; child < _count; child = (2 * at) + 1)
        {
            if (child + 1 < _count && _heap[child + 1].Order < _heap[child].Order) child++;
            if (last.Order <= _heap[child].Order) break;
            _heap[at] = _heap[child];
            at = child;
        }

        _heap[at] = last;
        return true;
    }

    /// <summary>A part of a word. <see cref="Length"/> 0: it was merged into the one before.</summary>
    public struct Symbol
    {
        public int Id;
        public int Previous;
        public int Next;

        /// <summary>Bytes of the word.</summary>
        public int Length;

        /// <summary>Bytes of the word in the byte alphabet's own UTF-8.</summary>
        public int SpelledLength;
    }

    private struct Waiting
    {
        public ulong Order;
        public int Result;
    }
}
