namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>
/// Model Breadcrumbs (Davari and Belilovsky, arXiv 2312.06795): neither the ⌊gamma·n⌋ largest |d_k| of a tensor nor the smallest count, and <c>density</c> says how
/// many do; where both cannot be had fewer of the largest are dropped. So a tensor with fewer than 1/gamma elements loses none of its largest.
/// </summary>
public sealed class BreadcrumbsMethod : GeneralizedTaskArithmetic
{
    public override string Name => "breadcrumbs";

    protected override bool Elects => false;

    private protected override Thinning Thin(TensorTask task, int source) => MagnitudeThinning.Window(task, source);
}
