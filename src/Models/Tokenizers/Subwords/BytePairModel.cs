using MergeEngine.Models.Tokenizers.Normalization;
using MergeEngine.Models.Tokenizers.Templates;

namespace MergeEngine.Models.Tokenizers.Subwords;

/// <summary>
/// Byte-level byte-pair encoding: the bytes of a word, and neighbours merged in the order of the merges' ranks (R. Sennrich et al., "Neural Machine
/// Translation of Rare Words with Subword Units", 2016; bytes: A. Radford et al., "Language Models are Unsupervised Multitask Learners", 2019).
/// </summary>
internal sealed class BytePairModel : SubwordModel
{
    private readonly MergeTable _merges;
    private readonly DoubleArrayTrie? _whole;
    private readonly int[] _symbols;
    private readonly int _unknown;
    private readonly bool _fusesUnknown;
    private readonly OffsetTrimming _trimming;
    private readonly Dictionary<int, SpaceCount> _spaces;

    public BytePairModel(BytePairVocabulary vocabulary, OffsetTrimming trimming)
        : base(vocabulary.Tokens)
    {
        _merges = new MergeTable(vocabulary.Merges);
        _whole = vocabulary.IgnoresMerges ? DoubleArrayBuilder.Build(vocabulary.Tokens) : null;
        _symbols = SymbolsOf(vocabulary);
        _unknown = vocabulary.Unknown is { } token ? vocabulary.Tokens[token] : -1;
        _fusesUnknown = vocabulary.FusesUnknown;
        _trimming = trimming;
        _spaces = [];
        if (!trimming.IsOn) return;
        foreach ((string text, int id) in vocabulary.Tokens)
        {
            if (SpaceCount.Of(text) is var spaces && spaces != default) _spaces[id] = spaces;
        }
    }

    public override void Tokenize(TextBuffers text, int start, int end, TokenizerScratch scratch, TokenList tokens)
    {
        BytePairScratch word = scratch.BytePairs;
        int length = Spell(text, start, end, word);
        if (_whole is not null && FindWhole(word.Bytes.AsSpan(0, length)) is >= 0 and int id)
        {
            Add(id, word.Origins[0], word.Origins[length - 1] + 1, tokens);
            return;
        }

        word.Cache.Serve(this);
        bool isShort = word.Cache.TryFind(word.Bytes, length, out int place);
        if (isShort && word.Cache.CountAt(place) > 0)
        {
            AddCached(word, place, tokens);
            return;
        }

        int count = Divide(word, length, out bool isComplete);
        if (count > 1) Merge(word, count);
        if (!isComplete)
        {
            AddShifted(word, count, length, tokens);
            return;
        }

        AddAll(word, count, tokens);
        if (isShort) word.Cache.Store(place, word.Symbols, count);
    }

    /// <summary>UTF-8 of the word, with the position of each byte's code point.</summary>
    private static int Spell(TextBuffers text, int start, int end, BytePairScratch word)
    {
        word.Ensure(4L * (end - start));
        int[] points = text.Points, origins = text.Origins;
        byte[] bytes = word.Bytes;
        int[] places = word.Origins;
        int length = 0;
        for (int i = start; i < end; i++)
        {
            int point = points[i], origin = origins[i];
            if (point < 0x80)
            {
                bytes[length] = (byte)point;
                places[length++] = origin;
                continue;
            }

            int count = Utf8.Encode(point, bytes.AsSpan(length));
            places.AsSpan(length, count).Fill(origin);
            length += count;
        }

        return length;
    }

    private int FindWhole(ReadOnlySpan<byte> bytes)
    {
        int node = DoubleArrayTrie.Root;
        for (int i = 0; i < bytes.Length && node >= 0; i++) node = _whole!.StepPoint(node, ByteAlphabet.Of(bytes[i]));
        return node < 0 ? -1 : _whole!.ValueAt(node);
    }

    /// <summary>A symbol for each byte. Bytes without one become the unknown token, or are left out where there is none.</summary>
    private int Divide(BytePairScratch word, int length, out bool isComplete)
    {
        isComplete = true;
        int count = 0;
        bool wasUnknown = false;
        BytePairScratch.Symbol[] symbols = word.Symbols;
        for (int i = 0; i < length; i++)
        {
            byte value = word.Bytes[i];
            int id = _symbols[SymbolIndex(value, isFirst: i == 0, isLast: i == length - 1)];
            bool isUnknown = id < 0;
            if (isUnknown && _unknown < 0)
            {
                isComplete = false;
                continue;
            }

            int spelled = ByteAlphabet.LengthOf(value);
            if (isUnknown && wasUnknown && _fusesUnknown)
            {
                symbols[count - 1].Length++;
                symbols[count - 1].SpelledLength += spelled;
                continue;
            }

            symbols[count] = new BytePairScratch.Symbol { Id = isUnknown ? _unknown : id, Previous = count - 1, Next = count + 1, Length = 1, SpelledLength = spelled };
            count++;
            wasUnknown = isUnknown;
        }

        return count;
    }

