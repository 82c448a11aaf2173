using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Merging.TensorMethods.Parts;

/// <summary>The threads that may do parts of a tensor's merge.</summary>
internal abstract class MergeTeam
{
    /// <summary>Returns when all parts are done.</summary>
    /// <param name="parts">By as many threads as there are for them.</param>
    /// <param name="own">The caller's worker; another thread may use it in the caller's place.</param>
    public abstract void Run(PartGroup parts, IPartWorker own);
}

/// <summary>A processor's own threads.</summary>
internal sealed class DeviceTeam(CpuDevice device) : MergeTeam
{
    public override void Run(PartGroup parts, IPartWorker own)
    {
        device.RunSideBySide(device.IsOnCallingThread ? 1 : Math.Min(parts.Count, device.Threads), place =>
        {
            if (place == 0) parts.Work(own);
            else if (parts.TryJoin()) parts.Help();
        });
        parts.Complete();
    }
}
