using System.Text;

namespace MergeEngine.Tensors.Tests.Safetensors;

/// <summary>
/// Entries of headers that lie about their tensors, one rule a case, with the sentence each gets. The cases come from the reference crate's tests and attack files, the
/// Trail of Bits review of 2023, and reports to both.
/// </summary>
public sealed class HostileHeaderTests
{
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
        Refusal.OfHeader(Encoding.UTF8.GetBytes(Entry(offsets)), dataLength, $"tensor \"a\" {complaint}.");

    [Theory]
    [InlineData("[0,4]", "[0,4]", 4, "tensor \"b\" starts at data byte 0, inside tensor \"a\" that ends at 4.")]
    [InlineData("[0,4]", "[2,6]", 6, "tensor \"b\" starts at data byte 2, inside tensor \"a\" that ends at 4.")]
    [InlineData("[0,4]", "[5,9]", 9, "tensor \"b\" starts at data byte 5, expected 4 where the tensor before it ends.")]
    [InlineData("[0,4]", "[4,8]", 9, "the tensors end at data byte 8, but the file holds 9 bytes of data.")]
    [InlineData("[4,8]", "[0,4]", 7, "tensor \"a\" has data_offsets [4, 8], but the file holds only 7 bytes of data after its header.")]
    public void Data_that_is_not_covered_once_is_refused(string first, string second, int dataLength, string sentence) =>
        Refusal.OfHeader(Encoding.UTF8.GetBytes(Two(first, second)), dataLength, sentence);

    [Fact]
    public void A_thousand_tensors_over_the_same_bytes_are_refused()
    {
        // The memory bomb: each entry is right by itself and the file is small.
        var entries = Enumerable.Range(0, 1000).Select(i => $"\"t{i:d3}\":{{\"dtype\":\"U8\",\"shape\":[1000],\"data_offsets\":[0,1000]}}");
        Refusal.OfHeader(
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
        Refusal.OfHeader(Encoding.UTF8.GetBytes(Entry("[0,0]", shape)), 0, $"tensor \"a\" {complaint}.");

    [Theory]
    [InlineData(65)]
    [InlineData(1_000_000)]
    public void A_rank_beyond_the_bound_is_refused(int rank) =>
        Refusal.OfHeader(
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
        Refusal.OfHeader(Encoding.UTF8.GetBytes(Entry("[0,8]", shape, dtype)), 8, $"tensor \"a\" {complaint}.");

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
        Refusal.OfHeader(Encoding.UTF8.GetBytes(header), 8, $"tensor \"a\" {complaint}.");
}
