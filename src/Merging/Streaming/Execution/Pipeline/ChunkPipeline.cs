using System.Runtime.ExceptionServices;
using MergeEngine.Merging.Streaming.Profiling;
using MergeEngine.Merging.TensorMethods.Parts;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;

namespace MergeEngine.Merging.Streaming.Execution.Pipeline;

/// <summary>
/// Threads that take flows through their passes. Each thread takes the next step that can be done, wherever it is: so reading, computing, hashing and writing
/// of different chunks overlap, a flow that is slow to compute does not keep the others from the disk, and memory is bounded.
/// </summary>
/// <remarks>
/// Several flows are open at one time, as memory allows. A thread that has read the chunk whose turn it is computes and writes it at once, while it is in the
/// thread's cache. Every open flow has memory of its own for one chunk, so that none can wait for ever. A thread that finds nothing to do helps to compute a chunk of which there are
/// parts to give away, if there is memory for that.
/// </remarks>
internal sealed class ChunkPipeline : IDisposable
{
    private readonly object _gate = new();
    private readonly List<OpenFlow> _open = [];
    private readonly ChunkMemory _memory;
    private readonly CpuDevice? _cpu;
    private readonly int _threads;
    private readonly MemoryPlan _plan;
    private readonly long _held;
    private readonly long _budget;
    private readonly HelpBoard? _board;
    private readonly CancellationToken _cancellation;
    private IEnumerator<ChunkFlow>? _flows;
    private ChunkFlow? _waiting;
    private readonly StageTimes? _times;
    private ExceptionDispatchInfo? _failure;
    private long _free;
    private long _working;
    private int _idle;
    private bool _opening;
    private bool _more;

    /// <param name="device">Where chunks are computed; a processor's operations then run on the threads of the pipeline.</param>
    /// <param name="host">Where memory for chunks comes from.</param>
    /// <param name="plan">Threads in all, and bytes for chunks and for what the flows hold.</param>
    /// <param name="held">Bytes of these that somebody else holds.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <param name="board">Where chunks that are computed offer parts of their work; null where they do not.</param>
    /// <param name="times">Takes the time of help, and is told what is spread over all threads; null where nobody asks.</param>
    public ChunkPipeline(Device device, Device host, MemoryPlan plan, long held, CancellationToken cancellation, HelpBoard? board = null, StageTimes? times = null)
    {
        (_cpu, _plan, _threads, _held, _cancellation, _board, _times) = (device as CpuDevice, plan, plan.Threads, held, cancellation, board, times);
        _budget = _free = plan.Budget - held;
        _memory = new ChunkMemory(host, _budget);
    }

    private enum Step
    {
        Open,
        Read,
        Compute,
        EndPass,
        Help,
    }

    private readonly record struct Work(Step Step, OpenFlow? Flow = null, Chunk? Chunk = null, bool Alone = false, PartGroup? Parts = null);

    /// <summary>Takes all flows to their ends.</summary>
    /// <param name="flows">Asked for one at a time, by any thread, when there is room for the next.</param>
    /// <exception cref="InsufficientMemoryException">A flow needs more than there is.</exception>
    public void Run(IEnumerable<ChunkFlow> flows)
    {
        using IEnumerator<ChunkFlow> all = flows.GetEnumerator();
        (_flows, _more) = (all, true);
        var threads = new Thread[_threads];
        for (int i = 0; i < threads.Length; i++)
        {
            threads[i] = new Thread(WorkOn) { IsBackground = true, Name = $"merge {i}" };
            threads[i].Start();
        }

        if (_board is not null) _board.Posted = Wake;
        using (_cancellation.Register(Wake))
        {
            foreach (Thread thread in threads) thread.Join();
        }

        if (_board is not null) _board.Posted = null;

        foreach (OpenFlow flow in _open) flow.Flow.Dispose();
        _open.Clear();
        _waiting?.Dispose();
        _waiting = null;
        _failure?.Throw();
        _cancellation.ThrowIfCancellationRequested();
    }

    public void Dispose() => _memory.Dispose();

    private void Wake()
    {
        lock (_gate) Monitor.PulseAll(_gate);
    }

