using MergeEngine.Merging.Methods;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Analysis;

/// <summary>
/// Lengths, angles and signs of task vectors. Products are exact and sums are float64: over 10^8 elements a float32 norm is wrong in the
/// second digit.
/// </summary>
public static class VectorGeometry
{
    /// <summary>‖τ_k‖ of every task.</summary>
    public static double[] Norms(TaskVectors taskVectors) => [.. taskVectors.Vectors.Select(Norm)];

    /// <summary>The 2-norm of a vector over all parameters.</summary>
    public static double Norm(ParameterVector vector) => Math.Sqrt(vector.Device.Operations.Dot(vector.Values, vector.Values));

    /// <summary>
    /// ⟨τ_i, τ_j⟩ / (‖τ_i‖·‖τ_j‖); NaN where a vector is zero. From the pre-trained model the cosines of an ATM run rise from round to
    /// round, from the current base they stay small: hence the base's name in the result.
    /// </summary>
    public static TaskMatrix Cosines(TaskVectors taskVectors)
    {
        double[] norms = Norms(taskVectors);
        return Symmetric("cosine", taskVectors, (i, j) =>
            taskVectors.Base.Device.Operations.Dot(taskVectors.Vectors[i].Values, taskVectors.Vectors[j].Values) / (norms[i] * norms[j]));
    }

    /// <summary>Share of equal signs among the coordinates where both task vectors are not zero; NaN where there are none.</summary>
    public static TaskMatrix SignAgreement(TaskVectors taskVectors) => Symmetric("sign agreement", taskVectors, (i, j) =>
        Share(taskVectors.Base.Device.Operations.SignAgreement([taskVectors.Vectors[i].Values, taskVectors.Vectors[j].Values], countSingles: false)));

    /// <summary>Share of the live coordinates on which all nonzero task vectors have one sign; NaN where none is live.</summary>
    public static double OverallSignAgreement(TaskVectors taskVectors) =>
        Share(taskVectors.Base.Device.Operations.SignAgreement([.. taskVectors.Vectors.Select(v => v.Values)], countSingles: true));

    private static double Share((long Agreeing, long Compared) counts) => (double)counts.Agreeing / counts.Compared;

    private static TaskMatrix Symmetric(string title, TaskVectors taskVectors, Func<int, int, double> value)
    {
        var values = new double[taskVectors.Count, taskVectors.Count];
        for (int i = 0; i < taskVectors.Count; i++)
        {
            for (int j = i; j < taskVectors.Count; j++) values[i, j] = values[j, i] = value(i, j);
        }

        return new TaskMatrix(title, taskVectors.BaseName, taskVectors.Names, values);
    }
}
