using System.Text.Json;

namespace MergeEngine.Models.Tokenizers.Lines;

/// <summary>One thread's share of a block of lines, and the memory that it uses again for the next.</summary>
internal sealed class LineEncoder(ITokenizer tokenizer, TokenizerOptions options)
{
    private const string Expected = "expected a JSON string, or an array of two for a pair";

    private readonly TokenSequence _tokens = new();
    private readonly LineBuffer _output = new();
    private ReadOnlyMemory<byte> _share;
    private char[] _first = new char[1024];
    private char[] _second = new char[1024];

    /// <summary>What came out.</summary>
    public ReadOnlySpan<byte> Written => _output.Written;

    /// <summary>Lines that were encoded.</summary>
    public long Lines { get; private set; }

    /// <summary>What is wrong with the line after them; null if nothing is.</summary>
    public string? Problem { get; private set; }

    public void Take(ReadOnlyMemory<byte> share) => _share = share;

    public void Run()
    {
        _output.Clear();
        Lines = 0;
        Problem = null;
        ReadOnlySpan<byte> rest = _share.Span;
        while (!rest.IsEmpty)
        {
            int end = rest.IndexOf((byte)'\n');
            ReadOnlySpan<byte> line = end < 0 ? rest : rest[..end];
            rest = end < 0 ? default : rest[(end + 1)..];
            Problem = Encode(line);
            if (Problem is not null) return;
            _output.Write(_tokens);
            Lines++;
        }
    }

    private string? Encode(ReadOnlySpan<byte> line)
    {
        var reader = new Utf8JsonReader(line);
        try
        {
            return Encode(ref reader);
        }
        catch (JsonException)
        {
            return $"is not JSON, {Expected}.";
        }
    }

    private string? Encode(ref Utf8JsonReader reader)
    {
        reader.Read();
        bool isPair = reader.TokenType == JsonTokenType.StartArray;
        if (isPair) reader.Read();
        if (reader.TokenType != JsonTokenType.String) return $"is {Describe(reader.TokenType, isPair)}, {Expected}.";
        int first = Text(ref reader, ref _first), second = 0;
        if (isPair)
        {
            reader.Read();
            if (reader.TokenType != JsonTokenType.String) return $"is {Describe(reader.TokenType, isPair)}, {Expected}.";
            second = Text(ref reader, ref _second);
            reader.Read();
            if (reader.TokenType != JsonTokenType.EndArray) return $"is an array of more than two, {Expected}.";
        }

        reader.Read();
        if (first < 0 || second < 0) return "is not Unicode, expected UTF-8 without halves of surrogate pairs.";
        int special = options.AddSpecialTokens ? tokenizer.SpecialTokenCount(isPair) : 0;
        if (options.MaxLength < special) return $"is a {(isPair ? "pair" : "text")}, which gets {special} special tokens, expected a longest length of at least as many.";
        if (isPair) tokenizer.Encode(_first.AsSpan(0, first), _second.AsSpan(0, second), options, _tokens);
        else tokenizer.Encode(_first.AsSpan(0, first), options, _tokens);
        return null;
    }

    /// <summary>Takes the text out of its escapes.</summary>
    /// <returns>How many UTF-16 units, or -1 if it is not Unicode.</returns>
    private static int Text(ref Utf8JsonReader reader, ref char[] buffer)
    {
        Buffers.Ensure(ref buffer, reader.ValueSpan.Length);
        try
        {
            return reader.CopyString(buffer);
        }
        catch (InvalidOperationException)
        {
            return -1;
        }
    }

    private static string Describe(JsonTokenType type, bool isInPair) => (type, isInPair) switch
    {
        (JsonTokenType.EndArray, true) => "an array of fewer than two",
        (_, true) => "an array of something else than strings",
        (JsonTokenType.StartObject, _) => "an object",
        (JsonTokenType.Number, _) => "a number",
        (JsonTokenType.Null, _) => "null",
        _ => "true or false",
    };
}
