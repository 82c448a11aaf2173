using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Tests.Operations.Vectors;

/// <summary>Merges in which every element has a weight of its own: the same bits as the textbook loop everywhere, and values worked out otherwise.</summary>
public sealed class WeightTests
{
    private static readonly CompetitionTerm[] s_terms = [new(0.1, 2, 0.01, 0.9, 1), new(0, 1e-3, 0, 0.5, -0.5), new(0.5, 0.5, 0.2, 0.1, 2), new(1e-3, 10, 1e-9, 1, 0.25)];

    public static IReadOnlyDictionary<string, VectorCase> Cases { get; } = new[]
    {
        Weighted(1, 1e-6), Weighted(3, 0), Weighted(8, 0.5, into: true), Scores(1, 0), Scores(3, 2), Scores(8, 5), Competition(1), Competition(4), Competition(8, into: true),
    }.ToDictionary(c => c.Name);

    private static readonly Dictionary<string, VectorCase> s_long = new[] { Weighted(70, 0), Scores(66, 65), Competition(67) }.ToDictionary(c => c.Name);

    public static TheoryData<string, string> OnDevices() => VectorCase.OnDevices(Cases.Values);

    public static TheoryData<string, string> LongOnDevices() => VectorCase.OnDevices(s_long.Values);

    public static TheoryData<string> Devices => [.. DeviceCases.Kinds];

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void An_operation_gives_the_bits_of_the_reference(string name, string device) => Cases[name].GivesTheBitsOfTheReference(device);

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void An_operation_does_not_depend_on_where_its_vectors_start(string name, string device) => Cases[name].DoesNotDependOnAlignment(device);

    [Theory]
    [MemberData(nameof(LongOnDevices))]
    public void A_list_may_be_of_any_length(string name, string device) => s_long[name].DoesNotDependOnAlignment(device);

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void A_repeated_operation_allocates_nothing(string name, string device) => Cases[name].AllocatesNothing(device);

    /// <summary>From 10 to 14 and 6 with weights 3 and 1; equal weights by the floor; nothing differs; no weight at all.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void A_weighted_mean_is_taken_element_by_element(string name)
    {
        using Device device = DeviceCases.Open(name, 2);
        using var run = new VectorRun(device, 4);
        DeviceSpan<float> origin = run.Upload<float>([10, 10, -0f, 10]), output = run.Output<float>();
        DeviceSpan<float>[] inputs = [run.Upload<float>([14, 14, -0f, 14]), run.Upload<float>([6, 8, 0, 6])], weights = [run.Upload<float>([3, 0.1f, 1, 1]), run.Upload<float>([1, 0.2f, 1, 1])];
        device.Operations.MergeWeighted(output, origin, inputs, weights, [1, 1], 0.5);
        Assert.Equal(VectorInputs.ToBits([12f, 11, -0f, 10]), VectorInputs.ToBits(output.ToHost()));
        device.Operations.MergeWeighted(output, origin, inputs, weights, [1, -1], 0);
        Assert.Equal(10f, output.ToHost()[3]);
    }

    /// <summary>Against the machine's exponential and hyperbolic tangent: a few units in the last place of float64, 2⁻⁴⁹ relative with all else.</summary>
    [Fact]
    public void Scores_are_those_of_the_formula()
    {
        var random = new Random(3);
        CompetitionTerm[] terms = [new(0.01, 1.5), new(0.02, 2), new(0, 1)];
        float[][] values = [.. terms.Select(_ => Enumerable.Range(0, 5000).Select(_ => (float)(random.NextDouble() * Math.Pow(10, random.Next(-5, 2)) * (random.Next(2) * 2 - 1))).ToArray())];
        using var device = new CpuDevice(2);
        using var run = new VectorRun(device, 5000);
        DeviceSpan<double> scores = run.Output<double>();
        for (int k = 0; k < terms.Length; k++)
        {
            device.Operations.CompetitionScores(scores, [.. values.Select(v => run.Upload<float>(v))], terms, k);
            double[] found = scores.ToHost();
            for (int i = 0; i < found.Length; i++)
            {
                double[] shares = [.. terms.Select((t, j) => (Math.Clamp(Math.Abs((double)values[j][i]), t.Low, t.High) - t.Low) / (t.High - t.Low))];
                double x = values[k][i] * shares.Select((s, j) => s * Math.Sign(values[j][i])).Sum();
                double expected = Math.Max(0, Math.Exp(3 * ((shares[k] * shares[k]) - 1)) * Math.Tanh(x));
                Assert.Equal(expected, found[i], Math.Abs(expected) * Math.Pow(2, -49));
            }
        }
    }

    [Fact]
    public void Bad_arguments_are_named()
    {
        using var device = new CpuDevice(1);
        using var run = new VectorRun(device, 6);
        DeviceSpan<float> x = run.Input(0);
        OperationSet o = device.Operations;
        Assert.Contains("finite", Assert.Throws<ArgumentException>(() => o.MergeWeighted(x, x, [x], [x], [double.NaN], 0)).Message, StringComparison.Ordinal);
        Assert.Contains("floor", Assert.Throws<ArgumentOutOfRangeException>(() => o.MergeWeighted(x, x, [x], [x], [1], double.NaN)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => o.CompetitionScores(run.Output<double>(), [x], [new CompetitionTerm(0, 1)], 1));
        Assert.Contains("finite", Assert.Throws<ArgumentOutOfRangeException>(() => o.MergeCompetition(x, x, [x], [new CompetitionTerm(0, 1)], double.NaN)).Message, StringComparison.Ordinal);
    }

    private static VectorCase Weighted(int count, double floor, bool into = false) => new($"MergeWeighted of {count}{(into ? ", into the origin" : "")}", run =>
    {
        DeviceSpan<float> origin = run.Input(90);
        DeviceSpan<float>[] inputs = run.Inputs(count), weights = [.. Enumerable.Range(0, count).Select(k => run.Input(100 + k))];
        DeviceSpan<float> output = into ? run.Result(origin) : run.Output<float>();
        double[] factors = [.. Enumerable.Range(0, count).Select(k => 0.3 - (0.11 * (k % 5)))];
        return () => run.Operations.MergeWeighted(output, origin, inputs, weights, factors, floor);
    });

    private static VectorCase Scores(int count, int index) => new($"CompetitionScores of {index} among {count}", run =>
    {
        DeviceSpan<float>[] inputs = run.Inputs(count);
        DeviceSpan<double> scores = run.Output<double>();
        CompetitionTerm[] terms = Terms(count);
        return () => run.Operations.CompetitionScores(scores, inputs, terms, index);
    });

    private static VectorCase Competition(int count, bool into = false) => new($"MergeCompetition of {count}{(into ? ", into the origin" : "")}", run =>
    {
        DeviceSpan<float> origin = run.Input(90);
        DeviceSpan<float>[] inputs = run.Inputs(count);
        DeviceSpan<float> output = into ? run.Result(origin) : run.Output<float>();
        CompetitionTerm[] terms = Terms(count);
        return () => run.Operations.MergeCompetition(output, origin, inputs, terms, 0.7);
    });

    private static CompetitionTerm[] Terms(int count) => [.. Enumerable.Range(0, count).Select(k => s_terms[k % s_terms.Length])];
}
