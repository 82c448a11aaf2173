using System.Collections.ObjectModel;
using System.Text.Json;
using System.Text.Unicode;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Tensors.Safetensors;

/// <summary>
/// One pass over the JSON of a header. Every token's type is checked where it stands, so nothing nests deeper than the format does, and
/// memory grows only with entries that the bytes really hold.
/// </summary>
internal ref struct HeaderParser
{
    private const string MetadataKey = "__metadata__";

    private readonly ReadOnlySpan<byte> _json;
    private readonly long _dataLength;
    private readonly string _file;
    private readonly Checkpoint? _like;
    private readonly Dictionary<string, TensorEntry> _byName = new(StringComparer.Ordinal);
    private Dictionary<string, string>? _metadata;
    private Shape _lastShape;
    private Utf8JsonReader _reader;

    public HeaderParser(ReadOnlySpan<byte> json, long fileLength, string file, Checkpoint? like)
    {
        _json = json;
        _file = file;
        _like = like;
        _dataLength = fileLength - SafetensorsHeader.PrefixLength - json.Length;
        _reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 8 });
    }

    public SafetensorsHeader Parse()
    {
        if (_dataLength < 0) throw Fail($"the header is {_json.Length} bytes long and does not fit the file");
        if (_json.IsEmpty) throw Fail("the header is empty, expected a JSON object");
        if (!Utf8.IsValid(_json)) throw Fail("the header is not UTF-8");
        if (_json.StartsWith("\uFEFF"u8)) throw Fail("the header starts with a byte order mark, expected a JSON object");
        try
        {
            ReadTop();
        }
        catch (JsonException e)
        {
            throw new SafetensorsException(
                $"{_file}: the header is not valid JSON near its byte {_reader.BytesConsumed}, expected one object of tensors.", e);
        }

        var tensors = _byName.Values.ToArray();
        Array.Sort(tensors, ByPosition);
        CheckCover(tensors);
        _byName.TrimExcess();
        return new SafetensorsHeader(new ReadOnlyDictionary<string, string>(_metadata ?? []), tensors, _byName, _json.Length);
    }

    private void ReadTop()
    {
        _reader.Read();
        if (_reader.TokenType != JsonTokenType.StartObject) throw Fail($"the header is {Describe()}, expected a JSON object");
        bool metadataSeen = false;
        while (Next() == JsonTokenType.PropertyName)
        {
            string name = ReadName();
            if (name == MetadataKey)
            {
                if (metadataSeen) throw Fail("__metadata__ stands twice in the header");
                metadataSeen = true;
                ReadMetadata();
                continue;
            }

            if (CheckName(name) is string complaint) throw Fail(complaint);
            var entry = ReadTensor(name);
            if (!_byName.TryAdd(name, entry)) throw Fail($"tensor {Quoting.Quote(name)} stands twice in the header");
        }

        _reader.Read(); // Refuses anything but white space after the object.
    }

    /// <summary>What is wrong with a tensor's name, or null.</summary>
    internal static string? CheckName(string name)
    {
        if (name.Length == 0) return "a tensor has an empty name";
        return name.Contains('\0') ? $"the tensor name {Quoting.Quote(name)} holds a NUL character" : null;
    }

    private void ReadMetadata()
    {
        // The crate's field is optional, and null is its absent value.
        if (Next() == JsonTokenType.Null) return;
        if (_reader.TokenType != JsonTokenType.StartObject)
            throw Fail($"__metadata__ is {Describe()}, expected an object that maps strings to strings");
        _metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        while (Next() == JsonTokenType.PropertyName)
        {
            string key = ReadString("a key of __metadata__");
            if (Next() != JsonTokenType.String)
                throw Fail($"the value of {Quoting.Quote(key)} in __metadata__ is {Describe()}, expected a string");
            string value = ReadString("in __metadata__ the value of", key);
            if (!_metadata.TryAdd(key, value)) throw Fail($"{Quoting.Quote(key)} stands twice in __metadata__");
        }
    }

    private TensorEntry ReadTensor(string name)
    {
        if (Next() != JsonTokenType.StartObject)
            throw FailAt(name, $"is {Describe()}, expected an object with dtype, shape and data_offsets");
        DType? dtype = null;
        Shape? shape = null;
        (ulong Begin, ulong End)? range = null;
        while (Next() == JsonTokenType.PropertyName)
        {
            bool twice;
            switch (ReadField(name))
            {
                case Field.DType:
                    twice = dtype is not null;
                    dtype = ReadDType(name);
                    break;
                case Field.Shape:
                    twice = shape is not null;
                    shape = ReadShape(name);
                    break;
                default:
                    twice = range is not null;
                    range = ReadOffsets(name);
                    break;
            }

            if (twice) throw FailAt(name, "has a field twice, expected dtype, shape and data_offsets once each");
        }

        if (dtype is null) throw FailAt(name, "has no dtype");
        if (shape is null) throw FailAt(name, "has no shape");
        if (range is null) throw FailAt(name, "has no data_offsets");
        return Check(name, dtype.Value, shape.Value, range.Value.Begin, range.Value.End);
    }

    private enum Field
    {
        DType,
        Shape,
        DataOffsets,
    }

    private readonly Field ReadField(string name)
    {
        // Escaped names take the slow way, where half a surrogate pair is caught.
        string? slow = _reader.ValueIsEscaped ? ReadString("a field of tensor", name) : null;
        if (slow is null ? _reader.ValueSpan.SequenceEqual("dtype"u8) : slow == "dtype") return Field.DType;
        if (slow is null ? _reader.ValueSpan.SequenceEqual("shape"u8) : slow == "shape") return Field.Shape;
        if (slow is null ? _reader.ValueSpan.SequenceEqual("data_offsets"u8) : slow == "data_offsets") return Field.DataOffsets;
        throw FailAt(name, $"has the field {Quoting.Quote(ReadString("a field of tensor", name))}, expected only dtype, shape and data_offsets");
    }

    private DType ReadDType(string name)
    {
        if (Next() != JsonTokenType.String) throw FailAt(name, $"has a dtype that is {Describe()}, expected a string");
        if (!_reader.ValueIsEscaped && DTypes.TryParse(_reader.ValueSpan, out var dtype)) return dtype;
        string text = ReadString("the dtype of tensor", name);
        if (!DTypes.TryParse(text, out dtype)) throw FailAt(name, $"has the unknown dtype {Quoting.Quote(text)}, expected one like F32 or BF16");
        return dtype;
    }

    private Shape ReadShape(string name)
    {
        if (Next() != JsonTokenType.StartArray) throw FailAt(name, $"has a shape that is {Describe()}, expected an array of whole numbers");
        Span<long> dimensions = stackalloc long[Shape.MaxRank];
        long rank = 0;
        while (Next() != JsonTokenType.EndArray)
        {
            if (_reader.TokenType != JsonTokenType.Number || !_reader.TryGetUInt64(out ulong dimension))
                throw FailAt(name, $"has a dimension that is {Describe()}, expected a whole number from 0 to 2^63-1");
            if (dimension > long.MaxValue) throw FailAt(name, $"has the dimension {dimension}, expected at most 2^63-1");
            if (rank < Shape.MaxRank) dimensions[(int)rank] = (long)dimension;
            rank++;
        }

        if (rank > Shape.MaxRank) throw FailAt(name, $"has {rank} dimensions, expected at most {Shape.MaxRank}");
        var used = dimensions[..(int)rank];
        if (!Shape.TryCountElements(used, out _))
            throw FailAt(name, $"has the shape [{string.Join(", ", used.ToArray())}] with more elements than fit 63 bits");
        // Neighbours are often alike, and then have one array between them.
        return _lastShape = used.SequenceEqual(_lastShape.Dimensions) ? _lastShape : new Shape(used);
    }

    private (ulong Begin, ulong End) ReadOffsets(string name)
    {
        const string Expected = "expected two whole numbers [begin, end]";
        if (Next() != JsonTokenType.StartArray) throw FailAt(name, $"has data_offsets that are {Describe()}, {Expected}");
        ulong begin = ReadOffset(name, Expected), end = ReadOffset(name, Expected);
        if (Next() != JsonTokenType.EndArray) throw FailAt(name, $"has more than two data_offsets, {Expected}");
        return (begin, end);
    }

    private ulong ReadOffset(string name, string expected)
    {
        if (Next() == JsonTokenType.EndArray) throw FailAt(name, $"has fewer than two data_offsets, {expected}");
        if (_reader.TokenType != JsonTokenType.Number || !_reader.TryGetUInt64(out ulong offset))
            throw FailAt(name, $"has the data offset {Describe()}, {expected}");
        return offset;
    }

    private readonly TensorEntry Check(string name, DType dtype, Shape shape, ulong begin, ulong end)
    {
        if (begin > end) throw FailAt(name, $"has data_offsets [{begin}, {end}], expected the begin not after the end");
        if (end > (ulong)_dataLength)
        {
            throw FailAt(name, $"has data_offsets [{begin}, {end}], but the file holds only {Counting.Of(_dataLength, "byte")} of data after its header");
        }

        Int128 bits = (Int128)shape.ElementCount * dtype.Bits();
        if (bits % 8 != 0) throw FailAt(name, $"takes {bits} bits as {dtype.Name()} {shape}, expected a whole number of bytes");
        if (end - begin != bits / 8)
            throw FailAt(name, $"has data_offsets [{begin}, {end}] of {Counting.Of((long)(end - begin), "byte")}, expected {bits / 8} for {dtype.Name()} {shape}");
        return new TensorEntry(name, dtype, shape, (long)begin, (long)end);
    }

    private static int ByPosition(TensorEntry a, TensorEntry b)
    {
        int order = a.Begin.CompareTo(b.Begin);
        if (order == 0) order = a.End.CompareTo(b.End);
        return order != 0 ? order : string.CompareOrdinal(a.Name, b.Name);
    }

    private readonly void CheckCover(TensorEntry[] tensors)
    {
        long covered = 0;
        for (int i = 0; i < tensors.Length; i++)
        {
            var tensor = tensors[i];
            if (tensor.Begin > covered)
                throw FailAt(tensor.Name, $"starts at data byte {tensor.Begin}, expected {covered} where the tensor before it ends");
            if (tensor.Begin < covered)
                throw FailAt(tensor.Name, $"starts at data byte {tensor.Begin}, inside tensor {Quoting.Quote(tensors[i - 1].Name)} that ends at {covered}");
            covered = tensor.End;
        }

        if (covered != _dataLength) throw Fail($"the tensors end at data byte {covered}, but the file holds {Counting.Of(_dataLength, "byte")} of data");
    }

    /// <summary>The next token; a header that ends early is reported by the JSON reader itself.</summary>
    private JsonTokenType Next()
    {
        _reader.Read();
        return _reader.TokenType;
    }

    /// <summary>A tensor's name: the one of the other checkpoint where it has it, as models that are merged have the same names.</summary>
    private readonly string ReadName()
    {
        const int Longest = 256;
        if (_like is not null && !_reader.ValueIsEscaped && _reader.ValueSpan.Length <= Longest)
        {
            Span<char> name = stackalloc char[Longest];
            if (_like.FindName(name[.._reader.CopyString(name)]) is { } known) return known;
        }

        return ReadString("a tensor name");
    }

    /// <summary>The text of the token; a failure calls it <paramref name="what"/>, then <paramref name="whose"/> in quotes.</summary>
    private readonly string ReadString(string what, string? whose = null)
    {
        try
        {
            return _reader.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            // The bytes are UTF-8, so only an escape can be wrong: half a surrogate pair.
            string subject = whose is null ? what : $"{what} {Quoting.Quote(whose)}";
            throw new SafetensorsException($"{_file}: {subject} holds half a surrogate pair, expected valid Unicode.", e);
        }
    }

    private readonly string Describe() => _reader.TokenType switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => Number(_reader.ValueSpan),
        JsonTokenType.True => "true",
        JsonTokenType.False => "false",
        JsonTokenType.Null => "null",
        _ => "incomplete",
    };

    private static string Number(ReadOnlySpan<byte> digits) =>
        digits.Length <= 40 ? System.Text.Encoding.ASCII.GetString(digits) : $"a number of {digits.Length} characters";

    private readonly SafetensorsException Fail(string complaint) => new($"{_file}: {complaint}.");

    private readonly SafetensorsException FailAt(string tensor, string complaint) => new($"{_file}: tensor {Quoting.Quote(tensor)} {complaint}.");
}
