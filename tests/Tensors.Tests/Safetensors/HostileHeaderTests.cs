using System.Text;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Tensors.Tests.Safetensors;

/// <summary>
/// Headers that lie, one rule a case, with the sentence each gets. The cases come from the reference crate's tests and attack files, the
/// Trail of Bits review of 2023, and reports to both.
/// </summary>
public sealed class HostileHeaderTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    private void Refuses(ReadOnlySpan<byte> header, int dataLength, string sentence)
    {
        string path = _directory["x.safetensors"];
        File.WriteAllBytes(path, RawFile.Bytes(header, new byte[dataLength]));
        Refusal.Of(() => SafetensorsFile.Open(path), path, sentence);
    }

    private static string Entry(string offsets, string shape = "[2]", string dtype = "F32") =>
        $$$"""{"a":{"dtype":"{{{dtype}}}","shape":{{{shape}}},"data_offsets":{{{offsets}}}}}""";

    private static string Two(string first, string second) =>
        $$$"""{"a":{"dtype":"U8","shape":[4],"data_offsets":{{{first}}}},"b":{"dtype":"U8","shape":[4],"data_offsets":{{{second}}}}}""";

    [Theory]
    [InlineData("[4,12]", 12, "starts at data byte 4, expected 0 where the tensor before it ends")]
    [InlineData("[8,0]", 8, "has data_offsets [8, 0], expected the begin not after the end")]
    [InlineData("[-8,0]", 8, "has the data offset -8, expected two whole numbers [begin, end]")]
    [InlineData("[0,8.0]", 8, "has the data offset 8.0, expected two whole numbers [begin, end]")]
    [InlineData("[0,8e0]", 8, "has the data offset 8e0, expected two whole numbers [begin, end]")]
    [InlineData("[-0,8]", 8, "has the data offset -0, expected two whole numbers [begin, end]")]
    [InlineData("[0,1e3]", 8, "has the data offset 1e3, expected two whole numbers [begin, end]")]
    [InlineData("[0,18446744073709551616]", 8, "has the data offset 18446744073709551616, expected two whole numbers [begin, end]")]
    [InlineData("[0,18446744073709551615]", 8, "has data_offsets [0, 18446744073709551615], but the file holds only 8 bytes of data after its header")]
    [InlineData("[0,\"8\"]", 8, "has the data offset a string, expected two whole numbers [begin, end]")]
    [InlineData("[0]", 8, "has fewer than two data_offsets, expected two whole numbers [begin, end]")]
    [InlineData("[]", 8, "has fewer than two data_offsets, expected two whole numbers [begin, end]")]
    [InlineData("[0,4,8]", 8, "has more than two data_offsets, expected two whole numbers [begin, end]")]
    [InlineData("8", 8, "has data_offsets that are 8, expected two whole numbers [begin, end]")]
    [InlineData("null", 8, "has data_offsets that are null, expected two whole numbers [begin, end]")]
    [InlineData("[0,8]", 7, "has data_offsets [0, 8], but the file holds only 7 bytes of data after its header")]
    [InlineData("[0,12]", 12, "has data_offsets [0, 12] of 12 bytes, expected 8 for F32 [2]")]
    [InlineData("[0,4]", 4, "has data_offsets [0, 4] of 4 bytes, expected 8 for F32 [2]")]
    public void Offsets_that_lie_are_refused(string offsets, int dataLength, string complaint) =>
        Refuses(Encoding.UTF8.GetBytes(Entry(offsets)), dataLength, $"tensor \"a\" {complaint}.");

    [Theory]
    [InlineData("[0,4]", "[0,4]", 4, "tensor \"b\" starts at data byte 0, inside tensor \"a\" that ends at 4.")]
    [InlineData("[0,4]", "[2,6]", 6, "tensor \"b\" starts at data byte 2, inside tensor \"a\" that ends at 4.")]
    [InlineData("[0,4]", "[5,9]", 9, "tensor \"b\" starts at data byte 5, expected 4 where the tensor before it ends.")]
    [InlineData("[0,4]", "[4,8]", 9, "the tensors end at data byte 8, but the file holds 9 bytes of data.")]
    [InlineData("[4,8]", "[0,4]", 7, "tensor \"a\" has data_offsets [4, 8], but the file holds only 7 bytes of data after its header.")]
    public void Data_that_is_not_covered_once_is_refused(string first, string second, int dataLength, string sentence) =>
        Refuses(Encoding.UTF8.GetBytes(Two(first, second)), dataLength, sentence);

    [Fact]
    public void A_thousand_tensors_over_the_same_bytes_are_refused()
    {
        // The memory bomb: each entry is right by itself and the file is small.
        var entries = Enumerable.Range(0, 1000).Select(i => $"\"t{i:d3}\":{{\"dtype\":\"U8\",\"shape\":[1000],\"data_offsets\":[0,1000]}}");
        Refuses(
            Encoding.UTF8.GetBytes($"{{{string.Join(',', entries)}}}"), 1000,
            "tensor \"t001\" starts at data byte 0, inside tensor \"t000\" that ends at 1000.");
    }

    [Theory]
    [InlineData("[2,18446744073709551615]", "has the dimension 18446744073709551615, expected at most 2^63-1")]
    [InlineData("[2,9223372036854775808]", "has the dimension 9223372036854775808, expected at most 2^63-1")]
    [InlineData("[2,9223372036854775807]", "has the shape [2, 9223372036854775807] with more elements than fit 63 bits")]
    [InlineData("[4294967296,4294967296]", "has the shape [4294967296, 4294967296] with more elements than fit 63 bits")]
    [InlineData("[4294967296,4294967296,0]", "has the shape [4294967296, 4294967296, 0] with more elements than fit 63 bits")]
    [InlineData("[4611686018427387904]", "has data_offsets [0, 0] of 0 bytes, expected 18446744073709551616 for F32 [4611686018427387904]")]
    [InlineData("[0,18446744073709551616]", "has a dimension that is 18446744073709551616, expected a whole number from 0 to 2^63-1")]
    [InlineData("[-1]", "has a dimension that is -1, expected a whole number from 0 to 2^63-1")]
    [InlineData("[1.5]", "has a dimension that is 1.5, expected a whole number from 0 to 2^63-1")]
    [InlineData("[[0]]", "has a dimension that is an array, expected a whole number from 0 to 2^63-1")]
    [InlineData("[null]", "has a dimension that is null, expected a whole number from 0 to 2^63-1")]
    [InlineData("{}", "has a shape that is an object, expected an array of whole numbers")]
    [InlineData("0", "has a shape that is 0, expected an array of whole numbers")]
    [InlineData("[]", "has data_offsets [0, 0] of 0 bytes, expected 4 for F32 []")]
    public void Shapes_that_lie_are_refused(string shape, string complaint) =>
        Refuses(Encoding.UTF8.GetBytes(Entry("[0,0]", shape)), 0, $"tensor \"a\" {complaint}.");

    [Theory]
    [InlineData(65)]
    [InlineData(1_000_000)]
    public void A_rank_beyond_the_bound_is_refused(int rank) =>
        Refuses(
            Encoding.UTF8.GetBytes(Entry("[0,1]", $"[{string.Join(',', Enumerable.Repeat(1, rank))}]", "U8")), 1,
            $"tensor \"a\" has {rank} dimensions, expected at most 64.");

    [Theory]
    [InlineData("F32x", "[2]", "has the unknown dtype \"F32x\", expected one like F32 or BF16")]
    [InlineData("f32", "[2]", "has the unknown dtype \"f32\", expected one like F32 or BF16")]
    [InlineData("", "[2]", "has the unknown dtype \"\", expected one like F32 or BF16")]
    [InlineData("F4", "[3]", "takes 12 bits as F4 [3], expected a whole number of bytes")]
    [InlineData("F6_E2M3", "[2]", "takes 12 bits as F6_E2M3 [2], expected a whole number of bytes")]
    [InlineData("F6_E3M2", "[5]", "takes 30 bits as F6_E3M2 [5], expected a whole number of bytes")]
    public void Dtypes_that_do_not_exist_or_do_not_fill_bytes_are_refused(string dtype, string shape, string complaint) =>
        Refuses(Encoding.UTF8.GetBytes(Entry("[0,8]", shape, dtype)), 8, $"tensor \"a\" {complaint}.");

    [Theory]
    [InlineData("""{"a":{"shape":[2],"data_offsets":[0,8]}}""", "has no dtype")]
    [InlineData("""{"a":{"dtype":"F32","data_offsets":[0,8]}}""", "has no shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2]}}""", "has no data_offsets")]
    [InlineData("""{"a":{}}""", "has no dtype")]
    [InlineData("""{"a":null}""", "is null, expected an object with dtype, shape and data_offsets")]
    [InlineData("""{"a":["F32",[2],[0,8]]}""", "is an array, expected an object with dtype, shape and data_offsets")]
    [InlineData("""{"a":{"dtype":3,"shape":[2],"data_offsets":[0,8]}}""", "has a dtype that is 3, expected a string")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"extra":1}}""", "has the field \"extra\", expected only dtype, shape and data_offsets")]
    [InlineData("""{"a":{"Dtype":"F32"}}""", "has the field \"Dtype\", expected only dtype, shape and data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "has a field twice, expected dtype, shape and data_offsets once each")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"sh\u0061pe":[2],"data_offsets":[0,8]}}""", "has a field twice, expected dtype, shape and data_offsets once each")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"data_offsets":[0,8]}}""", "has a field twice, expected dtype, shape and data_offsets once each")]
    public void Entries_with_wrong_fields_are_refused(string header, string complaint) =>
        Refuses(Encoding.UTF8.GetBytes(header), 8, $"tensor \"a\" {complaint}.");

    [Theory]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", "tensor \"a\" stands twice in the header.")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0061":{"dtype":"U8","shape":[0],"data_offsets":[1,1]}}""", "tensor \"a\" stands twice in the header.")]
    [InlineData("""{"__metadata__":{},"__metadata__":{}}""", "__metadata__ stands twice in the header.")]
    [InlineData("""{"__metadata__":null,"__metadata__":{}}""", "__metadata__ stands twice in the header.")]
    [InlineData("""{"__metadata__":{"k":"1","k":"2"}}""", "\"k\" stands twice in __metadata__.")]
    [InlineData("""{"__metadata__":{"k":1}}""", "the value of \"k\" in __metadata__ is 1, expected a string.")]
    [InlineData("""{"__metadata__":{"k":null}}""", "the value of \"k\" in __metadata__ is null, expected a string.")]
    [InlineData("""{"__metadata__":{"k":{"deep":"er"}}}""", "the value of \"k\" in __metadata__ is an object, expected a string.")]
    [InlineData("""{"__metadata__":["k"]}""", "__metadata__ is an array, expected an object that maps strings to strings.")]
    [InlineData("""{"__metadata__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", "the value of \"shape\" in __metadata__ is an array, expected a string.")]
    public void Duplicate_keys_and_wrong_metadata_are_refused(string header, string sentence) =>
        Refuses(Encoding.UTF8.GetBytes(header), 1, sentence);

    [Theory]
    [InlineData("""{"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", "a tensor has an empty name.")]
    [InlineData("""{"a\u0000b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", "the tensor name \"a\\u0000b\" holds a NUL character.")]
    [InlineData("""{"a\ud800":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", "a tensor name holds half a surrogate pair, expected valid Unicode.")]
    [InlineData("""{"\udc00\ud800":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", "a tensor name holds half a surrogate pair, expected valid Unicode.")]
    [InlineData("""{"__metadata__":{"k":"\ud83d"}}""", "in __metadata__ the value of \"k\" holds half a surrogate pair, expected valid Unicode.")]
    [InlineData("""{"__metadata__":{"\ud83d":"v"}}""", "a key of __metadata__ holds half a surrogate pair, expected valid Unicode.")]
    [InlineData("""{"a":{"dtype":"\ud800","shape":[1],"data_offsets":[0,1]}}""", "the dtype of tensor \"a\" holds half a surrogate pair, expected valid Unicode.")]
    [InlineData("""{"a":{"\ud800":1}}""", "a field of tensor \"a\" holds half a surrogate pair, expected valid Unicode.")]
    public void Names_that_cannot_be_keys_are_refused(string header, string sentence) =>
        Refuses(Encoding.UTF8.GetBytes(header), 1, sentence);

    [Theory]
    [InlineData("", "the header is empty, expected a JSON object.")]
    [InlineData("[]", "the header is an array, expected a JSON object.")]
    [InlineData("null", "the header is null, expected a JSON object.")]
    [InlineData("3", "the header is 3, expected a JSON object.")]
    [InlineData("\"a\"", "the header is a string, expected a JSON object.")]
    [InlineData("\uFEFF{}", "the header starts with a byte order mark, expected a JSON object.")]
    [InlineData("   ", "the header is not valid JSON near its byte 3, expected one object of tensors.")]
    [InlineData("{", "the header is not valid JSON near its byte 1, expected one object of tensors.")]
    [InlineData("{}\0\0\0\0\0\0", "the header is not valid JSON near its byte 2, expected one object of tensors.")]
    [InlineData("\0{}", "the header is not valid JSON near its byte 0, expected one object of tensors.")]
    [InlineData("{}{}", "the header is not valid JSON near its byte 2, expected one object of tensors.")]
    [InlineData("{'a':1}", "the header is not valid JSON near its byte 1, expected one object of tensors.")]
    [InlineData("{\"__metadata__\":{},}", "the header is not valid JSON near its byte 19, expected one object of tensors.")]
    [InlineData("{\"__metadata__\":{}/**/}", "the header is not valid JSON near its byte 18, expected one object of tensors.")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[01]", "the header is not valid JSON near its byte 29, expected one object of tensors.")]
    [InlineData("{\"a\":{\"dtype\":\"F32", "the header is not valid JSON near its byte 14, expected one object of tensors.")]
    [InlineData("{\"a\tb\":1}", "the header is not valid JSON near its byte 1, expected one object of tensors.")]
    [InlineData("not json", "the header is not valid JSON near its byte 0, expected one object of tensors.")]
    public void Text_that_is_no_JSON_object_is_refused(string header, string sentence) => Refuses(Encoding.UTF8.GetBytes(header), 0, sentence);

    [Theory]
    [InlineData(new byte[] { (byte)'{', (byte)'"', 0xFF, (byte)'"', (byte)'}' })]
    [InlineData(new byte[] { (byte)'{', (byte)'"', 0xC0, 0x80, (byte)'"', (byte)'}' })] // NUL in two bytes
    [InlineData(new byte[] { (byte)'{', (byte)'"', 0xED, 0xA0, 0x80, (byte)'"', (byte)'}' })] // half a surrogate pair
    public void Bytes_that_are_not_UTF8_are_refused(byte[] header) => Refuses(header, 0, "the header is not UTF-8.");

    [Theory]
    [InlineData("[", "the header is an array, expected a JSON object.")]
    [InlineData("{\"a\":", "tensor \"a\" has the field \"a\", expected only dtype, shape and data_offsets.")]
    [InlineData("{\"__metadata__\":", "the value of \"__metadata__\" in __metadata__ is an object, expected a string.")]
    public void Nesting_ten_thousand_deep_is_refused(string level, string sentence) =>
        Refuses(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(level, 10_000))), 0, sentence);

    [Fact]
    public void A_name_in_a_message_is_short_and_harmless_to_a_terminal()
    {
        string name = "\\u001b[31m\\u202e" + new string('x', 1 << 20);
        string shown = "\\u001b[31m\\u202e" + new string('x', 114);
        Refuses(
            Encoding.UTF8.GetBytes($$$"""{"{{{name}}}":{}}"""), 0, $"tensor \"{shown}\" ({(1 << 20) + 6} characters) has no dtype.");
    }
}
