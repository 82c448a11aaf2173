using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Tests.Support;

namespace MergeEngine.Tensors.Tests.Operations;

/// <summary>
/// Optimizer steps. Parameters are rounded once per step (6e-8), moments twice: 2e-7. The second moment is a product of rounded factors: 3e-7.
/// </summary>
internal static class OptimizerCases
{
    public static IEnumerable<OperationCase> All
    {
        get
        {
            foreach (int length in new[] { 1, 15, 1003, 40_000 })
            {
                foreach (bool coupled in new[] { false, true })
                {
                    foreach (int step in new[] { 1, 2, 1000 })
                    {
                        yield return new($"Adam [{length}] step {step} {(coupled ? "coupled" : "decoupled")}", 3e-7, run =>
                            Adam(run, length, new AdamSettings(1e-2, 0.9, 0.999, 1e-8, 0.05, coupled), step, clip: false));
                    }
                }

                yield return new($"Adam clipped [{length}]", 3e-7, run => Adam(run, length, new AdamSettings(1e-3, 0.8, 0.95, 1e-6), 3, clip: true));
                foreach (double momentum in new[] { 0, 0.9 })
                {
                    foreach (bool nesterov in new[] { false, true })
                    {
                        foreach (int step in new[] { 1, 2 })
                        {
                            yield return new($"Sgd [{length}] momentum {momentum} step {step} {(nesterov ? "Nesterov" : "")}", 3e-7, run =>
                                Sgd(run, length, new SgdSettings(0.1, momentum, 0.01, nesterov), step, clip: step == 2));
                        }
                    }
                }
            }

            yield return new("Adam with gradients from subnormal squares to the size of epsilon", 3e-7, run =>
            {
                float[] gradients = run.NormalArray(300);
                for (int i = 0; i < 300; i++) gradients[i] *= (i % 6) switch { 0 => 0, 1 => 1e-20f, 2 => 1e-23f, 3 => 1e-8f, 4 => 1e-4f, _ => 1e3f };
                return Adam(run, gradients, new AdamSettings(1e-3, WeightDecay: 0.1), 1, clip: false);
            });
            yield return new("Sgd without momentum memory", 3e-7, run =>
            {
                DeviceSpan<float> parameters = run.Normal(20), gradients = run.Normal(20);
                run.Result("parameters", parameters);
                return () => run.Operations.Sgd(parameters, gradients, default, new SgdSettings(0.5), 1);
            });
        }
    }

    private static Action Adam(OperationRun run, int length, AdamSettings settings, int step, bool clip) => Adam(run, run.NormalArray(length), settings, step, clip);

    private static Action Adam(OperationRun run, float[] values, AdamSettings settings, int step, bool clip)
    {
        int length = values.Length;
        DeviceSpan<float> parameters = run.Normal(length), gradients = run.Values(values);
        DeviceSpan<float> first = run.Values(step == 1 ? new float[length] : run.NormalArray(length, 0.5));
        DeviceSpan<float> second = run.Values(step == 1 ? new float[length] : Array.ConvertAll(run.NormalArray(length), v => v * v));
        GradientClip limit = clip ? new GradientClip(run.Upload<double>([9]), 1) : default;
        run.Result("parameters", parameters);
        run.Result("firstMoment", first);
        run.Result("secondMoment", second);
        return () => run.Operations.Adam(parameters, gradients, first, second, settings, step, limit);
    }

    private static Action Sgd(OperationRun run, int length, SgdSettings settings, int step, bool clip)
    {
        DeviceSpan<float> parameters = run.Normal(length), gradients = run.Normal(length), momentum = run.Normal(length);
        GradientClip limit = clip ? new GradientClip(run.Upload<double>([0.25]), 1) : default;
        run.Result("parameters", parameters);
        run.Result("momentum", momentum);
        return () => run.Operations.Sgd(parameters, gradients, momentum, settings, step, limit);
    }
}
