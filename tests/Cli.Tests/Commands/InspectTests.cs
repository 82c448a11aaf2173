using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Commands;

public sealed class InspectTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Json_lists_tensors_with_type_shape_and_bytes()
    {
        string path = Model();
        Outcome outcome = MergeEngineProcess.Run("inspect", path, "--json").Succeeded();
        JsonElement report = outcome.Json();
        Assert.Equal("", outcome.Error);
        Assert.Equal(3, report.GetProperty("tensor_count").GetInt32());
        Assert.Equal(2 * 3 * 4 + 4 * 2 + 2 * 4, report.GetProperty("bytes").GetInt32());
        JsonElement weight = Tensor(report, "weight");
        Assert.Equal("F32", weight.GetProperty("dtype").GetString());
        Assert.Equal([2, 3], weight.GetProperty("shape").EnumerateArray().Select(d => d.GetInt32()));
        Assert.False(weight.TryGetProperty("statistics", out _));
        Assert.Equal("test", report.GetProperty("metadata").GetProperty("origin").GetString());
    }

    [Fact]
    public void Statistics_count_nan_and_infinity_and_describe_the_rest()
    {
        JsonElement report = MergeEngineProcess.Run("inspect", Model(), "--stats", "--json").Succeeded().Json();
        JsonElement values = Tensor(report, "weight").GetProperty("statistics");
        // Finite values 1, 2, 3, 6: mean 3, variance (4 + 1 + 0 + 9) / 4.
        Assert.Equal(1, values.GetProperty("min").GetDouble());
        Assert.Equal(6, values.GetProperty("max").GetDouble());
        Assert.Equal(3, values.GetProperty("mean").GetDouble());
        Assert.Equal(Math.Sqrt(3.5), values.GetProperty("std").GetDouble(), 1e-15);
        Assert.Equal(1, values.GetProperty("nan").GetInt32());
        Assert.Equal(1, values.GetProperty("inf").GetInt32());
        Assert.Equal(-0.5, Tensor(report, "half").GetProperty("statistics").GetProperty("min").GetDouble());
        Assert.False(Tensor(report, "ids").TryGetProperty("statistics", out _));
    }

    [Fact]
    public void Statistics_of_float64_are_not_rounded_to_float32_first()
    {
        string path = directory["double.safetensors"];
        double[] values = [1, 1e100, 1 + Math.ScaleB(1, -40), 5e-320];
        SafetensorsWriter.Write(path, [new TensorContent("weight", DType.F64, new Shape(4), MemoryMarshal.AsBytes<double>(values).ToArray())]);
        JsonElement statistics = Tensor(MergeEngineProcess.Run("inspect", path, "--stats", "--json").Succeeded().Json(), "weight").GetProperty("statistics");
        Assert.Equal((5e-320, 1e100, 0), (statistics.GetProperty("min").GetDouble(), statistics.GetProperty("max").GetDouble(), statistics.GetProperty("inf").GetInt32()));
        Assert.Matches(@"weight +F64 +\[4\] +32 +\S+E-320 +1E\+100 +2.5E\+99 +4.33013E\+99 +0 +0", MergeEngineProcess.Run("inspect", path, "--stats").Succeeded().Output);
    }

    [Fact]
    public void Text_has_a_row_for_each_tensor_and_totals()
    {
        string[] lines = MergeEngineProcess.Run("inspect", Model()).Succeeded().Output.TrimEnd().Split('\n');
        Assert.StartsWith("name", lines[0], StringComparison.Ordinal);
        Assert.Contains(lines, line => line.StartsWith("weight", StringComparison.Ordinal) && line.Contains("[2, 3]", StringComparison.Ordinal));
        Assert.Equal("3 tensors, 12 elements, 40 bytes", lines[^1]);
    }

    [Fact]
    public void A_directory_is_inspected_as_a_model()
    {
        Model();
        Assert.Equal(3, MergeEngineProcess.Run("inspect", directory.Path, "--json").Succeeded().Json().GetProperty("tensor_count").GetInt32());
    }

    [Fact]
    public void A_missing_file_gets_one_sentence() => MergeEngineProcess.Run("inspect", directory["none.safetensors"]).Refused(1, "none.safetensors");

    [Fact]
    public void An_empty_directory_gets_one_sentence() => MergeEngineProcess.Run("inspect", directory.Path, "--json").Refused(1, directory.Path);

    [Theory]
    [InlineData("")]
    [InlineData("not a model")]
    [InlineData("PK\u0003\u0004 a zip file from somewhere else, with more than eight bytes")]
    public void A_file_of_another_kind_gets_one_sentence(string content) =>
        MergeEngineProcess.Run("inspect", directory.Write("model.safetensors", content), "--stats").Refused(1, "model.safetensors");

    [Fact]
    public void Control_characters_in_names_do_not_reach_the_terminal()
    {
        string path = directory.Write("model.safetensors", Raw("""{"\u001b[31mred\nline":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 1));
        string output = MergeEngineProcess.Run("inspect", path).Succeeded().Output;
        Assert.DoesNotContain('\u001b', output);
        Assert.Contains("[31mred", output, StringComparison.Ordinal);
    }

    private static JsonElement Tensor(JsonElement report, string name) =>
        report.GetProperty("tensors").EnumerateArray().Single(t => t.GetProperty("name").GetString() == name);

    private static byte[] Raw(string header, int dataBytes)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        byte[] file = new byte[8 + json.Length + dataBytes];
        BinaryPrimitives.WriteInt64LittleEndian(file, json.Length);
        json.CopyTo(file, 8);
        return file;
    }

    private string Model()
    {
        string path = directory["model.safetensors"];
        SafetensorsWriter.Write(
            path,
            [
                TensorContent.FromFloat32("weight", new Shape(2, 3), new[] { 1f, 2f, float.NaN, 3f, float.NegativeInfinity, 6f }),
                TensorContent.FromFloat32("half", new Shape(4), new[] { 0.25f, -0.5f, 0f, 1f }, DType.F16),
                TensorContent.FromInt32("ids", new Shape(2), new[] { 7, 8 }),
            ],
            new Dictionary<string, string> { ["origin"] = "test" });
        return path;
    }
}
