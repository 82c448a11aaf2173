using MergeEngine.Tensors.Cuda.Kernels;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda;

/// <content>The second half of sums over rows: what a kernel left for each section becomes the gradient of a vector.</content>
internal sealed partial class CudaOperations
{
    /// <summary>Adds the sums of sections to the gradients that they are for; <c>default</c> takes none.</summary>
    private void AddSections(in ColumnSections sections, GradientReduction reduction, int sums, DeviceSpan<float> first, DeviceSpan<float> second)
    {
        var arguments = new ColumnSumsFinishArguments
        {
            Partials = sections.Partials,
            FirstTarget = first.Address,
            SecondTarget = second.Address,
            Stride = sections.Stride,
            Columns = sections.Columns,
            Units = sections.Units,
            Chunks = sections.Chunks,
            Absolute = reduction == GradientReduction.AbsolutePerSample ? 1 : 0,
        };
        Launch(ColumnSumKernels.Finish, new Grid(RowLaunch.Divided(sections.Columns, 32), sums), arguments);
    }
}
