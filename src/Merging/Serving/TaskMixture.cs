using MergeEngine.Merging.Methods;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Serving;

/// <summary>
/// θ = θ_0 + Σ_k c_k·τ_k on a device, with coefficients that change while others compute with it: task arithmetic (Ilharco et al., arXiv 2212.04089)
/// as a part of a service. Its values are those of <see cref="TaskArithmetic"/>, bit for bit.
/// </summary>
/// <remarks>
/// There are two vectors. A switch fills the one that is not in use, in one pass over θ_0 and the τ_k, and then makes it the current one; a reader
/// keeps the vector that it began with. Readers take no lock and wait for nothing. A switch waits for the other switches, and for those who still read
/// the vector of the switch before the last; it allocates nothing. On a GPU the work of both is one stream's, in the order in which it was given.
/// </remarks>
public sealed class TaskMixture : IDisposable
{
    /// <summary>How often a waiting switch looks whether it has been cancelled.</summary>
    private const int MillisecondsBetweenLooks = 20;

    private readonly ParameterVector _base;
    private readonly DeviceSpan<float>[] _taskVectors;
    private readonly object _switching = new(); // Not a Lock, which allocates at its first contention.
    private readonly object _drained = new();
    private MixtureSlot? _current;
    private MixtureSlot _spare;
    private long _version;
    private int _awaited;

    /// <param name="taskVectors">θ_0 and τ_k, which stay their owner's: they are read at every switch, and outlive the mixture unchanged.</param>
    /// <param name="coefficients">c_k, one for each task, or one for all; none for 0, which is θ_0.</param>
    /// <exception cref="ArgumentException">The coefficients are not as many as the tasks, or one is not finite.</exception>
    public TaskMixture(TaskVectors taskVectors, params ReadOnlySpan<float> coefficients)
    {
        ArgumentNullException.ThrowIfNull(taskVectors);
        _base = taskVectors.Base;
        _taskVectors = [.. taskVectors.Vectors.Select(vector => vector.Values)];
        Names = taskVectors.Names;
        Span<float> first = new float[_taskVectors.Length];
        if (coefficients.Length == 1) first.Fill(coefficients[0]);
        else if (coefficients.Length > 1) CheckCount(coefficients);
        if (coefficients.Length > 1) coefficients.CopyTo(first);
        CheckFinite(first);
        _spare = new MixtureSlot(_base.Device, _base.Layout, _taskVectors.Length);
        try
        {
            _current = new MixtureSlot(_base.Device, _base.Layout, _taskVectors.Length);
            Mix(_current, first);
        }
        catch
        {
            _spare.Dispose();
            _current?.Dispose();
            throw;
        }
    }

    /// <summary>What the tasks are called, in the order of the coefficients.</summary>
    public IReadOnlyList<string> Names { get; }

    public int Count => _taskVectors.Length;

    public ParameterLayout Layout => _base.Layout;

    public Device Device => _base.Device;

    /// <summary>The current vector, for as long as the result is not disposed. Any number of threads may have it.</summary>
    /// <exception cref="ObjectDisposedException">The mixture has been disposed.</exception>
    public MixtureUse Use()
    {
        while (true)
        {
            MixtureSlot slot = Volatile.Read(ref _current) ?? throw Gone();
            slot.Enter();
            // Still the current one after the mark: no switch writes to it before the mark is gone. Otherwise it may be written to this very moment.
            if (ReferenceEquals(Volatile.Read(ref _current), slot)) return new MixtureUse(this, slot);
            Leave(slot);
        }
    }

    /// <summary>
    /// Packs the weights of every mixture from here on, for <c>Pack</c> of the encoder that serves them: before the first answers are given, since a pass
    /// that is under way may go on with packed weights, which BF16 has rounded.
    /// </summary>
    /// <param name="pack">Packs one vector; packed vectors are packed again at every switch.</param>
    /// <exception cref="ObjectDisposedException">The mixture has been disposed.</exception>
    public void Pack(Action<ParameterVector> pack)
    {
        ArgumentNullException.ThrowIfNull(pack);
        lock (_switching)
        {
            MixtureSlot current = _current ?? throw Gone();
            Await(_spare, default);
            pack(_spare.Parameters);
            pack(current.Parameters);
        }
    }

