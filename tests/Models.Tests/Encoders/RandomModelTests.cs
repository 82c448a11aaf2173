using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Tests.Encoders;

/// <summary>What holds for every vision transformer, on configurations drawn at random: among them those that no fixture has.</summary>
public sealed class RandomModelTests
{
    private const int Models = 24;
    private const double SlopeBound = 3e-4;

    public static TheoryData<int> Seeds() => [.. Enumerable.Range(0, Models)];

    /// <summary>
    /// The derivative of the loss along a direction v is ⟨∇L, v⟩. Here v has length 1 in every parameter tensor, half along the gradient and half at
    /// random, so that a mistake in any tensor shows. On the reference device, whose operations work in float64 and round once, the central
    /// differences of two steps, extrapolated, are within h⁴ and ulp/h of it.
    /// </summary>
    [Theory]
    [MemberData(nameof(Seeds))]
    public void The_gradient_is_the_slope_of_the_loss(int seed)
    {
        using var model = new RandomModel("reference", seed, batch: 3);
        using var gradients = new ParameterVector(model.Device, model.Encoder.Layout);
        model.Backward(GradientReduction.Sum, gradients);
        using ParameterVector direction = Directions.Of(seed, gradients), moved = model.Encoder.Parameters.Clone();
        double expected = model.Device.Operations.Dot(gradients.Values, direction.Values);
        double Moved(float step)
        {
            model.Device.Operations.WeightedSum(moved.Values, [model.Encoder.Parameters.Values, direction.Values], [1, step]);
            return model.Loss(moved);
        }

        double slope = Directions.Slope(Moved);
        Assert.True(Math.Abs(slope - expected) <= SlopeBound * expected, $"{model.Encoder.Config}: the slope is {slope}, the gradient says {expected}.");
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void The_gradient_of_the_pixels_is_the_slope_of_the_loss(int seed)
    {
        using var model = new RandomModel("reference", seed, batch: 2);
        using var gradients = new ParameterVector(model.Device, model.Encoder.Layout);
        using DeviceBuffer memory = model.Device.Allocate<float>(model.Batch.Images.Length);
        DeviceSpan<float> imageGradient = memory.AsSpan<float>();
        model.Backward(GradientReduction.Sum, gradients, imageGradient);
        float[] pixels = VisionCase.Download(model.Batch.Images), direction = new float[pixels.Length];
        var random = new PhiloxStream((ulong)seed, "pixels");
        for (int i = 0; i < direction.Length; i++) direction[i] = random.NextGaussian();
        float[] gradient = VisionCase.Download(imageGradient);
        double expected = gradient.Zip(direction, (g, d) => (double)g * d).Sum();
        double Moved(float step)
        {
            model.Device.Upload<float>(pixels.Zip(direction, (p, d) => p + (step * d)).ToArray(), model.Batch.Images);
            return model.Loss(model.Encoder.Parameters);
        }

        double slope = Directions.Slope(Moved);
        Assert.True(Math.Abs(slope - expected) <= SlopeBound * Math.Sqrt(gradient.Sum(g => (double)g * g)), $"{model.Encoder.Config}: the slope is {slope}, the gradient says {expected}.");
    }

    /// <summary>Four batches of one sample against one batch of four: another order of summation, so 1.5e-5 of the largest value as for fixtures.</summary>
    [Theory]
    [MemberData(nameof(Seeds))]
    public void Reductions_over_a_batch_are_made_of_single_samples(int seed)
    {
        using var model = new RandomModel("cpu-256x2", seed, batch: 4);
        OperationSet operations = model.Device.Operations;
        using ParameterVector sum = new(model.Device, model.Encoder.Layout), absolute = new(model.Device, model.Encoder.Layout),
            expectedSum = new(model.Device, model.Encoder.Layout), expectedAbsolute = new(model.Device, model.Encoder.Layout), one = new(model.Device, model.Encoder.Layout);
        model.Backward(GradientReduction.Sum, sum);
        model.Backward(GradientReduction.AbsolutePerSample, absolute);
        for (int i = 0; i < 4; i++)
        {
            operations.Fill(one.Values, 0);
            model.Only(i, () => model.Backward(GradientReduction.Sum, one));
            operations.WeightedSum(expectedSum.Values, [expectedSum.Values, one.Values], [1, 1]);
            operations.AccumulateAbsolute(expectedAbsolute.Values, one.Values);
        }

        Directions.AssertClose(expectedSum, sum);
        Directions.AssertClose(expectedAbsolute, absolute);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Features_are_the_same_bits_whatever_is_kept_for_later(int seed)
    {
        using var model = new RandomModel("cpu-256x2", seed, batch: 3);
        float[] plain = VisionCase.Download(model.Encoder.Forward(model.Encoder.Parameters, model.Batch, keepForBackward: false));
        Assert.Equal(plain, VisionCase.Download(model.Encoder.Forward(model.Encoder.Parameters, model.Batch, keepForBackward: true)));
        model.Encoder.KeepHiddenStates = true;
        // The last block then makes all tokens, in another shape of matrix product: rounding may differ.
        Directions.AssertClose(plain, VisionCase.Download(model.Encoder.Forward(model.Encoder.Parameters, model.Batch, keepForBackward: false)), 3e-6);
        Directions.AssertClose(plain, VisionCase.Download(model.Encoder.Forward(model.Encoder.Parameters, model.Batch, keepForBackward: true)), 3e-6);
    }

    [Fact]
    public void Inference_keeps_less_than_training_and_memory_grows_with_the_batch_alone()
    {
        using var model = new RandomModel("cpu-256x1", 5, batch: 4);
        long Grown(Action action)
        {
            long before = model.Device.AllocatedBytes;
            action();
            return model.Device.AllocatedBytes - before;
        }

        void Run(bool keep) => model.Encoder.Forward(model.Encoder.Parameters, model.Batch, keep);
        long one = 0;
        model.Only(0, () => one = Grown(() => Run(false)));
        long four = Grown(() => Run(false)), training = Grown(() => Run(true));
        Assert.True(one > 0);
        Assert.True(four > 0);
        Assert.True(training > one + four, $"{training} bytes for training, {one + four} for inference");
        Assert.Equal(0, Grown(() => Run(false)));
        Assert.Equal(0, Grown(() => Run(true)));
        model.Only(1, () => Assert.Equal(0, Grown(() => Run(true))));
    }

    [Fact]
    public void Gradients_are_added_to_what_is_there()
    {
        using var model = new RandomModel("cpu-256x1", 1, batch: 2);
        using ParameterVector once = new(model.Device, model.Encoder.Layout), twice = new(model.Device, model.Encoder.Layout);
        model.Backward(GradientReduction.Sum, once);
        model.Backward(GradientReduction.Sum, twice);
        model.Backward(GradientReduction.Sum, twice);
        model.Device.Operations.Scale(once.Values, 2);
        Directions.AssertClose(once, twice);
    }

    [Fact]
    public void A_backward_pass_needs_a_forward_pass_that_kept_something()
    {
        using var model = new RandomModel("cpu-256x1", 2, batch: 2);
        using var gradients = new ParameterVector(model.Device, model.Encoder.Layout);
        Matrix features = model.Encoder.Forward(model.Encoder.Parameters, model.Batch, keepForBackward: false);
        Assert.Throws<InvalidOperationException>(() => model.Encoder.Backward(model.Encoder.Parameters, gradients, features, GradientReduction.Sum));
        Assert.Throws<InvalidOperationException>(() => model.Encoder.HiddenState(0));
    }

    [Fact]
    public void Parameters_of_another_layout_are_refused_with_what_differs()
    {
        using var model = new RandomModel("cpu-256x1", 3, batch: 1);
        using var other = new ParameterVector(model.Device, new ParameterLayout([new("weight", [2, 2])]));
        string message = Assert.Throws<ArgumentException>(() => model.Encoder.Forward(other, model.Batch, keepForBackward: false)).Message;
        Assert.Contains("'weight' [2, 2] is not expected", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Random_weights_depend_on_the_seed_and_repeat()
    {
        using var a = new RandomModel("cpu-256x1", 4, batch: 1);
        using var b = new RandomModel("cpu-256x1", 4, batch: 1);
        using VisionTransformer c = VisionTransformer.CreateRandom(a.Device, a.Encoder.Config, seed: 99);
        Assert.Equal(VisionCase.Download(a.Encoder.Parameters.Values), VisionCase.Download(b.Encoder.Parameters.Values));
        Assert.NotEqual(VisionCase.Download(a.Encoder.Parameters.Values), VisionCase.Download(c.Parameters.Values));
    }
}
