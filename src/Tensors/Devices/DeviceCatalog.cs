using MergeEngine.Tensors.Cuda;
using MergeEngine.Tensors.Cuda.Interop;

namespace MergeEngine.Tensors;

/// <summary>A device that the engine knows: what it is, or why it cannot be used here.</summary>
/// <param name="Name">What <see cref="Device.Open"/> takes.</param>
/// <param name="Description">Processor or card; null where it cannot be used.</param>
/// <param name="Problem">One sentence that says what is missing and what to do, or why it was not tried; null where it can be used.</param>
/// <param name="IsUsable">Whether a product and a kernel ran on it; null where it was not tried.</param>
public sealed record DeviceStatus(string Name, string? Description, string? Problem, bool? IsUsable);

/// <summary>Looks for devices, and tries each: a product and a kernel have to run on it.</summary>
public static class DeviceCatalog
{
    /// <summary>The CPU, every GPU that the driver shows (or <c>cuda</c> with the reason why there is none), the emulated device and the reference.</summary>
    public static IReadOnlyList<DeviceStatus> List()
    {
        List<DeviceStatus> devices = [Try("cpu")];
        int gpus = 0;
        try
        {
            gpus = CudaContext.Count();
            if (gpus == 0) devices.Add(Unusable("cuda", "NVIDIA's driver is here and finds no GPU."));
        }
        catch (CudaException exception)
        {
            devices.Add(Unusable("cuda", exception.Message));
        }

        for (int i = 0; i < gpus; i++) devices.Add(Try($"cuda:{i}"));
        devices.Add(NativeLibraries.Platform == CudaPlatform.Nvidia ? EmulatedElsewhere(NativeLibraries.Candidates(CudaPlatform.Emulated, NativeLibraries.Driver)) : Try("emulated"));
        devices.Add(Try("reference"));
        return devices;
    }

    private static DeviceStatus Try(string name)
    {
        try
        {
            using Device device = Device.Open(name);
            using DeviceBuffer buffer = device.Allocate<float>(3);
            DeviceSpan<float> values = buffer.AsSpan<float>();
            Matrix a = new(values.Slice(0, 1), 1, 1), b = new(values.Slice(1, 1), 1, 1), c = new(values.Slice(2, 1), 1, 1);
            device.Operations.Fill(values, 2);
            device.Operations.MatrixProduct(c, a, b);
            float[] result = new float[1];
            device.Download(c.Data, result);
            return result[0] == 4
                ? new DeviceStatus(name, device.Description, null, true)
                : Unusable(name, $"It gives {result[0]} for 2 times 2: the kernels do not fit this device.");
        }
        catch (Exception exception) when (exception is CudaException or InsufficientMemoryException or NotSupportedException)
        {
            return Unusable(name, exception.Message);
        }
    }

    private static DeviceStatus Unusable(string name, string problem) => new(name, null, problem, false);

    /// <summary>A process has one driver; this one has NVIDIA's.</summary>
    internal static DeviceStatus EmulatedElsewhere(IReadOnlyList<string> candidates) => candidates.FirstOrDefault(File.Exists) is { } file
        ? new DeviceStatus("emulated", null, $"Not tried, since this process uses NVIDIA's driver; its library is {file}.", null)
        : Unusable("emulated", "The emulated device's library, which is for tests, is not here: ./build.sh in the engine's sources makes it.");
}
