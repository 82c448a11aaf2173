using MergeEngine.Merging.TensorMethods.Parts;
using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Merging.Streaming.Execution.Pipeline;

/// <summary>
/// Where threads that compute a chunk offer parts of it to threads of the pipeline that have nothing else to do. Each offer is carried out by the thread that makes it, too, so it waits
/// for nobody but those who have begun a part.
/// </summary>
/// <param name="cpu">Where the parts are computed.</param>
internal sealed class HelpBoard(CpuDevice cpu) : MergeTeam
{
    private readonly Lock _gate = new();
    private readonly List<PartGroup> _offers = [];

    /// <summary>Called when there is something new to do.</summary>
    public Action? Posted { get; set; }

    public override void Run(PartGroup parts, IPartWorker own)
    {
        lock (_gate) _offers.Add(parts);
        Posted?.Invoke();
        try
        {
            // Those who might help have the device's cores.
            using (cpu.OnCallingThread()) parts.Work(own);
        }
        finally
        {
            lock (_gate) _offers.Remove(parts);
        }

        parts.Complete();
    }

    /// <summary>The first offer that a thread with so many bytes can join; it has joined. Null without any.</summary>
    public PartGroup? TryJoin(long bytes)
    {
        lock (_gate)
        {
            foreach (PartGroup offer in _offers)
            {
                if (offer.HelperBytes <= bytes && offer.TryJoin()) return offer;
            }
        }

        return null;
    }
}
