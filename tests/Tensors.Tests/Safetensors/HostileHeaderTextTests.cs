using System.Text;

namespace MergeEngine.Tensors.Tests.Safetensors;

/// <summary>
/// Headers that are no JSON, or have keys, names and metadata that none may have, with the sentence each gets. The cases come from the reference crate's tests and attack files, the
/// Trail of Bits review of 2023, and reports to both.
/// </summary>
public sealed class HostileHeaderTextTests
{
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
    public void Text_that_is_no_JSON_object_is_refused(string header, string sentence) => Refusal.OfHeader(Encoding.UTF8.GetBytes(header), 0, sentence);

    [Theory]
    [InlineData(new byte[] { (byte)'{', (byte)'"', 0xFF, (byte)'"', (byte)'}' })]
    [InlineData(new byte[] { (byte)'{', (byte)'"', 0xC0, 0x80, (byte)'"', (byte)'}' })] // NUL in two bytes
    [InlineData(new byte[] { (byte)'{', (byte)'"', 0xED, 0xA0, 0x80, (byte)'"', (byte)'}' })] // half a surrogate pair
    public void Bytes_that_are_not_UTF8_are_refused(byte[] header) => Refusal.OfHeader(header, 0, "the header is not UTF-8.");

    [Theory]
    [InlineData("[", "the header is an array, expected a JSON object.")]
    [InlineData("{\"a\":", "tensor \"a\" has the field \"a\", expected only dtype, shape and data_offsets.")]
    [InlineData("{\"__metadata__\":", "the value of \"__metadata__\" in __metadata__ is an object, expected a string.")]
    public void Nesting_ten_thousand_deep_is_refused(string level, string sentence) =>
        Refusal.OfHeader(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(level, 10_000))), 0, sentence);

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
        Refusal.OfHeader(Encoding.UTF8.GetBytes(header), 1, sentence);

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
        Refusal.OfHeader(Encoding.UTF8.GetBytes(header), 1, sentence);

    [Fact]
    public void A_name_in_a_message_is_short_and_harmless_to_a_terminal()
    {
        string name = "\\u001b[31m\\u202e" + new string('x', 1 << 20);
        string shown = "\\u001b[31m\\u202e" + new string('x', 114);
        Refusal.OfHeader(
            Encoding.UTF8.GetBytes($$$"""{"{{{name}}}":{}}"""), 0, $"tensor \"{shown}\" ({(1 << 20) + 6} characters) has no dtype.");
    }
}
