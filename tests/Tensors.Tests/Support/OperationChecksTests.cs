using Xunit.Sdk;

namespace MergeEngine.Tensors.Tests.Support;

/// <summary>The checks themselves can fail, and say where.</summary>
public class OperationChecksTests
{
    [Fact]
    public void A_difference_above_the_bound_is_reported_with_its_element()
    {
        OperationChecks.Compare("near", [1, -2], [1, -2.0001], 1e-4);
        var error = Assert.Throws<XunitException>(() => OperationChecks.Compare("far", [1, -2, 0], [1, -2.1, 0], 1e-4));
        Assert.Contains("far: element 1 of 3 is -2.1, expected -2", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(double.NaN, 1)]
    [InlineData(1, double.NaN)]
    [InlineData(double.PositiveInfinity, double.NegativeInfinity)]
    public void A_value_that_is_not_finite_where_another_is_expected_is_refused(double expected, double found) =>
        Assert.Throws<XunitException>(() => OperationChecks.Compare("value", [expected, 5], [found, 5], 0.5));

    [Fact]
    public void A_bound_of_zero_tells_the_sign_of_zero() =>
        Assert.Throws<XunitException>(() => OperationChecks.Compare("zero", [0.0], [-0.0], 0));

    [Fact]
    public void A_write_into_the_gap_of_a_matrix_is_found()
    {
        var careless = new OperationCase("careless", 0, run =>
        {
            Matrix matrix = run.OutputMatrix("output", 3, 5, gap: 2);
            return () => run.Operations.Fill(matrix.Data, 1);
        });
        Exception error = Assert.ThrowsAny<XunitException>(() => OperationChecks.Run(careless, "reference"));
        Assert.Contains("lies outside and was written", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_allocation_is_found()
    {
        var careless = new OperationCase("careless", 0, run =>
        {
            DeviceSpan<float> output = run.Output("output", 5);
            return () =>
            {
                GC.KeepAlive(new float[100]);
                run.Operations.Fill(output, 1);
            };
        });
        Assert.ThrowsAny<XunitException>(() => OperationChecks.AllocatesNothing(careless, DeviceCases.Names[0]));
    }

    [Fact]
    public void A_device_name_says_width_and_threads()
    {
        using Device device = DeviceCases.Open("cpu-128x2");
        Assert.Contains("2 threads, 128-bit", device.Description, StringComparison.Ordinal);
        Assert.Equal("cpu-128x3", DeviceCases.WithThreads("cpu-128x2", 3));
    }
}
