using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Training;

/// <summary>The moments of an optimizer and the number of steps that it has made. It can be reset, and kept over rounds of merging.</summary>
public sealed class OptimizerState : IDisposable
{
    private readonly Dictionary<ClassificationHead, OptimizerState> _heads = [];

    /// <summary>The state before the first step.</summary>
    public OptimizerState(Device device, ParameterLayout layout, OptimizerKind kind)
    {
        Kind = kind;
        FirstMoment = new ParameterVector(device, layout);
        SecondMoment = kind == OptimizerKind.Sgd ? null : new ParameterVector(device, layout);
    }

    public OptimizerKind Kind { get; }

    /// <summary>Steps made.</summary>
    public int Step { get; internal set; }

    /// <summary>Adam's first moment, or SGD's momentum.</summary>
    public ParameterVector FirstMoment { get; }

    /// <summary>Adam's second moment; null for SGD.</summary>
    public ParameterVector? SecondMoment { get; }

    /// <summary>Forgets everything: the next step is the first.</summary>
    public void Reset()
    {
        Step = 0;
        FirstMoment.Device.Operations.Fill(FirstMoment.Values, 0);
        if (SecondMoment is not null) SecondMoment.Device.Operations.Fill(SecondMoment.Values, 0);
        foreach (OptimizerState head in _heads.Values) head.Reset();
    }

    /// <summary>The state of a head that is trained along; made when it is first asked for.</summary>
    public OptimizerState ForHead(ClassificationHead head)
    {
        if (_heads.TryGetValue(head, out OptimizerState? state)) return state;
        return _heads[head] = new OptimizerState(head.Device, head.Parameters.Layout, Kind);
    }

    /// <summary>The state of a head, if it was ever trained.</summary>
    internal OptimizerState? FindHead(ClassificationHead head) => _heads.GetValueOrDefault(head);

    public void Dispose()
    {
        FirstMoment.Dispose();
        SecondMoment?.Dispose();
        foreach (OptimizerState head in _heads.Values) head.Dispose();
    }
}
