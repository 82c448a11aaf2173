namespace MergeEngine.Tensors.Operations;

/// <content>What the operations of <c>OperationSet.Linear.cs</c> have to compute, or to read and write.</content>
public abstract partial class OperationSet
{
    private sealed partial class Profiled
    {
        protected override void MatrixProductCore(Matrix c, Matrix a, Matrix b, bool transposeA, bool transposeB, float alpha, float beta)
        {
            long start = profile.Begin();
            inner.MatrixProductCore(c, a, b, transposeA, transposeB, alpha, beta);
            profile.End(start, nameof(MatrixProduct), Product(c.Rows, c.Columns, transposeA ? a.Rows : a.Columns));
        }

        protected override void LinearForwardCore(Matrix output, Matrix input, Matrix weight, DeviceSpan<float> bias, Activation activation, Matrix preActivation)
        {
            long start = profile.Begin();
            inner.LinearForwardCore(output, input, weight, bias, activation, preActivation);
            profile.End(start, nameof(LinearForward), Product(input.Rows, weight.Rows, weight.Columns, preActivation.IsNone ? 0 : Size(preActivation)));
        }

        protected override void LinearBackwardInputCore(Matrix inputGradient, Matrix outputGradient, Matrix weight, bool accumulate, Activation activation, Matrix preActivation)
        {
            long start = profile.Begin();
            inner.LinearBackwardInputCore(inputGradient, outputGradient, weight, accumulate, activation, preActivation);
            long more = (accumulate ? Size(inputGradient) : 0) + (preActivation.IsNone ? 0 : Size(preActivation));
            profile.End(start, nameof(LinearBackwardInput), Product(outputGradient.Rows, weight.Rows, weight.Columns, more));
        }

        protected override void LinearBackwardWeightCore(
            Matrix weightGradient, DeviceSpan<float> biasGradient, Matrix outputGradient, Matrix input, GradientReduction reduction, int rowsPerSample)
        {
            long start = profile.Begin();
            inner.LinearBackwardWeightCore(weightGradient, biasGradient, outputGradient, input, reduction, rowsPerSample);
            profile.End(start, nameof(LinearBackwardWeight), weightGradient.IsNone ? Pass(Size(outputGradient)) : Product(input.Rows, outputGradient.Columns, input.Columns, Size(weightGradient)));
        }
    }
}
