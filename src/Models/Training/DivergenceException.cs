using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Training;

/// <summary>
/// Training met a loss, or made weights, that are no finite numbers: from there on every weight is lost. The message is one sentence that
/// names what was trained and the step.
/// </summary>
public sealed class DivergenceException : ArithmeticException
{
    private const string SlowerRate = "a learning rate that does not diverge";

    public DivergenceException()
        : this("training has diverged")
    {
    }

    public DivergenceException(string message)
        : base(message) => Finding = message;

    public DivergenceException(string message, Exception innerException)
        : base(message, innerException) => Finding = message;

    private DivergenceException(string finding, string expected, long step = 0)
        : base($"{finding}, so nothing is written; expected {expected}.")
    {
        Finding = $"{finding}; expected {expected}.";
        Step = step;
    }

    /// <summary>The first step whose loss is not finite, from 1: at step 1 the weights or inputs were not finite before. 0 where it is weights that are not, or a score.</summary>
    public long Step { get; }

    /// <summary>The sentence for who goes on with other work, and writes what that gives.</summary>
    public string Finding { get; }

    /// <summary>A loss is not finite.</summary>
    /// <param name="subject">What is trained: a file, or a task.</param>
    /// <param name="step">Number of the step, from 1.</param>
    public static DivergenceException OfLoss(string subject, long step) => step == 1
        ? new($"{subject}: the loss is not a number before the first step", "finite weights and inputs", step)
        : new($"{subject}: the training loss is not a number from step {step} on", $"finite weights and {SlowerRate}", step);

    /// <summary>The loss of a finished model is not finite. Its weights may be: then they are too large to compute with.</summary>
    /// <param name="subject">The model, and the task that it is scored on.</param>
    /// <param name="split">The split of that task.</param>
    public static DivergenceException OfScore(string subject, string split) =>
        new($"{subject}: the loss on the {split} split is not a number", "finite inputs, and weights of a size that can be computed with");

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
    public static DivergenceException OfWeights(string subject, string maker = "the last step") => new($"{subject}: {maker} made weights that are not numbers", SlowerRate);
}
