namespace MergeEngine.Models.Training;

/// <summary>What a run of training steps did.</summary>
/// <param name="Losses">Mean loss of every batch before its update.</param>
/// <param name="Examples">Samples that were used.</param>
/// <param name="Seconds">Wall time.</param>
/// <param name="End">Where the data stands.</param>
public sealed record TrainingRun(double[] Losses, long Examples, double Seconds, DataPosition End)
{
    public int Steps => Losses.Length;
}

/// <summary>One step that was made.</summary>
/// <param name="Step">Steps of this run so far.</param>
/// <param name="Steps">Steps of the whole run.</param>
/// <param name="Epoch">Epoch of the batch.</param>
/// <param name="Loss">Mean loss of the batch before its update.</param>
/// <param name="LearningRate">Rate of this step.</param>
public readonly record struct TrainingProgress(int Step, int Steps, int Epoch, double Loss, double LearningRate);