    private void WorkOn()
    {
        while (Take() is { } work)
        {
            try
            {
                Do(work);
            }
            catch (Exception e)
            {
                // Thrown again by Run, on the caller's thread.
                lock (_gate)
                {
                    _failure ??= ExceptionDispatchInfo.Capture(e);
                    Monitor.PulseAll(_gate);
                }
            }
        }
    }

    private Work? Take()
    {
        lock (_gate)
        {
            while (true)
            {
                if (_failure is not null || _cancellation.IsCancellationRequested) return null;
                if (TryTake(out Work work)) return work with { Alone = _idle == _threads - 1 };
                if (!_more && _open.Count == 0 && _waiting is null)
                {
                    Monitor.PulseAll(_gate);
                    return null;
                }

                _idle++;
                Monitor.Wait(_gate);
                _idle--;
            }
        }
    }

    private bool TryTake(out Work work)
    {
        foreach (OpenFlow flow in _open)
        {
            if (flow.IsBusy) continue;
            Step? step = flow.Claimed.TryPeek(out Chunk? next) ? next.IsRead ? Step.Compute : null : flow.IsExhausted && flow.Outstanding == 0 ? Step.EndPass : null;
            if (step is not { } ready) continue;
            flow.IsBusy = true;
            work = new Work(ready, flow, next);
            return true;
        }

        return TryRead(idleOnly: true, out work) || TryOpen(out work) || TryRead(idleOnly: false, out work) || TryHelp(out work);
    }

    /// <summary>Parts of a chunk that another thread computes.</summary>
    private bool TryHelp(out Work work)
    {
        work = new Work(Step.Help, Parts: _board?.TryJoin(_free));
        if (work.Parts is not { } parts) return false;
        Hold(parts.HelperBytes);
        return true;
    }

    /// <summary>Bytes that are held beside the chunks, or with a minus no longer. Memory that no chunk uses now would stand beside them.</summary>
    private void Hold(long bytes)
    {
        _free -= bytes;
        _working += bytes;
        _memory.Limit(_budget - _working);
    }

    /// <summary>The next chunk of the flow that has the fewest on their way.</summary>
    private bool TryRead(bool idleOnly, out Work work)
    {
        while (true)
        {
            OpenFlow? best = null;
            foreach (OpenFlow flow in _open)
            {
                if (flow.IsExhausted || (idleOnly && flow.Outstanding > 0)) continue;
                if (flow.Claimed.Count >= _threads + 1 || (best is not null && best.Outstanding <= flow.Outstanding)) continue;
                if (flow.Holds || !flow.IsReserveTaken || _free >= flow.Flow.ChunkBytes) best = flow;
            }

            work = default;
            if (best is null) return false;
            if (best.Flow.Next() is { } chunk)
            {
                chunk = Claim(best, chunk);
                if (!chunk.IsRead)
                {
                    work = new Work(Step.Read, best, chunk);
                    return true;
                }

                // It is in memory from the pass before.
                if (best.IsBusy || best.Claimed.Peek() != chunk) continue;
                best.IsBusy = true;
                work = new Work(Step.Compute, best, chunk);
                return true;
            }

            best.IsExhausted = true;
            if (best.Outstanding > 0 || best.IsBusy) continue;
            best.IsBusy = true;
            work = new Work(Step.EndPass, best);
            return true;
        }
    }

    private Chunk Claim(OpenFlow flow, Chunk chunk)
    {
        if (flow.Holds) chunk = flow.Held[chunk.Index] ??= chunk;
        else if (!flow.IsReserveTaken) flow.IsReserveTaken = true;
        else _free -= chunk.Charged = flow.Flow.ChunkBytes;
        flow.Claimed.Enqueue(chunk);
        flow.Outstanding++;
        return chunk;
    }

    private bool TryOpen(out Work work)
    {
        work = new Work(Step.Open);
        if (_waiting is not null) Admit();
        if (_waiting is not null || _opening || !_more || _open.Count > _threads) return false;
        _opening = true;
        return true;
    }

    /// <summary>Opens the flow that waits for memory, if there is enough now.</summary>
    private void Admit()
    {
        long reserve = OpenFlow.ReserveOf(_waiting!);
        if (reserve > _free) return;
        _free -= reserve;
        var opened = new OpenFlow(_waiting!);
        _open.Add(opened);

        // Memory that no chunk uses now would stand beside what the flow takes for itself.
        _working += opened.WorkingBytes;
        _memory.Limit(_budget - _working);
        _waiting = null;
        Monitor.PulseAll(_gate);
    }

