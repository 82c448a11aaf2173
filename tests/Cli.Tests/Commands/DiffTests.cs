using System.Text.Json;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Commands;

public sealed class DiffTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Equal_checkpoints_end_with_0()
    {
        string a = Model("a", [1, 2]), b = Model("b", [1, 2]);
        Assert.Equal("equal: 2 tensors\n", MergeEngineProcess.Run("diff", a, b).Succeeded().Output);
        Assert.True(MergeEngineProcess.Run("diff", a, b, "--json").Succeeded().Json().GetProperty("equal").GetBoolean());
    }

    [Fact]
    public void Different_checkpoints_end_with_1_and_a_row_for_each_tensor_that_differs()
    {
        string a = Model("a", [1, 2]), b = Model("b", [1, 2.5f]);
        Outcome outcome = MergeEngineProcess.Run("diff", a, b);
        Assert.Equal((1, ""), (outcome.Code, outcome.Error));
        Assert.Contains("weight", outcome.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("ids", outcome.Output, StringComparison.Ordinal);
        Assert.EndsWith("different: 1 of 2 common tensors, 0 others\n", outcome.Output, StringComparison.Ordinal);
        Assert.Equal(0, MergeEngineProcess.Run("diff", a, b, "--tolerance", "0.5").Code);
        Assert.Equal(1, MergeEngineProcess.Run("diff", a, b, "--tolerance", "0.4").Code);
    }

    [Fact]
    public void Json_holds_every_tensor_and_numbers_that_are_not_finite()
    {
        Outcome outcome = MergeEngineProcess.Run("diff", Model("a", [1, float.PositiveInfinity]), Model("b", [float.NaN, 2]), "--json");
        Assert.Equal((1, ""), (outcome.Code, outcome.Error));
        JsonElement tensor = outcome.Json().GetProperty("tensors").EnumerateArray().Single(t => t.GetProperty("name").GetString() == "weight");
        Assert.Equal("Infinity", tensor.GetProperty("max_abs").GetString());
        Assert.Equal(1, tensor.GetProperty("nan_in_one").GetInt32());
        Assert.Equal(JsonValueKind.Null, tensor.GetProperty("cosine").ValueKind);
        Assert.Equal("F32", tensor.GetProperty("dtype").GetString());
    }

    [Fact]
    public void A_missing_checkpoint_gets_one_sentence() => MergeEngineProcess.Run("diff", Model("a", [1]), directory["none"]).Refused(1, "none");

    [Theory]
    [InlineData("-1")]
    [InlineData("nan")]
    [InlineData("some")]
    public void A_tolerance_that_is_none_is_a_usage_error(string value) =>
        MergeEngineProcess.Run("diff", "a", "b", "--tolerance", value).Refused(2, "--tolerance", "a number from 0 on");

    private string Model(string name, float[] values)
    {
        string path = directory[$"{name}.safetensors"];
        SafetensorsWriter.Write(path, [TensorContent.FromFloat32("weight", new Shape(values.Length), values), TensorContent.FromInt32("ids", new Shape(2), new[] { 7, 8 })]);
        return path;
    }
}
