using System.Reflection;
using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Probes;

/// <summary>Where figures were measured, and with what.</summary>
/// <param name="Processor">Its name as the operating system gives it, else its architecture.</param>
/// <param name="Cores">Logical processors that this process may use.</param>
/// <param name="OperatingSystem">Name and version.</param>
/// <param name="Runtime">Name and version.</param>
/// <param name="Engine">Version of this library, with the commit where the build knew it.</param>
public sealed record MachineDescription(string Processor, int Cores, string OperatingSystem, string Runtime, string Engine)
{
    /// <summary>This machine and this process.</summary>
    public static MachineDescription Current { get; } = new(
        ProcessorName() ?? RuntimeInformation.ProcessArchitecture.ToString(), Environment.ProcessorCount, RuntimeInformation.OSDescription, RuntimeInformation.FrameworkDescription,
        typeof(MachineDescription).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown");

    /// <summary>Linux lists it for each core; other systems say it in the environment or not at all.</summary>
    private static string? ProcessorName()
    {
        if (!System.OperatingSystem.IsLinux()) return Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER");
        try
        {
            string? line = File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal));
            string? name = line?[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
            return string.IsNullOrEmpty(name) ? null : name;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