    private void Do(Work work)
    {
        switch (work.Step)
        {
            case Step.Open: Open(); break;
            case Step.Read: Read(work.Flow!, work.Chunk!); break;
            case Step.Compute: Compute(work.Flow!, work.Chunk!, work.Alone); break;
            case Step.Help: Help(work.Parts!); break;
            default: EndPass(work.Flow!, work.Alone); break;
        }
    }

    private void Open()
    {
        // Methods begin here, outside of the gate.
        bool found = _flows!.MoveNext();
        lock (_gate)
        {
            _opening = false;
            _more = found;
            if (found)
            {
                _waiting = _flows.Current;
                RequirePossible(_waiting);
                Admit();
            }

            Monitor.PulseAll(_gate);
        }
    }

    private void RequirePossible(ChunkFlow flow)
    {
        long needed = OpenFlow.ReserveOf(flow);
        if (needed > _budget) throw new InsufficientMemoryException($"{flow} cannot be merged within the memory limit; one of {_plan.LimitFor(needed + _held)} would do.");
    }

    private void Read(OpenFlow flow, Chunk chunk)
    {
        if (!chunk.IsRead)
        {
            chunk.Memory ??= _memory.Rent(flow.Flow.ChunkBytes);
            flow.Flow.Read(chunk);
        }

        bool alone;
        lock (_gate)
        {
            chunk.IsRead = true;
            if (flow.IsBusy || flow.Claimed.Peek() != chunk)
            {
                Monitor.PulseAll(_gate);
                return;
            }

            flow.IsBusy = true;
            alone = _idle == _threads - 1;
        }

        Compute(flow, chunk, alone);
    }

    private void Compute(OpenFlow flow, Chunk chunk, bool alone)
    {
        if (alone || _cpu is null || flow.Flow.ComputesOnAllThreads)
        {
            if (_times is not null && _cpu is not null) StageTimes.Spread(_threads);
            flow.Flow.Compute(chunk);
            if (_times is not null) StageTimes.Spread(0);
        }
        else
        {
            using (_cpu.OnCallingThread()) flow.Flow.Compute(chunk);
        }

        lock (_gate)
        {
            flow.Claimed.Dequeue();
            flow.IsBusy = false;
            Monitor.PulseAll(_gate);
        }

        flow.Flow.Write(chunk);
        if (!flow.Holds) _memory.Return(chunk.Memory!);
        lock (_gate)
        {
            flow.Outstanding--;
            if (!flow.Holds) Release(flow, chunk);
            Monitor.PulseAll(_gate);
        }
    }

    private void Help(PartGroup parts)
    {
        long start = StageTimes.Start(_times);
        using (_cpu!.OnCallingThread()) parts.Help();
        _times?.Add(MergeStage.Helping, start);
        lock (_gate)
        {
            Hold(-parts.HelperBytes);
            Monitor.PulseAll(_gate);
        }
    }

    private void Release(OpenFlow flow, Chunk chunk)
    {
        if (chunk.Charged == 0) flow.IsReserveTaken = false;
        _free += chunk.Charged;
    }

    private void EndPass(OpenFlow flow, bool alone)
    {
        bool more;
        if (alone || _cpu is null || flow.Flow.ComputesOnAllThreads)
        {
            more = flow.Flow.EndPass();
        }
        else
        {
            using (_cpu.OnCallingThread()) more = flow.Flow.EndPass();
        }

        if (!more)
        {
            flow.Flow.Dispose();
            foreach (Chunk? chunk in flow.Held)
            {
                if (chunk?.Memory is { } memory) _memory.Return(memory);
            }
        }

        lock (_gate)
        {
            flow.IsBusy = false;
            flow.IsExhausted = false;
            if (!more)
            {
                _open.Remove(flow);
                _free += flow.Reserve;
                _working -= flow.WorkingBytes;
                _memory.Limit(_budget - _working);
            }

            Monitor.PulseAll(_gate);
        }
    }
}
