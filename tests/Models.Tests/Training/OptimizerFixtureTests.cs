using MergeEngine.Models.Tests.Encoders;
using MergeEngine.Models.Training;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Training;

/// <summary>
/// 25 steps with given gradients against torch's optimizers in float64. Float32 torch is within 4.2e-7 of the largest parameter (about 9), the
/// bound is 1e-6 of it: round-off of 25 additions to a float32 parameter, and no more.
/// </summary>
public sealed class OptimizerFixtureTests
{
    private const int Length = 1003;
    private const double Bound = 1e-6;

    public static TheoryData<string> Devices() => [.. DeviceCases.Names.Append("reference")];

    [Theory]
    [MemberData(nameof(Devices))]
    public void AdamW_follows_its_trajectory(string device) => Follow(device, "adamw", (run, t) => run.Adam(new AdamSettings(1e-3, WeightDecay: 0.1), t));

    [Theory]
    [MemberData(nameof(Devices))]
    public void AdamW_without_decay_follows_its_trajectory(string device) => Follow(device, "adamw_wd0", (run, t) => run.Adam(new AdamSettings(1e-3), t));

    [Theory]
    [MemberData(nameof(Devices))]
    public void AdamW_with_a_cosine_schedule_follows_its_trajectory(string device)
    {
        var schedule = new Schedule(ScheduleKind.Cosine, 5, 25);
        Follow(device, "adamw_cosine", (run, t) => run.Adam(new AdamSettings(1e-3 * schedule.Factor(t), WeightDecay: 0.1), t));
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void AdamW_with_clipping_follows_its_trajectory(string device) =>
        Follow(device, "adamw_clip", (run, t) => run.Adam(new AdamSettings(1e-3, WeightDecay: 0.1), t, clip: true));

    [Theory]
    [MemberData(nameof(Devices))]
    public void Adam_follows_its_trajectory(string device) => Follow(device, "adam", (run, t) => run.Adam(new AdamSettings(1e-3, WeightDecay: 0.1, Coupled: true), t));

    [Theory]
    [MemberData(nameof(Devices))]
    public void Sgd_follows_its_trajectory(string device) => Follow(device, "sgd", (run, t) => run.Sgd(new SgdSettings(0.1, 0.9, 0.01), t));

    private static void Follow(string deviceName, string name, Action<Run, int> step)
    {
        using Device device = DeviceCases.Open(deviceName);
        using var expected = new VisionCase(FixtureFiles.PathOf("adamw/trajectory.safetensors"));
        using var run = new Run(device, expected);
        double[] wanted = expected.Doubles($"{name}.params"), norms = expected.Doubles("clip.norm");
        int[] steps = name == "adamw" ? [.. Enumerable.Range(1, 25)] : expected.Integers("steps");
        float[] gradients = expected.Floats("grads");
        for (int t = 0, row = 0; t < 25; t++)
        {
            device.Upload<float>(gradients.AsSpan(t * Length, Length), run.Gradients);
            step(run, t);
            if (name == "adamw_clip") Assert.Equal(norms[t], Math.Sqrt(run.SquaredNorm.ToHost()[0]), 1e-12 * norms[t]);
            if (steps[row] != t + 1) continue;
            ReadOnlySpan<double> want = wanted.AsSpan(row++ * Length, Length);
            float[] got = VisionCase.Download(run.Parameters);
            double largest = 0, worst = 0;
            for (int i = 0; i < Length; i++)
            {
                largest = Math.Max(largest, Math.Abs(want[i]));
                worst = Math.Max(worst, Math.Abs(want[i] - got[i]));
            }

            Assert.True(worst <= Bound * largest, $"{name}, step {t + 1}: {worst:e2} of {largest:g3}");
        }

        if (name != "adamw") return;
        expected.AssertClose("adamw.exp_avg", VisionCase.Download(run.First), Bound);
        expected.AssertClose("adamw.exp_avg_sq", VisionCase.Download(run.Second), Bound);
    }

    private sealed class Run : IDisposable
    {
        private readonly DeviceBuffer _memory, _norm;

        public Run(Device device, VisionCase expected)
        {
            _memory = device.Allocate<float>(4 * Length);
            _norm = device.Allocate<double>(1);
            device.Upload<float>(expected.Floats("param0"), Parameters);
        }

        public DeviceSpan<float> Parameters => Part(0);

        public DeviceSpan<float> Gradients => Part(1);

        public DeviceSpan<float> First => Part(2);

        public DeviceSpan<float> Second => Part(3);

        public DeviceSpan<double> SquaredNorm => _norm.AsSpan<double>();

        private OperationSet Operations => _memory.Device.Operations;

        public void Adam(AdamSettings settings, int t, bool clip = false)
        {
            if (clip) Operations.SquaredNorm(SquaredNorm, Gradients);
            Operations.Adam(Parameters, Gradients, First, Second, settings, t + 1, clip ? new GradientClip(SquaredNorm, 1) : default);
        }

        public void Sgd(SgdSettings settings, int t) => Operations.Sgd(Parameters, Gradients, First, settings, t + 1);

        public void Dispose()
        {
            _memory.Dispose();
            _norm.Dispose();
        }

        private DeviceSpan<float> Part(int index) => _memory.AsSpan<float>().Slice(index * Length, Length);
    }
}
