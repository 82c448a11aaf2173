namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// Model Breadcrumbs (Davari and Belilovsky, arXiv 2312.06795) followed by the election of TIES. What counts is that of <see cref="BreadcrumbsMethod"/>.
/// </summary>
public sealed class BreadcrumbsTiesMethod : GeneralizedTaskArithmetic
{
    public override string Name => "breadcrumbs_ties";

    protected override bool Elects => true;

    private protected override Thinning Thin(TensorTask task, int source) => MagnitudeThinning.Window(task, source);
}
