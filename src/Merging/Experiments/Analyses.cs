using System.Globalization;
using MergeEngine.Merging.Analysis;
using MergeEngine.Merging.Methods;

namespace MergeEngine.Merging.Experiments;

/// <summary>What is known about the task vectors of the individual models, all from the pre-trained model.</summary>
internal static class Analyses
{
    public static TaskVectorAnalysis Of(ExperimentContext context, double lambda)
    {
        TaskVectors taskVectors = context.Experts.TaskVectors;
        context.Report("analysis", 0, 1);
        TaskMatrix conflict = KnowledgeConflict.Measure(taskVectors, lambda, (task, model) => context.Loss(model, task, "validation"), context.Cancellation);
        return new TaskVectorAnalysis
        {
            Base = taskVectors.BaseName,
            Cosine = Rows(VectorGeometry.Cosines(taskVectors)),
            Norm = VectorGeometry.Norms(taskVectors),
            Conflict = Rows(conflict),
            ConflictLambda = lambda,
            SignAgreement = Rows(VectorGeometry.SignAgreement(taskVectors)),
            DroppedShare = Dropped(context, taskVectors),
            DroppedRho = FirstTatr(context)?.Rho[0],
        };
    }

    /// <summary>The share of live coordinates that a trust region of the experiment's first ρ drops, by layer; <c>other</c> is embeddings and final norm.</summary>
    private static SortedDictionary<string, double> Dropped(ExperimentContext context, TaskVectors taskVectors)
    {
        var shares = new SortedDictionary<string, double>(StringComparer.Ordinal);
        MethodEntry? tatr = FirstTatr(context);
        if (tatr is null) return shares;
        using TrustRegionMask mask = TrustRegionMask.Compute(new TrustRegion(tatr.Rho[0]), taskVectors, context.Sensitivities(tatr.Samples));
        MaskStatistics statistics = MaskStatistics.Of(mask, taskVectors);
        shares["all"] = statistics.Total.DroppedShare;
        foreach (LayerMaskStatistics layer in statistics.Layers)
            shares[layer.Layer is { } number ? string.Create(CultureInfo.InvariantCulture, $"layer {number:00}") : "other"] = layer.DroppedShare;
        return shares;
    }

    private static MethodEntry? FirstTatr(ExperimentContext context) => context.File.Methods.FirstOrDefault(m => m.Kind == "tatr");

    private static double[][] Rows(TaskMatrix matrix)
    {
        int tasks = matrix.Names.Count;
        return [.. Enumerable.Range(0, tasks).Select(j => Enumerable.Range(0, tasks).Select(i => matrix[j, i]).ToArray())];
    }
}