    /// <summary>Mixes anew: whoever begins to read afterwards has the new vector, whole.</summary>
    /// <param name="coefficients">c_k in the order of <see cref="Names"/>.</param>
    /// <param name="cancellation">Ends the wait for readers; nothing has changed then.</param>
    /// <remarks>
    /// A thread that reads must not switch twice before it ends its reading: the second switch would wait for it.
    /// </remarks>
    /// <exception cref="ArgumentException">The coefficients are not as many as the tasks, or one is not finite; nothing has changed.</exception>
    /// <exception cref="ObjectDisposedException">The mixture has been disposed.</exception>
    public void SetCoefficients(ReadOnlySpan<float> coefficients, CancellationToken cancellation = default)
    {
        CheckCount(coefficients);
        CheckFinite(coefficients);
        lock (_switching)
        {
            MixtureSlot before = _current ?? throw Gone(), next = _spare;
            Await(next, cancellation);
            Mix(next, coefficients);
            next.Version = ++_version;
            _spare = before;
            Interlocked.Exchange(ref _current, next);
        }
    }

    /// <summary>Copies the current coefficients.</summary>
    /// <param name="coefficients">[≥ <see cref="Count"/>].</param>
    public void CopyCoefficients(Span<float> coefficients)
    {
        using MixtureUse use = Use();
        use.Coefficients.CopyTo(coefficients);
    }

    /// <summary>Gives both vectors back, after the last reader.</summary>
    public void Dispose()
    {
        lock (_switching)
        {
            if (Interlocked.Exchange(ref _current, null) is not { } last) return;
            Await(last, default);
            Await(_spare, default);
            last.Dispose();
            _spare.Dispose();
        }
    }

    internal void Leave(MixtureSlot slot)
    {
        if (!slot.Leave() || Volatile.Read(ref _awaited) == 0) return;
        lock (_drained) Monitor.PulseAll(_drained);
    }

    /// <summary>Waits until nobody reads a vector that is no longer the current one.</summary>
    private void Await(MixtureSlot slot, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        // Most readers are gone long before the next switch.
        if (!slot.IsRead) return;
        Interlocked.Increment(ref _awaited);
        try
        {
            lock (_drained)
            {
                while (slot.IsRead)
                {
                    Monitor.Wait(_drained, cancellation.CanBeCanceled ? MillisecondsBetweenLooks : Timeout.Infinite);
                    cancellation.ThrowIfCancellationRequested();
                }
            }
        }
        finally
        {
            Interlocked.Decrement(ref _awaited);
        }
    }

    private void Mix(MixtureSlot slot, ReadOnlySpan<float> coefficients)
    {
        coefficients.CopyTo(slot.Coefficients);
        Device.Operations.AddWeightedSum(slot.Parameters.Values, _base.Values, _taskVectors, slot.Coefficients);
        slot.Parameters.Packed?.Refresh();
    }

    private void CheckCount(ReadOnlySpan<float> coefficients)
    {
        if (coefficients.Length != Count)
            throw new ArgumentException($"{coefficients.Length} coefficients were given for the {Count} tasks of a mixture, expected one for each.", nameof(coefficients));
    }

    private void CheckFinite(ReadOnlySpan<float> coefficients)
    {
        for (int k = 0; k < coefficients.Length; k++)
        {
            if (!float.IsFinite(coefficients[k])) throw new ArgumentException($"The coefficient of '{Names[k]}' is {coefficients[k]}, expected a finite number.", nameof(coefficients));
        }
    }

    private static ObjectDisposedException Gone() => new(nameof(TaskMixture), "The mixture has been disposed.");
}
