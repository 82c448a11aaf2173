using System.Runtime.InteropServices;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tensors.Tests.Safetensors;
using MergeEngine.Tensors.Tests.Support;

namespace MergeEngine.Tensors.Tests.Operations;

/// <summary>
/// 25 steps with given gradients (zeros, subnormal squares, values the size of epsilon) against torch's optimizers in float64. The bound for each run is the error that
/// torch itself makes in float32, as the fixture's README has it, relative to the largest parameter, and a tenth: storage in
/// float32 alone costs nearly that, and every order of operations rounds in other places.
/// </summary>
public class OptimizerTrajectoryTests
{
    private const int Length = 1003, Steps = 25;

    private static readonly Dictionary<string, (double TorchError, Func<SafetensorsFile, int, object> Settings)> s_runs = new()
    {
        ["adamw"] = (4.20e-7, (_, _) => new AdamSettings(1e-3, WeightDecay: 0.1)),
        ["adamw_wd0"] = (6.27e-8, (_, _) => new AdamSettings(1e-3)),
        ["adamw_cosine"] = (1.98e-7, (file, t) => new AdamSettings(Doubles(file, "cosine.lr")[t], WeightDecay: 0.1)),
        ["adamw_clip"] = (2.63e-7, (_, _) => new AdamSettings(1e-3, WeightDecay: 0.1)),
        ["sgd"] = (2.18e-7, (_, _) => new SgdSettings(0.1, 0.9, 0.01)),
        ["adam"] = (7.79e-8, (_, _) => new AdamSettings(1e-3, WeightDecay: 0.1, Coupled: true)),
    };

    public static TheoryData<string, string> Runs()
    {
        var data = new TheoryData<string, string>();
        foreach (string run in s_runs.Keys)
        {
            foreach (string device in DeviceCases.Names.Append("reference")) data.Add(run, device);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public void A_run_stays_as_close_to_float64_as_torch_does_in_float32(string name, string deviceName)
    {
        using SafetensorsFile file = SafetensorsFile.Open(FixtureFiles.OptimizerTrajectories);
        using Device device = DeviceCases.Open(deviceName);
        using var run = new OperationRun(device, 1);
        DeviceSpan<float> parameters = run.Values(file.ReadFloat32("param0")), gradients = run.Values(new float[Length]);
        DeviceSpan<float> first = run.Values(new float[Length]), second = run.Values(new float[Length]);
        DeviceSpan<double> norm = run.Upload<double>([0]);
        float[] allGradients = file.ReadFloat32("grads");
        double[] expected = Doubles(file, $"{name}.params");
        int[] kept = name == "adamw" ? [.. Enumerable.Range(1, Steps)] : file.ReadInt32("steps");
        for (int t = 0, row = 0; t < Steps; t++)
        {
            device.Upload<float>(allGradients.AsSpan(t * Length, Length), gradients);
            GradientClip clip = default;
            if (name == "adamw_clip")
            {
                device.Operations.SquaredNorm(norm, gradients);
                clip = new GradientClip(norm, 1);
            }

            if (s_runs[name].Settings(file, t) is AdamSettings adam) device.Operations.Adam(parameters, gradients, first, second, adam, t + 1, clip);
            else device.Operations.Sgd(parameters, gradients, first, (SgdSettings)s_runs[name].Settings(file, t), t + 1, clip);
            if (kept[row] == t + 1)
                OperationChecks.Compare($"{name} after step {t + 1} on {deviceName}", expected[(row * Length)..(++row * Length)], Host(parameters), 1.1 * s_runs[name].TorchError);
        }

        if (name != "adamw") return;
        // 25 steps of two roundings each, weighted by what the decay has left of them.
        OperationChecks.Compare("first moment", Doubles(file, "adamw.exp_avg"), Host(first), 3e-7);
        OperationChecks.Compare("second moment", Doubles(file, "adamw.exp_avg_sq"), Host(second), 3e-7);
    }

    private static double[] Host(DeviceSpan<float> values) => Array.ConvertAll(values.ToHost(), v => (double)v);

    private static double[] Doubles(SafetensorsFile file, string name) => MemoryMarshal.Cast<byte, double>(file.GetSpan(name)).ToArray();
}
