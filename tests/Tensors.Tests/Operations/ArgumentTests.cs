using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Tests.Operations;

/// <summary>Wrong arguments get one sentence that names the argument, what was found and what is needed; nothing is computed.</summary>
public sealed class ArgumentTests : IDisposable
{
    private readonly Device _device = Device.Open("cpu", 1);
    private readonly Device _other = Device.Open("reference");
    private readonly DeviceBuffer _memory, _foreign;

    public ArgumentTests()
    {
        _memory = _device.Allocate<float>(1000);
        _foreign = _other.Allocate<float>(1000);
    }

    private OperationSet Operations => _device.Operations;

    public void Dispose()
    {
        _memory.Dispose();
        _foreign.Dispose();
        _device.Dispose();
        _other.Dispose();
    }

    [Fact]
    public void A_matrix_of_the_wrong_shape_is_refused() => Refused(
        "'output' is [3, 4], [3, 5] is needed.",
        () => Operations.LayerNormForward(M(3, 4), default, default, M(3, 5), V(5), V(5), 1e-5f));

    [Fact]
    public void A_vector_that_is_too_short_is_refused() => Refused(
        "'weight' has 4 elements, 5 are needed.",
        () => Operations.LayerNormForward(M(3, 5), default, default, M(3, 5), V(4), V(5), 1e-5f));

    [Fact]
    public void A_missing_argument_is_refused() => Refused(
        "'bias' was not given.",
        () => Operations.LayerNormForward(M(3, 5), default, default, M(3, 5), V(5), default, 1e-5f));

    [Fact]
    public void Memory_of_another_device_is_refused() => Refused(
        "'input' is memory of device 'reference', the operation runs on 'cpu'.",
        () => Operations.ActivationForward(V(5), _foreign.AsSpan<float>().Slice(0, 5), Activation.GeluErf));

    [Fact]
    public void A_matrix_of_another_device_is_refused() => Refused(
        "'logits' is memory of device 'reference', the operation runs on 'cpu'.",
        () => Operations.CrossEntropy(V(2), default, new Matrix(_foreign.AsSpan<float>(), 2, 3), I(2), 1));

    [Fact]
    public void Rows_that_are_not_whole_samples_are_refused() => Refused(
        "7 rows are not a whole number of samples of 2 rows.",
        () => Operations.ScaleColumnsBackward(M(7, 3), V(3), M(7, 3), M(7, 3), V(3), GradientReduction.AbsolutePerSample, 2));

    [Fact]
    public void No_rows_in_a_sample_are_refused() => Refused(
        "6 rows are not a whole number of samples of 0 rows.",
        () => Operations.EmbeddingBackward(M(4, 3), I(6), M(6, 3), GradientReduction.Sum, 0));

    [Fact]
    public void Attention_checks_every_matrix_and_its_mask()
    {
        var shape = new AttentionShape(2, 3, 2, 4);
        Refused("'key' is [6, 7], [6, 8] is needed.", () => Operations.AttentionForward(M(6, 8), default, M(6, 8), M(6, 7), M(6, 8), shape));
        Refused("'keyMask' has 5 elements, 6 are needed.", () => Operations.AttentionForward(M(6, 8), default, M(6, 8), M(6, 8), M(6, 8), shape, I(5)));
        Refused("'logSumExp' was not given.", () => Operations.AttentionBackward(M(6, 8), M(6, 8), M(6, 8), M(6, 8), M(6, 8), default, M(6, 8), M(6, 8), M(6, 8), shape));
    }

    [Fact]
    public void Images_and_patches_must_fit_their_shape() => Refused(
        "'patches' is [8, 9], [8, 12] is needed.",
        () => Operations.PatchesForward(M(8, 9), V(96), new PatchShape(2, 3, 4, 4, 2)));

    [Fact]
    public void Labels_must_be_as_many_as_rows() => Refused(
        "'labels' has 2 elements, 3 are needed.",
        () => Operations.CrossEntropy(V(3), default, M(3, 4), I(2), 1));

    [Fact]
    public void Momentum_without_its_memory_is_refused() => Refused(
        "'momentum' was not given.",
        () => Operations.Sgd(V(5), V(5), default, new SgdSettings(0.1, Momentum: 0.9), 1));

