using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Merging.Tuning;
using MergeEngine.Models.Training;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Tuning;

/// <summary>
/// tests/Fixtures/atm, step by step: the same loops in float64 by others. With AdamW every coordinate must be as near as float32 PyTorch
/// (the fixture's README; the engine was seen at a quarter of that or less). Plain descent takes five rounds of τ and merge, which
/// PyTorch's figure, of joint steps, does not: twice that. Key biases, whose gradient is mathematically 0, are left out.
/// </summary>
public sealed class AtmFixtureTests
{
    public static TheoryData<string> Devices => [.. DeviceCases.Kinds];

    [Theory, MemberData(nameof(Devices))]
    public void Three_rounds_of_the_mean_follow_the_fixture(string device)
    {
        using var fixture = EncoderFixture.Training(device);
        using var expected = FixtureFiles.Open("atm/case.safetensors");
        var rounds = Run(fixture, new AlternatingOptions(3, TuningLength.Epochs(2)));
        CheckLosses(expected.ReadFloat64("losses"), rounds);
        Check(expected, "theta.round1", rounds[0].Theta, new Bound(7.27e-7, 1.58e-7, 4.56e-8));
        Check(expected, "theta.round2", rounds[1].Theta, new Bound(1.27e-6, 3.01e-7, 8.86e-8));
        Check(expected, "theta.round3", rounds[2].Theta, new Bound(1.84e-6, 4.38e-7, 1.30e-7));
    }

    [Theory, MemberData(nameof(Devices))]
    public void Two_rounds_of_ties_follow_the_fixture(string device)
    {
        using var fixture = EncoderFixture.Training(device);
        using var expected = FixtureFiles.Open("atm/case.safetensors");
        var rounds = Run(fixture, new AlternatingOptions(2, TuningLength.Epochs(2)) { Merge = new Ties(0.2, 1) });
        CheckLosses(expected.ReadFloat64("ties.losses"), rounds);
        Check(expected, "ties.theta.round1", rounds[0].Theta, new Bound(7.43e-7, 1.31e-7, 3.18e-8));
        Check(expected, "ties.theta.round2", rounds[1].Theta, new Bound(1.62e-6, 2.18e-7, 5.72e-8));
    }

    /// <summary>One full-batch step a round, in the alternating loop and in the joint one: theory says they are one, the fixture agrees.</summary>
    [Theory, MemberData(nameof(Devices))]
    public void Rounds_of_one_gradient_step_are_joint_descent_in_both_loops(string device)
    {
        using var fixture = EncoderFixture.Training(device);
        using var expected = FixtureFiles.Open("atm/case.safetensors");
        var descent = new TrainingOptions { Optimizer = OptimizerKind.Sgd, LearningRate = 0.05, BatchSize = 64 };
        var rounds = Run(fixture, new AlternatingOptions(5, TuningLength.Steps(1)) { Merge = new TaskArithmetic(1.0 / 3) }, descent);
        Check(expected, "gd.theta.round1", rounds[0].Theta, new Bound(2.16e-7, 4.58e-8, 1.23e-8), times: 2);
        Check(expected, "gd.theta.round5", rounds[4].Theta, new Bound(2.16e-7, 4.58e-8, 1.23e-8), times: 2);
        using var tuning = new EncoderTuning(fixture.Encoder, descent, fixture.Tasks);
        using ParameterVector joint = JointTuning.Run(
            tuning.Tasks, fixture.Encoder.Parameters, TuningLength.Steps(5), tuning.CreateOptimizer, new TuningContext("joint", new Ledger()));
        Check(expected, "gd.theta.round5", Values(joint), new Bound(2.16e-7, 4.58e-8, 1.23e-8), times: 2);
    }

    private static List<(AlternatingRound Round, Dictionary<string, float[]> Theta)> Run(EncoderFixture fixture, AlternatingOptions options, TrainingOptions? training = null)
    {
        using var tuning = new EncoderTuning(fixture.Encoder, training ?? new TrainingOptions { LearningRate = 3e-4, WeightDecay = 0.01, BatchSize = 16 }, fixture.Tasks);
        var seen = new Recorder();
        AlternatingTuning.Run(tuning.Tasks, fixture.Encoder.Parameters, options, tuning.CreateOptimizer, new TuningContext("atm", new Ledger()), seen).Dispose();
        return seen.Rounds;
    }

    /// <summary>Means of 16 float32 losses of about 2: float32 PyTorch is within 1.07e-6.</summary>
    private static void CheckLosses(double[] expected, List<(AlternatingRound Round, Dictionary<string, float[]> Theta)> rounds)
    {
        double[] actual = [.. rounds.SelectMany(r => r.Round.Losses).SelectMany(l => l)];
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < actual.Length; i++) Assert.Equal(expected[i], actual[i], 1.07e-6);
    }

    private static void Check(SafetensorsFile file, string name, Dictionary<string, float[]> theta, Bound torch, int times = 1)
    {
        double[] expected = file.ReadFloat64(name);
        var errors = new List<double>();
        int at = 0;
        foreach ((string parameter, float[] values) in theta.OrderBy(p => p.Key, StringComparer.Ordinal))
        {
            if (!parameter.EndsWith("key.bias", StringComparison.Ordinal))
                errors.AddRange(values.Select((v, i) => Math.Abs(v - expected[at + i])));
            at += values.Length;
        }

        Assert.Equal(expected.Length, at);
        errors.Sort();
        Assert.InRange(errors[^1], 0, times * torch.Maximum);
        Assert.InRange(errors[(int)(0.99 * errors.Count)], 0, times * torch.Percentile99);
        Assert.InRange(Math.Sqrt(errors.Average(e => e * e)), 0, times * torch.RootMeanSquare);
    }

    private static Dictionary<string, float[]> Values(ParameterVector vector) => vector.Layout.Parameters.ToDictionary(p => p.Name, p => vector.Download(p.Name));

    /// <summary>Errors of float32 PyTorch, from the fixture's README.</summary>
    private readonly record struct Bound(double Maximum, double Percentile99, double RootMeanSquare);

    private sealed class Recorder : IAlternatingObserver
    {
        public List<(AlternatingRound Round, Dictionary<string, float[]> Theta)> Rounds { get; } = [];

        public void Tuned(int round, TaskVectors taskVectors)
        {
        }

        public void Merged(AlternatingRound round, ParameterVector merged) => Rounds.Add((round, Values(merged)));
    }
}
