using MergeEngine.Tensors.Cuda.Kernels;
using MergeEngine.Tensors.Cuda.Products;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cuda;

/// <content>Matrix products and the linear layer's passes between activations.</content>
/// <remarks>
/// cuBLASLt adds the bias inside the product. The tanh form of GELU and its derivative are fused too where the device's precision is TF32 or BF16;
/// in float32 they are left to an own kernel, whose error is known (2e-7), as are all other activations: it reads the product and writes the
/// result, 8 bytes an element.
/// </remarks>
internal sealed partial class CudaOperations
{
    protected override void MatrixProductCore(Matrix c, Matrix a, Matrix b, bool transposeA, bool transposeB, float alpha, float beta)
    {
        lock (_device.Gate)
        {
            ProductInputs inputs = BeginProduct(a, b);
            Multiply(new(c), inputs.A, inputs.B, transposeA, transposeB, alpha, beta);
            EndProduct(inputs);
        }
    }

    protected override void LinearForwardCore(Matrix output, Matrix input, Matrix weight, DeviceSpan<float> bias, Activation activation, Matrix preActivation)
    {
        if (weight.Rows == 0) return;
        lock (_device.Gate)
        {
            ProductInputs inputs = BeginProduct(input, weight);
            bool keeps = !preActivation.IsNone, fuses = FusesGelu(activation, preActivation);
            Matrix target = keeps && !fuses ? preActivation : output;
            ProductEpilogue wanted = !fuses
                ? bias.IsNone ? ProductEpilogue.None : ProductEpilogue.Bias
                : ProductEpilogue.Gelu | (keeps ? ProductEpilogue.Auxiliary : 0) | (bias.IsNone ? 0 : ProductEpilogue.Bias);
            ProductEpilogue fused = Multiply(
                new(target), inputs.A, inputs.B, transposeA: false, transposeB: true, alpha: 1, beta: 0, wanted, bias.Address, preActivation);
            bool activated = fuses && fused == wanted, biased = bias.IsNone || (fused & ProductEpilogue.Bias) != 0;
            bool done = activated || (biased && activation == Activation.None && !keeps);
            if (!done) FinishForward(output, target, biased ? default : bias, activation, keeps && (fuses || !biased) ? preActivation : default);
            EndProduct(inputs);
        }
    }

    protected override void LinearBackwardInputCore(
        Matrix inputGradient, Matrix outputGradient, Matrix weight, bool accumulate, Activation activation, Matrix preActivation)
    {
        if (weight.Columns == 0) return;
        lock (_device.Gate)
        {
            // With an activation only its derivative times the product may be added: the product alone needs a place of its own.
            bool apart = accumulate && activation != Activation.None;
            int stride = (inputGradient.Columns + 3) & ~3;
            ProductInputs inputs = BeginProduct(outputGradient, weight, apart ? (long)inputGradient.Rows * stride * sizeof(float) : 0);
            ProductOperand product = apart ? new(inputs.More, inputGradient.Rows, inputGradient.Columns, stride) : new(inputGradient);
            bool fuses = !accumulate && FusesGelu(activation, preActivation);
            ProductEpilogue fused = Multiply(
                product, inputs.A, inputs.B, transposeA: false, transposeB: false, alpha: 1,
                beta: accumulate && !apart ? 1 : 0, fuses ? ProductEpilogue.GeluDerivative : ProductEpilogue.None, 0, preActivation);
            if (activation != Activation.None && fused != ProductEpilogue.GeluDerivative)
                FinishBackward(inputGradient, product, activation, preActivation, accumulate);
            EndProduct(inputs);
        }
    }

    /// <summary>cuBLASLt's GELU is the tanh form of unstated accuracy, and asks for aligned rows of the pre-activation.</summary>
    private bool FusesGelu(Activation activation, Matrix preActivation) =>
        activation == Activation.GeluTanh && _device.Precision != Precision.Float32
        && (preActivation.IsNone || (preActivation.Stride % 8 == 0 && preActivation.Data.Address % 16 == 0));

    /// <summary>output = act(product + bias), and the sum itself is kept if that is wanted.</summary>
    private void FinishForward(Matrix output, Matrix product, DeviceSpan<float> bias, Activation activation, Matrix kept)
    {
        Grid grid = RowLaunch.Elements(output.Rows, output.Columns, out int lanesLog2);
        var arguments = new BiasActivationArguments
        {
            Output = output,
            PreActivation = kept,
            Product = product,
            Bias = bias.Address,
            Rows = output.Rows,
            Columns = output.Columns,
            Activation = (int)activation,
            LanesLog2 = lanesLog2,
        };
        Launch(LinearKernels.BiasActivation, grid, arguments);
    }

    /// <summary>gradient = product ⊙ act′(pre-activation), or gradient += it.</summary>
    private void FinishBackward(Matrix gradient, ProductOperand product, Activation activation, Matrix preActivation, bool accumulate)
    {
        Grid grid = RowLaunch.Elements(gradient.Rows, gradient.Columns, out int lanesLog2);
        var arguments = new ActivationDerivativeArguments
        {
            Gradient = gradient,
            Product = new(product.Address, product.Stride),
            PreActivation = preActivation,
            Rows = gradient.Rows,
            Columns = gradient.Columns,
            Activation = (int)activation,
            Accumulate = accumulate ? 1 : 0,
            LanesLog2 = lanesLog2,
        };
        Launch(LinearKernels.ActivationDerivativeProduct, grid, arguments);
    }
}