    /// <summary>The reference's queue, entry for entry: a merge whose pair has changed counts still where the new pair gives the same result.</summary>
    private void Merge(BytePairScratch word, int count)
    {
        BytePairScratch.Symbol[] symbols = word.Symbols;
        word.ClearHeap();
        for (int i = 0; i + 1 < count; i++)
        {
            if (_merges.TryGet(symbols[i].Id, symbols[i + 1].Id, out int rank, out int result)) word.Push(rank, i, result);
        }

        while (word.TryPop(out int position, out int expected))
        {
            ref BytePairScratch.Symbol left = ref symbols[position];
            if (left.Length == 0 || left.Next >= count) continue;
            ref BytePairScratch.Symbol right = ref symbols[left.Next];
            if (!_merges.TryGet(left.Id, right.Id, out _, out int merged) || merged != expected) continue;
            left.Id = merged;
            left.Length += right.Length;
            left.SpelledLength += right.SpelledLength;
            left.Next = right.Next;
            right.Length = 0;
            if (left.Next < count) symbols[left.Next].Previous = position;
            if (left.Previous >= 0 && _merges.TryGet(symbols[left.Previous].Id, left.Id, out int rank, out int result)) word.Push(rank, left.Previous, result);
            if (left.Next < count && _merges.TryGet(left.Id, symbols[left.Next].Id, out rank, out result)) word.Push(rank, position, result);
        }
    }

    private void AddCached(BytePairScratch word, int place, TokenList tokens)
    {
        ReadOnlySpan<WordCache.Part> parts = word.Cache.PartsAt(place);
        int at = 0;
        foreach (WordCache.Part part in parts)
        {
            Add(part.Id, word.Origins[at], word.Origins[at + part.Length - 1] + 1, tokens);
            at += part.Length;
        }
    }

    private void AddAll(BytePairScratch word, int count, TokenList tokens)
    {
        int at = 0;
        for (int i = 0; i < count; i = word.Symbols[i].Next)
        {
            ref BytePairScratch.Symbol symbol = ref word.Symbols[i];
            Add(symbol.Id, word.Origins[at], word.Origins[at + symbol.Length - 1] + 1, tokens);
            at += symbol.Length;
        }
    }

    /// <summary>
    /// Where bytes were left out, the reference counts on without them: spans lie too far left, and are told in bytes of the byte alphabet.
    /// </summary>
    private void AddShifted(BytePairScratch word, int count, int length, TokenList tokens)
    {
        int spelled = 0, at = 0, before = 0;
        for (int i = 0; i < count; i = word.Symbols[i].Next)
        {
            ref BytePairScratch.Symbol symbol = ref word.Symbols[i];
            Advance(word, length, spelled, ref at, ref before);
            int first = at;
            spelled += symbol.SpelledLength;
            Advance(word, length, spelled - 1, ref at, ref before);
            Add(symbol.Id, word.Origins[first], word.Origins[at] + 1, tokens);
        }
    }

    /// <summary>Moves on to the byte of the word whose spelling holds byte <paramref name="spelled"/> of the spelled word.</summary>
    private static void Advance(BytePairScratch word, int length, int spelled, ref int at, ref int before)
    {
        while (at + 1 < length && spelled - before >= ByteAlphabet.LengthOf(word.Bytes[at])) before += ByteAlphabet.LengthOf(word.Bytes[at++]);
    }

    private void Add(int id, int start, int end, TokenList tokens)
    {
        if (_spaces.Count > 0 && _spaces.TryGetValue(id, out SpaceCount spaces)) (start, end) = _trimming.Apply(tokens.Count, start, end, spaces);
        tokens.Add(id, start, end);
    }

    private static int[] SymbolsOf(BytePairVocabulary vocabulary)
    {
        var symbols = new int[4 * 256];
        foreach (bool isFirst in (bool[])[true, false])
        {
            foreach (bool isLast in (bool[])[true, false])
            {
                for (int value = 0; value < 256; value++)
                {
                    string spelling = $"{(isFirst ? "" : vocabulary.Prefix)}{ByteAlphabet.Of((byte)value)}{(isLast ? vocabulary.Suffix : "")}";
                    symbols[SymbolIndex((byte)value, isFirst, isLast)] = vocabulary.Tokens.TryGetValue(spelling, out int id) ? id : -1;
                }
            }
        }

        return symbols;
    }

    private static int SymbolIndex(byte value, bool isFirst, bool isLast) => ((((isFirst ? 1 : 0) << 1) | (isLast ? 1 : 0)) << 8) | value;
}
