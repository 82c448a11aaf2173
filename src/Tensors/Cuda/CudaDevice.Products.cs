using MergeEngine.Tensors.Cuda.Interop;
using MergeEngine.Tensors.Cuda.Products;

namespace MergeEngine.Tensors.Cuda;

/// <content>Matrix products.</content>
public sealed unsafe partial class CudaDevice
{
    private MatrixProducts? _products;
    private nint _productWorkspace;

    /// <summary>cuBLAS and its plans, started at first use; the caller holds the gate.</summary>
    internal MatrixProducts Products
    {
        get
        {
            Enter();
            return _products ?? StartProducts();
        }
    }

    /// <summary>Puts a product on the stream, or writes it down, or both where it is captured. The caller holds the gate; nothing is allocated.</summary>
    /// <returns>False if the plan proved useless; a new one is to be asked for.</returns>
    internal bool TryLaunch(ProductPlan plan, in ProductOperands operands)
    {
        MatrixProducts products = Products;
        if (_log is { } log)
        {
            log.Add(~plan.Index); // below zero, where kernels have numbers from zero on
            log.Add(operands);
            if (!_capturing) return true;
        }

        return products.TryLaunch(plan, operands);
    }

    private MatrixProducts StartProducts()
    {
        if (_productWorkspace == 0)
        {
            _productWorkspace = AllocateRaw(MatrixProducts.WorkspaceBytes, "the workspace of matrix products");
            _scratchBytes += MatrixProducts.WorkspaceBytes;
        }

        return _products = new MatrixProducts(Name, _productWorkspace, _stream);
    }

    private void FreeProducts()
    {
        _products?.Dispose();
        _products = null;
        if (_productWorkspace != 0) _ = Driver.cuMemFree_v2(_productWorkspace);
        _productWorkspace = 0;
    }
}
