using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Probes;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations.Profiling;

namespace MergeEngine.Models.Tests.Probes;

/// <summary>What the figures of whole encoders are made of.</summary>
public sealed class EncoderThroughputTests
{
    [Theory]
    [InlineData("vit-tiny", 3)]
    [InlineData("minilm-8", 2)]
    [InlineData("minilm-mixed", 5)]
    [InlineData("bert-base", 1)]
    public void The_operations_of_a_forward_pass_are_those_that_the_device_was_asked_for(string model, int batch)
    {
        using Device device = Device.Open("cpu");
        using OperationProfile profile = device.StartProfile();
        PassTime time = EncoderThroughput.Forward(device, model, batch, rounds: 2, profile: profile, cancellation: TestContext.Current.CancellationToken);
        Assert.Equal(2 * time.Operations, profile.Operations.Sum(o => o.Operations), 1e-9 * time.Operations);
    }

    [Fact]
    public void A_training_step_has_every_product_three_times()
    {
        using Device device = Device.Open("cpu", threads: 1);
        using OperationProfile profile = device.StartProfile();
        PassTime time = EncoderThroughput.TrainingStep(device, "vit-tiny", 2, rounds: 3, profile: profile, cancellation: TestContext.Current.CancellationToken);
        Dictionary<string, double> operations = profile.Operations.GroupBy(o => o.Name).ToDictionary(g => g.Key, g => g.Sum(o => o.Operations));
        // Images and a head that is a constant need one gradient less: 64 x 192 weights for 16 patches of 2 images, and 10 x 64 weights.
        Assert.Equal(operations["LinearForward"] - (3 * 2.0 * 2 * 16 * 64 * 192), operations["LinearBackwardInput"]);
        Assert.Equal(operations["LinearForward"] - (3 * 2.0 * 2 * 10 * 64), operations["LinearBackwardWeight"]);
        // Scores are made again: five products for two.
        Assert.Equal(2.5 * operations["AttentionForward"], operations["AttentionBackward"]);
        Assert.Equal(time.Operations, operations["LinearForward"] + operations["AttentionForward"]);
    }

    [Theory]
    [InlineData("vit-tiny")]
    [InlineData("minilm-8")]
    public void Passes_allocate_nothing(string model)
    {
        using Device device = Device.Open("cpu", threads: 2);
        Assert.Equal(0, EncoderThroughput.Forward(device, model, 1, rounds: 20, cancellation: TestContext.Current.CancellationToken).AllocatedBytes);
        Assert.Equal(0, EncoderThroughput.TrainingStep(device, model, 2, rounds: 5, cancellation: TestContext.Current.CancellationToken).AllocatedBytes);
    }

    [Fact]
    public void Figures_belong_together()
    {
        using Device device = Device.Open("cpu", threads: 1);
        PassTime time = EncoderThroughput.Forward(device, "vit-tiny", 1, rounds: 30, cancellation: TestContext.Current.CancellationToken);
        Assert.True(time.Best <= time.Median && time.Median <= time.P99, $"{time}");
        Assert.Equal(time.Operations / time.Median / 1e6, time.Gflops, 1e-9 * time.Gflops);
        Assert.Equal(time.Gflops / time.PeakGflops, time.Share);
        Assert.Equal(0, device.AllocatedBytes);
    }

    [Fact]
    public void An_unknown_model_is_refused_with_those_that_are_known()
    {
        using Device device = Device.Open("cpu", threads: 1);
        ArgumentException exception = Assert.Throws<ArgumentException>(() => EncoderThroughput.Forward(device, "bert-huge", 1, 1, cancellation: TestContext.Current.CancellationToken));
        Assert.StartsWith("There is no model 'bert-huge'; known models are vit-b-32,", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_whose_inputs_cannot_be_made_leaves_no_memory()
    {
        using Device device = Device.Open("cpu", threads: 1);
        var inputs = new BrokenInputs();
        Assert.Throws<InsufficientMemoryException>(() => new ProbeModel(device, inputs));
        Assert.True(inputs.AllocatedBytes > 0);
        Assert.Equal(0, device.AllocatedBytes);
    }

    /// <summary>The encoder is there, and then memory ends.</summary>
    private sealed class BrokenInputs() : ProbeInputs(2)
    {
        private readonly VisionInputs _inputs = new(16, 8, 8, 1, 2, 2);

        public long AllocatedBytes { get; private set; }

        public override double ForwardOperations => _inputs.ForwardOperations;

        public override Encoder CreateEncoder(Device device) => _inputs.CreateEncoder(device);

        public override void Send(Batch batch)
        {
            _inputs.Send(batch);
            AllocatedBytes = batch.Labels.Buffer.Device.AllocatedBytes;
            throw new InsufficientMemoryException();
        }
    }
}
