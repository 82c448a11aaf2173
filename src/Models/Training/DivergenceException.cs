using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Training;

/// <summary>
/// Training met a loss, or made weights, that are no finite numbers: from there on every weight is lost. The message is one sentence that
/// names what was trained and the step.
/// </summary>
public sealed class DivergenceException : ArithmeticException
{
    public DivergenceException()
    {
    }

    public DivergenceException(string message)
        : base(message)
    {
    }

    public DivergenceException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>The first step whose loss is not finite, from 1: at step 1 the weights or inputs were not finite before. 0 where it is weights that are not.</summary>
    public long Step { get; private init; }

    /// <summary>A loss is not finite.</summary>
    /// <param name="subject">What is trained: a file, or a task.</param>
    /// <param name="step">Number of the step, from 1.</param>
    public static DivergenceException OfLoss(string subject, long step) => new(step == 1
        ? $"{subject}: the loss is not a number before the first step, so nothing is written; expected finite weights and inputs."
        : $"{subject}: the training loss is not a number from step {step} on, so nothing is written; expected finite weights and a learning rate that does not diverge.")
    {
        Step = step,
    };

    /// <summary>Looks at weights once training is done: no later loss tells of the last step.</summary>
    /// <param name="subject">What was trained: a file, or a task.</param>
    /// <param name="parameters">The weights.</param>
    /// <param name="maker">What made them, as the beginning of a clause.</param>
    /// <exception cref="DivergenceException">They are not all finite.</exception>
    public static void ThrowIfNotFinite(string subject, ParameterVector parameters, string maker = "the last step")
    {
        if (!double.IsFinite(parameters.Device.Operations.Sum(parameters.Values))) throw OfWeights(subject, maker);
    }

    /// <summary>Weights are not finite after a step.</summary>
    /// <param name="subject">What was trained: a file, or a task.</param>
    /// <param name="maker">What made them, as the beginning of a clause.</param>
    public static DivergenceException OfWeights(string subject, string maker = "the last step") =>
        new($"{subject}: {maker} made weights that are not numbers, so nothing is written; expected a learning rate that does not diverge.");
}
