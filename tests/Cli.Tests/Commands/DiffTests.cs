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

    /// <summary>What is within the tolerance is counted and not listed, but where all is asked for.</summary>
    [Fact]
    public void Rows_are_those_beyond_the_tolerance()
    {
        foreach ((string name, float more) in new[] { ("a", 0f), ("b", 1f) })
        {
            SafetensorsWriter.Write(directory[$"{name}.safetensors"],
            [
                TensorContent.FromFloat32("near", new Shape(2), new[] { 1, 1 + (0.125f * more) }), TensorContent.FromFloat32("far", new Shape(2), new[] { 1, 1 + more }),
                TensorContent.FromFloat32("same", new Shape(1), new[] { 1f }),
            ]);
        }

        string a = directory["a.safetensors"], b = directory["b.safetensors"];
        Outcome some = MergeEngineProcess.Run("diff", a, b, "--tolerance", "0.25");
        Assert.Equal(1, some.Code);
        Assert.DoesNotContain("near", some.Output, StringComparison.Ordinal);
        Assert.Contains("\nfar ", some.Output, StringComparison.Ordinal);
        Assert.EndsWith("different: 1 of 3 common tensors beyond 0.25 (2 within 0.25, 1 of them not to the bit), 0 others\n", some.Output, StringComparison.Ordinal);
        Outcome all = MergeEngineProcess.Run("diff", a, b, "--tolerance", "0.25", "--all");
        foreach (string name in (string[])["near", "far", "same"]) Assert.Contains($"\n{name} ", all.Output, StringComparison.Ordinal);
        Assert.Equal(3, MergeEngineProcess.Run("diff", a, b, "--tolerance", "0.25", "--json").Json().GetProperty("tensors").GetArrayLength());
        Assert.Equal("equal within 2: 3 tensors, 2 of them not to the bit\n", MergeEngineProcess.Run("diff", a, b, "--tolerance", "2").Succeeded().Output);
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
