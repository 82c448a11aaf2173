using System.Globalization;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Models.Tests;

/// <summary>Every way to run a model on this machine, by a name that a test log shows: the reference, and each vector width with 1 and 2 threads.</summary>
public static class TestDevices
{
    public static IEnumerable<string> All()
    {
        yield return "reference";
        foreach (SimdLevel level in SimdLevels.Supported)
        {
            yield return $"cpu-{(int)level}-1";
            yield return $"cpu-{(int)level}-2";
        }
    }

    public static Device Open(string name)
    {
        if (name == "reference") return Device.Open(name);
        string[] parts = name.Split('-');
        return new CpuDevice(int.Parse(parts[2], CultureInfo.InvariantCulture), (SimdLevel)int.Parse(parts[1], CultureInfo.InvariantCulture));
    }
}