    [Fact]
    public void Optimizer_steps_count_from_one()
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => Operations.Adam(V(5), V(5), V(5), V(5), new AdamSettings(0.1), 0));
        Assert.Equal("step", error.ParamName);
    }

    [Fact]
    public void Clipping_needs_one_number_of_its_own_device_and_a_norm()
    {
        var settings = new AdamSettings(0.1);
        DeviceSpan<double> norm = _memory.AsSpan<double>();
        Refused("'clip' has 0 elements, 1 are needed.", () => Operations.Adam(V(5), V(5), V(5), V(5), settings, 1, new GradientClip(norm.Slice(0, 0), 1)));
        Refused("'clip' is memory of device 'reference'", () => Operations.Sgd(V(5), V(5), default, new SgdSettings(0.1), 1, new GradientClip(_foreign.AsSpan<double>(), 1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Operations.Adam(V(5), V(5), V(5), V(5), settings, 1, new GradientClip(norm, double.NaN)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Operations.Adam(V(5), V(5), V(5), V(5), settings, 1, new GradientClip(norm, -1)));
    }

    [Fact]
    public void Pooled_rows_must_share_all_rows_alike()
    {
        Refused("12 rows cannot be shared by 5 samples.", () => Operations.MeanPoolForward(M(5, 3), M(12, 3)));
        Refused("12 rows cannot be shared by 0 samples.", () => Operations.MeanPoolBackward(M(12, 3), M(0, 3)));
        Assert.Throws<ArgumentOutOfRangeException>(() => Operations.MeanPoolForward(M(4, 3), M(12, 3), firstToken: -1));
    }

    [Fact]
    public void Tokens_must_be_whole_samples_and_no_fewer_than_patches()
    {
        Refused("9 rows cannot be shared by 2 samples.", () => Operations.AssembleTokensForward(M(8, 3), M(9, 3), default, M(4, 3), 0, 2));
        Refused("9 rows cannot be shared by 0 samples.", () => Operations.AssembleTokensForward(M(9, 3), M(9, 3), default, M(4, 3), 0, 0));
        Refused("8 rows of patches cannot come from 4 rows of tokens.", () => Operations.AssembleTokensBackward(M(8, 3), default, default, M(4, 3), 0, GradientReduction.Sum, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Operations.AssembleTokensForward(M(8, 3), M(8, 3), default, default, 5, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => Operations.AssembleTokensForward(M(8, 3), M(8, 3), default, M(5, 3), -1, 2));
    }

    [Fact]
    public void Shapes_without_a_meaning_are_refused()
    {
        Refused("Images [2, 3, 4, 4] cannot be cut into patches of 0 by 0 pixels.", () => Operations.PatchesForward(M(8, 12), V(96), new PatchShape(2, 3, 4, 4, 0)));
        Refused("There is no attention of -2 samples, -3 tokens", () => Operations.AttentionForward(M(6, 8), default, M(6, 8), M(6, 8), M(6, 8), new AttentionShape(-2, -3, 2, 4)));
        Refused("There is no attention of 2 samples, 3 tokens and 0 heads", () => Operations.AttentionForward(M(6, 0), default, M(6, 0), M(6, 0), M(6, 0), new AttentionShape(2, 3, 0, 4)));
        Assert.Throws<OverflowException>(() => new AttentionShape(1 << 20, 1 << 20, 1, 1).Rows);
    }

    [Fact]
    public void A_histogram_has_a_counter_for_each_digit()
    {
        Assert.Throws<ArgumentException>(() => Operations.MagnitudeHistogram(new long[4], V(5), 0, 0, 3));
        Assert.Throws<ArgumentException>(() => Operations.KeyHistogram(new long[4], _memory.AsSpan<double>(), 0, 0, 33));
        Assert.Throws<ArgumentException>(() => Operations.KeyHistogram(new long[4], _memory.AsSpan<double>(), 0, 60, 4));
    }

    [Fact]
    public void An_unknown_activation_is_refused() =>
        Assert.StartsWith(
            "Unknown activation.",
            Assert.Throws<ArgumentOutOfRangeException>(() => Operations.ActivationForward(V(5), V(5), (Activation)99)).Message,
            StringComparison.Ordinal);

    [Fact]
    public void Work_of_no_rows_is_no_work()
    {
        Operations.LayerNormForward(M(0, 5), default, default, M(0, 5), V(5), V(5), 1e-5f);
        Operations.LayerNormBackward(M(0, 5), V(5), V(5), M(0, 5), M(0, 5), V(0), V(0), V(5), GradientReduction.Sum, 1);
        Operations.AttentionForward(M(0, 8), default, M(0, 8), M(0, 8), M(0, 8), new AttentionShape(0, 3, 2, 4));
        Operations.CrossEntropy(V(0), default, M(0, 4), I(0), 1);
        Operations.EmbeddingForward(M(0, 3), I(0), M(2, 3));
        Operations.EmbeddingBackward(M(2, 3), I(0), M(0, 3), GradientReduction.Sum, 1);
        Operations.ActivationForward(V(0), V(0), Activation.Tanh);
        Operations.MeanPoolForward(M(0, 3), M(0, 3));
        Operations.MeanPoolBackward(M(0, 3), M(0, 3));
        Operations.AssembleTokensForward(M(0, 3), M(0, 3), M(1, 3), M(1, 3), 0, 0);
        Operations.AssembleTokensBackward(M(0, 3), default, default, M(0, 3), 0, GradientReduction.Sum, 0);
        var host = new float[1000];
        _device.Download(_memory.AsSpan<float>(), host);
        Assert.All(host, v => Assert.Equal(0, v));
    }

    private DeviceSpan<float> V(int length) => _memory.AsSpan<float>().Slice(0, length);

    private DeviceSpan<int> I(int length) => _memory.AsSpan<int>().Slice(0, length);

    private Matrix M(int rows, int columns) => new(_memory.AsSpan<float>(), rows, columns);

    private static void Refused(string sentence, Action call) =>
        Assert.StartsWith(sentence, Assert.Throws<ArgumentException>(call).Message, StringComparison.Ordinal);
}
