using System.Text.Json;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Merging;

/// <summary>NaN and infinities, in what is read and in what is made: counted, told of the file that is to blame, and refused with <c>--strict</c>.</summary>
public sealed class NonFiniteMergeTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    /// <summary>In a tensor that one method passes over several times, one that is merged whole in float64, and a type of two bytes.</summary>
    [Theory]
    [InlineData("ties", DType.F32)]
    [InlineData("ties", DType.F64)]
    [InlineData("ties", DType.BF16)]
    [InlineData("task_arithmetic", DType.F16)]
    public void Values_that_are_no_numbers_are_counted_once_and_an_error_where_that_is_asked_for(string method, DType dtype)
    {
        float[] values = [1, float.NaN, float.PositiveInfinity, 2, float.NegativeInfinity, .. Enumerable.Repeat(3f, 40)];
        Directory.CreateDirectory(_directory["bad"]);
        Directory.CreateDirectory(_directory["good"]);
        foreach ((string name, float[] content) in (ReadOnlySpan<(string, float[])>)[("bad", values), ("good", new float[45])])
        {
            byte[] bytes = dtype == DType.F64 ? System.Runtime.InteropServices.MemoryMarshal.AsBytes<double>(Array.ConvertAll(content, x => (double)x)).ToArray() : [];
            TensorContent tensor = dtype == DType.F64 ? new TensorContent("w", dtype, new Shape(45), bytes) : TensorContent.FromFloat32("w", new Shape(45), content, dtype);
            SafetensorsWriter.Write(_directory[$"{name}/model.safetensors"], [tensor]);
        }

        string[] quick = ["merge", "--method", method, "--base", "good", "--model", "bad=0.5", "out"];
        Assert.Contains("\nwarning: bad: 3 values of \"w\" are NaN or infinite\n", Run(quick).Succeeded().Output, StringComparison.Ordinal);
        Assert.Equal(3, Run([.. quick, "--overwrite", "--json"]).Succeeded().Json().GetProperty("merged")[0].GetProperty("non_finite")[0].GetProperty("values").GetInt64());
        Directory.Delete(_directory["out"], recursive: true);
        Run([.. quick, "--strict"]).Refused(1, "bad: the tensor \"w\" holds NaN or infinite values");
        Assert.Equal([], Directory.GetFileSystemEntries(_directory.Path, "*out*"));
    }

    /// <summary>Numbers of a file that the type of the merge cannot hold are no fault of the file.</summary>
    [Fact]
    public void Values_that_are_too_large_for_the_type_they_are_read_in_are_told_apart_from_those_that_are_no_numbers()
    {
        foreach ((string name, float value) in (ReadOnlySpan<(string, float)>)[("big", 70000), ("good", 1)])
        {
            Directory.CreateDirectory(_directory[name]);
            SafetensorsWriter.Write(_directory[$"{name}/model.safetensors"], [TensorContent.FromFloat32("w", new Shape(4), new float[] { value, 2, 3, 4 }, DType.F32)]);
        }

        string[] quick = ["merge", "--method", "linear", "--model", "good=1", "--model", "big=1", "--dtype", "float16", "out"];
        Assert.Contains("\nwarning: big: 1 value of \"w\" is too large for F16, in which it is read\n", Run(quick).Succeeded().Output, StringComparison.Ordinal);
        JsonElement found = Run([.. quick, "--overwrite", "--json"]).Succeeded().Json().GetProperty("merged")[0].GetProperty("non_finite")[0];
        Assert.Equal((1, "F16"), (found.GetProperty("values").GetInt32(), found.GetProperty("too_large_for").GetString()));
        Run([.. quick, "--overwrite", "--strict"]).Refused(1, "big: the tensor \"w\" gets values that are too large for F16, in which it is read, expected numbers only");
    }

    /// <summary>NaN in a factor of an adapter spoils rows of the model, whose own file is sound; and of two sound files, the product may be too large.</summary>
    [Fact]
    public void Values_that_an_adapter_spoils_are_told_of_the_adapter()
    {
        Directory.CreateDirectory(_directory["sound"]);
        SafetensorsWriter.Write(_directory["sound/model.safetensors"], [TensorContent.FromFloat32("layer.weight", new Shape(3, 4), new float[12], DType.F32)]);
        foreach ((string name, float value) in (ReadOnlySpan<(string, float)>)[("spoilt", float.NaN), ("large", 3e38f)])
        {
            Directory.CreateDirectory(_directory[name]);
            _directory.Write($"{name}/adapter_config.json", "{\"peft_type\": \"LORA\", \"r\": 1, \"lora_alpha\": 4, \"target_modules\": [\"layer\"]}");
            SafetensorsWriter.Write(_directory[$"{name}/adapter_model.safetensors"],
            [
                TensorContent.FromFloat32("base_model.model.layer.lora_A.weight", new Shape(1, 4), new float[] { 1, 2, 3, value }, DType.F32),
                TensorContent.FromFloat32("base_model.model.layer.lora_B.weight", new Shape(3, 1), new float[] { 1, 2, 3 }, DType.F32),
            ]);
        }

        string[] spoilt = ["merge", "--method", "linear", "--model", "sound+spoilt=1", "out"], large = ["merge", "--method", "linear", "--model", "sound+large=1", "out"];
        Assert.Contains("\nwarning: spoilt/adapter_model.safetensors: 1 value of \"base_model.model.layer.lora_A.weight\" is NaN or infinite\n", Run(spoilt).Succeeded().Output, StringComparison.Ordinal);
        Run([.. spoilt, "--overwrite", "--strict"]).Refused(1, "spoilt/adapter_model.safetensors: the tensor \"base_model.model.layer.lora_A.weight\" holds NaN or infinite values");
        Assert.Contains("\nwarning: sound with large/adapter_model.safetensors: 3 values of \"layer.weight\" are too large for F32, in which it is read\n", Run([.. large, "--overwrite"]).Succeeded().Output, StringComparison.Ordinal);
    }

    /// <summary>Numbers of the models become too large for the output's type, or on the way there.</summary>
    [Theory]
    [InlineData(DType.F32, "bad=0.5", "float16", "1 value of \"w\" is NaN or infinite in F16")]
    [InlineData(DType.F32, "bad=1e35", "float32", "2 values of \"w\" are NaN or infinite in F32")]
    [InlineData(DType.F32, "bad=1e35", "bfloat16", "2 values of \"w\" are NaN or infinite in BF16")]
    [InlineData(DType.F64, "bad=1e35", "float32", "2 values of \"w\" are NaN or infinite in F32")]
    [InlineData(DType.F16, "bad=5e3", "float16", "2 values of \"w\" are NaN or infinite in F16")]
    public void Values_that_become_too_large_are_counted_and_an_error_where_that_is_asked_for(DType dtype, string model, string type, string warning)
    {
        float[] values = [.. Enumerable.Repeat(0f, 200)];
        (values[3], values[150]) = (dtype == DType.F16 ? 60000 : 200000, -60000);
        foreach ((string name, float[] content) in (ReadOnlySpan<(string, float[])>)[("bad", values), ("good", new float[200])])
        {
            Directory.CreateDirectory(_directory[name]);
            byte[] bytes = dtype == DType.F64 ? System.Runtime.InteropServices.MemoryMarshal.AsBytes<double>(Array.ConvertAll(content, x => (double)x)).ToArray() : [];
            TensorContent tensor = dtype == DType.F64 ? new TensorContent("w", dtype, new Shape(200), bytes) : TensorContent.FromFloat32("w", new Shape(200), content, dtype);
            SafetensorsWriter.Write(_directory[$"{name}/model.safetensors"], [tensor]);
        }

        string[] quick = ["merge", "--method", "task_arithmetic", "--base", "good", "--model", model, "--out-dtype", type];
        Outcome counted = Run([.. quick, "out"]).Succeeded();
        Assert.Contains($"\nwarning: out: {warning}\n", counted.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("warning: bad", counted.Output, StringComparison.Ordinal);
        JsonElement json = Run([.. quick, "out2", "--json"]).Succeeded().Json().GetProperty("merged")[0];
        Assert.Equal((0, "w"), (json.GetProperty("non_finite").GetArrayLength(), json.GetProperty("non_finite_outputs")[0].GetProperty("tensor").GetString()));
        Run([.. quick, "--strict", "out3"]).Refused(1, "gives NaN or infinite values in the tensor \"w\"", "--strict");
        Assert.Equal([], Directory.GetFileSystemEntries(_directory.Path, "*out3*"));
    }

    private Outcome Run(params string[] arguments) => MergeEngineProcess.RunIn(_directory.Path, arguments);
}
