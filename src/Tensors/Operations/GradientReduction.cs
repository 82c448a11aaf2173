namespace MergeEngine.Tensors.Operations;

/// <summary>How the gradients of the samples of a batch are put together into one parameter gradient.</summary>
public enum GradientReduction
{
    /// <summary>Σ over samples: what training needs.</summary>
    Sum,

    /// <summary>Σ over samples of the absolute value of each sample's own gradient: TATR's sensitivity (arXiv 2501.15065, eq. 5).</summary>
    AbsolutePerSample,
}
