using MergeEngine.Benchmarks.Operations;
using MergeEngine.Tensors;

namespace MergeEngine.Benchmarks.Tests.Operations;

/// <summary>The table of operations in its two modes that say whether the device is right; its figures would mean nothing otherwise.</summary>
public sealed class OperationTableTests
{
    public static TheoryData<string> Names => [.. OperationTable.All.Select(o => o.Name)];

    public static TheoryData<string> Differentiable => [.. NetworkOperations.All().Where(o => HasGradient(o)).Select(o => o.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Values_are_those_of_the_float64_reference(string name)
    {
        Operation operation = Find(name);
        using Device one = Device.Open("cpu", 1), three = Device.Open("cpu", 3);
        Assert.InRange(OperationCheck.Error(operation, one), 0, operation.Bound);
        Assert.InRange(OperationCheck.Error(operation, three), 0, operation.Bound);
        Assert.Equal((0, 0), (one.AllocatedBytes, three.AllocatedBytes));
    }

    [Theory]
    [MemberData(nameof(Differentiable))]
    public void Gradients_are_those_of_finite_differences(string name)
    {
        using Device device = Device.Open("cpu", 2);
        Assert.InRange(OperationCheck.GradientError(Find(name), device) ?? double.NaN, 0, OperationCheck.GradientBound);
        Assert.Equal(0, device.AllocatedBytes);
    }

    [Fact]
    public void A_wrong_gradient_is_noticed()
    {
        using Device device = Device.Open("cpu", 1);
        Operation right = Find("ActivationForward GeluErf");
        var wrong = new Operation("a gradient of twice the size", memory =>
        {
            OperationCall call = right.Prepare(memory);
            Derivative derivative = call.Derivative!;
            return call with { Derivative = derivative with { Backward = () => { derivative.Backward(); memory.Operations.Scale(derivative.Gradients[0], 2); } } };
        });
        Assert.InRange(OperationCheck.GradientError(wrong, device) ?? double.NaN, 0.1, 10);
    }

    [Fact]
    public void A_wrong_value_is_noticed()
    {
        using Device device = Device.Open("cpu", 1);
        var wrong = new Operation("what the device says alone", memory =>
        {
            DeviceSpan<float> values = memory.Normal(100);
            return new(() => memory.Operations.Scale(values, memory.Operations.Device.Name == "cpu" ? 1.001f : 1));
        });
        Assert.InRange(OperationCheck.Error(wrong, device), 0.9e-3, 1.1e-3);
    }

    [Fact]
    public void Every_operation_has_one_row_and_tells_its_work()
    {
        Assert.Equal(OperationTable.All.Count, OperationTable.All.Select(o => o.Name).Distinct().Count());
        using Device device = Device.Open("cpu", 1);
        Assert.All(OperationTable.All, operation =>
        {
            using var memory = new OperationMemory(device, large: false);
            (double flops, double bytes) = OperationTable.WorkOf(operation.Prepare(memory), device);
            Assert.True(bytes > 0 && flops >= 0);
            Assert.Equal(flops > 0, operation.Name.StartsWith("MatrixProduct", StringComparison.Ordinal) || operation.Name.StartsWith("Linear", StringComparison.Ordinal) || operation.Name.StartsWith("Attention", StringComparison.Ordinal));
        });
    }

    private static Operation Find(string name) => OperationTable.All.Single(o => o.Name == name);

    private static bool HasGradient(Operation operation)
    {
        using Device device = Device.Open("cpu", 1);
        using var memory = new OperationMemory(device, large: false);
        return operation.Prepare(memory).Derivative is not null;
    }
}
