using System.CommandLine;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations.Profiling;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Cli.CommandLine;

/// <summary><c>--profile</c>: where the time of a command's main work goes.</summary>
internal static class ProfileOption
{
    public static readonly Option<bool> Profile = new("--profile")
    {
        Description = "Time every operation: calls, rate, and share of what the device can do. A GPU waits for each, so the whole takes longer.",
    };

    /// <summary>Runs work and, where <c>--profile</c> is given, times its operations.</summary>
    /// <typeparam name="T">Its result.</typeparam>
    /// <param name="context">The command line.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="work">Takes the profile, or null.</param>
    public static (T Result, ProfileShares? Profile) Run<T>(CommandContext context, Device device, Func<OperationProfile?, T> work)
    {
        if (!context.Get(Profile)) return (work(null), null);
        using OperationProfile profile = device.StartProfile();
        T result = work(profile);
        return (result, ProfileShares.Of(profile, device));
    }
}
