using MergeEngine.Tensors.Cuda;
using MergeEngine.Tensors.Cuda.Graphs;
using MergeEngine.Tensors.Cuda.Interop;
using MergeEngine.Tensors.Cuda.Products;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Tests.Support;
using static MergeEngine.Tensors.Tests.Cuda.RoundedProducts;

namespace MergeEngine.Tensors.Tests.Cuda;

/// <summary>Plans of products: made once a shape, replaced by plain cuBLAS where there is no algorithm, the same under capture.</summary>
public sealed class ProductPlanTests
{
    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BF16)]
    public void A_shape_that_came_before_needs_no_new_plan(Precision precision)
    {
        using CudaDevice device = CudaUnderTest.Open(precision);
        using var run = new OperationRun(device, 1);
        Layer layer = new(run, 12, 8, 16), longer = new(run, 13, 8, 16);
        layer.Train();
        int plans = Plans(device);
        Assert.InRange(plans, 3, 4);
        for (int i = 0; i < 3; i++) layer.Train();
        Assert.Equal(plans, Plans(device));
        longer.Train();
        Assert.True(Plans(device) > plans);
        plans = Plans(device);
        layer.Train();
        longer.Train();
        Assert.Equal(plans, Plans(device));
    }

    [Fact]
    public void Plans_start_over_when_there_are_too_many_of_them()
    {
        using CudaDevice device = CudaUnderTest.Open();
        using var run = new OperationRun(device, 1);
        Matrix x = run.NormalMatrix(4, 4), y = run.NormalMatrix(4, 4);
        run.Operations.MatrixProduct(y, x, x);
        lock (device.Gate)
        {
            MatrixProducts products = device.Products;
            var indexes = new HashSet<int>();
            var key = new ProductKey(
                4, 4, 4, false, false, 4, 4, 4, CudaDataType.Float32, CuBlasComputeType.Float32, ProductEpilogue.None, 0, 256, 256, 256);
            for (int stride = 5; stride < MatrixProducts.MaxPlans + 50; stride++)
            {
                Assert.True(indexes.Add(products.Plan(key with { StrideC = stride }, default).Index));
                Assert.InRange(products.PlanCount, 1, MatrixProducts.MaxPlans);
            }
        }

        run.Operations.MatrixProduct(y, x, x);
        run.Read();
    }

    /// <summary>cuBLAS has no epilogues: own kernels do what cuBLASLt would have fused.</summary>
    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.TF32)]
    [InlineData(Precision.BF16)]
    public void Without_an_algorithm_of_cublaslt_the_results_are_the_same(Precision precision)
    {
        using CudaDevice device = CudaUnderTest.Open(precision);
        foreach (Activation activation in Enum.GetValues<Activation>())
        {
            foreach (bool keep in new[] { false, true })
            {
                float[][] results = new float[2][];
                for (int pass = 0; pass < 2; pass++)
                {
                    lock (device.Gate) device.Products.AvoidsLight = pass == 1;
                    using var run = new OperationRun(device, 3);
                    results[pass] = new Layer(run, 9, 16, 24, activation, keep).Train();
                }

                // Two ways through sums of at most 24 terms of size 1, and through a GELU that may be one by tanh.approx.
                double bound = activation == Activation.GeluTanh && precision != Precision.Float32 ? 8e-3 : 2e-5;
                Check($"{precision} {activation}", Array.ConvertAll(results[0], v => (double)v), results[1], i => bound * Math.Max(1, Math.Abs(results[0][i])));
            }
        }
    }

    /// <summary>
    /// The heuristic may propose what the call then does not support: fused activations, or anything. The plan is given up, in recorded work too, and
    /// the result is that of the way around.
    /// </summary>
    [Theory]
    [InlineData(Precision.TF32, false)]
    [InlineData(Precision.BF16, false)]
    [InlineData(Precision.BF16, true)]
    public void A_plan_that_is_refused_when_it_is_launched_is_given_up(Precision precision, bool all)
    {
        float[] Train(Predicate<ProductPlan>? refuses, bool without)
        {
            using CudaDevice device = CudaUnderTest.Open(precision);
            device.GraphsEnabled = true;
            lock (device.Gate) (device.Products.Refuses, device.Products.AvoidsLight) = (refuses, without);
            using WorkReplay replay = device.CreateReplay();
            using var run = new OperationRun(device, 3);
            DeviceSpan<float> input = run.Normal(9 * 16), weight = run.Normal(24 * 16), bias = run.Normal(24), output = run.Output("output", 9 * 24);
            for (int i = 0; i < 4; i++)
            {
                replay.Run((device, input, weight, bias, output), static s => s.device.Operations.LinearForward(
                    new Matrix(s.output, 9, 24), new Matrix(s.input, 9, 16), new Matrix(s.weight, 24, 16), s.bias, Activation.GeluTanh));
            }

            Assert.Equal(1, device.LiveGraphs);
            return output.ToHost();
        }

        int refused = 0;
        float[] expected = Train(null, without: true);
        Assert.Equal(expected, Train(plan => (all || (plan.Key.Epilogue & ProductEpilogue.Gelu) != 0) && ++refused > 0, without: false));
        Assert.Equal(all ? 2 : 1, refused);
    }

    /// <summary>The second run is captured and later ones are replayed: scratch, workspace and plans must be those of the capture.</summary>
    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.TF32)]
    [InlineData(Precision.BF16)]
    public void A_replayed_layer_gives_the_bits_of_the_first_run(Precision precision)
    {
        using CudaDevice device = CudaUnderTest.Open(precision);
        device.GraphsEnabled = true;
        using WorkReplay replay = device.CreateReplay();
        using var run = new OperationRun(device, 4);
        Layer layer = new(run, 20, 16, 24, Activation.GeluErf, keep: true, rowsPerSample: 5), other = new(run, 50, 40, 56);
        layer.Reset();
        float[] expected = layer.Train();
        for (int i = 0; i < 5; i++)
        {
            layer.Reset();
            replay.Run(layer, static l => l.Launch());
            Assert.Equal(expected, layer.Read());
            // Between replays, larger work takes the same working memory.
            other.Launch();
        }

        Assert.Equal(1, device.LiveGraphs);
    }

    /// <summary>
    /// A bfloat16 copy of dY is made once for both backward passes, and one of X once for the parts of a layer, but only while nothing comes between them;
    /// outside recorded work, where a host may write by other ways, always anew.
    /// </summary>
    [Fact]
    public void Rounded_inputs_are_used_again_only_while_nothing_can_have_changed_them()
    {
        using CudaDevice device = CudaUnderTest.Open(Precision.BF16);
        device.GraphsEnabled = true;
        using WorkReplay replay = device.CreateReplay();
        using var run = new OperationRun(device, 8);
        Matrix x = run.NormalMatrix(6, 8), w = run.NormalMatrix(8, 8), first = run.OutputMatrix("first", 6, 8), second = run.OutputMatrix("second", 6, 8), third = run.OutputMatrix("third", 6, 8);
        float[] values = run.NormalArray(48);
        for (int i = 0; i < 4; i++)
        {
            device.Upload(values, x.Data);
            replay.Run((run.Operations, x, w, first, second, third), static s =>
            {
                s.Operations.LinearForward(s.first, s.x, s.w);
                s.Operations.LinearForward(s.second, s.x, s.w);
                s.Operations.Scale(s.x.Data.Slice(0, 48), 2);
                s.Operations.LinearForward(s.third, s.x, s.w);
            });
            float[] once = Read(run, first);
            Assert.Equal(once, Read(run, second));
            Assert.Equal(Array.ConvertAll(once, v => 2 * v), Read(run, third));
        }

        Assert.Equal(1, device.LiveGraphs);
        long Calls(bool recorded)
        {
            var log = new LaunchLog();
            long entries = device.Entries;
            void Twice(OperationSet operations)
            {
                operations.LinearForward(first, x, w);
                operations.LinearForward(second, x, w);
            }

            lock (device.Gate)
            {
                if (recorded) device.DryRun(log, run.Operations, Twice);
                else Twice(run.Operations);
            }

            return device.Entries - entries;
        }

        // The second product rounds neither of its operands; a dry run itself counts as two calls.
        Assert.Equal(Calls(recorded: false) - 2, Calls(recorded: true) - 2);
    }

    private static int Plans(CudaDevice device)
    {
        lock (device.Gate) return device.Products.PlanCount;
    }

    /// <summary>One linear layer with all of its passes.</summary>
    internal sealed class Layer
    {
        private readonly OperationRun _run;
        private readonly Activation _activation;
        private readonly int _rowsPerSample;
        private readonly Matrix _x, _w, _y, _z, _dy, _dx, _dw, _absolute, _before;
        private readonly DeviceSpan<float> _b, _db;

        public Layer(OperationRun run, int rows, int outputs, int inputs, Activation activation = Activation.None, bool keep = false, int rowsPerSample = 1)
        {
            _run = run;
            _activation = activation;
            _rowsPerSample = rowsPerSample;
            _x = run.NormalMatrix(rows, inputs);
            _w = run.NormalMatrix(outputs, inputs, 0, 1 / Math.Sqrt(inputs));
            _b = run.Normal(outputs).Slice(0, outputs);
            _y = run.OutputMatrix("y", rows, outputs);
            _z = keep ? run.OutputMatrix("z", rows, outputs) : default;
            _dy = run.NormalMatrix(rows, outputs);
            _dx = run.OutputMatrix("dx", rows, inputs);
            _before = run.NormalMatrix(rows, inputs);
            _dw = run.MatrixOf(new float[outputs * inputs], outputs, inputs);
            _absolute = run.MatrixOf(new float[outputs * inputs], outputs, inputs);
            _db = run.Values(new float[outputs]).Slice(0, outputs);
        }

        public void Reset()
        {
            _run.Device.Upload(new float[_dw.Rows * _dw.Columns], _dw.Data);
            _run.Device.Upload(new float[_dw.Rows * _dw.Columns], _absolute.Data);
            _run.Device.Upload(new float[_db.Length], _db);
        }

        public void Launch()
        {
            OperationSet operations = _run.Operations;
            operations.LinearForward(_y, _x, _w, _b, _activation, _z);
            operations.LinearBackwardWeight(_dw, _db, _dy, _x, GradientReduction.Sum, _rowsPerSample);
            operations.LinearBackwardInput(_dx, _dy, _w, false, _activation, _before);
            operations.LinearBackwardInput(_dx, _dy, _w, true, _activation, _before);
            operations.LinearBackwardWeight(_absolute, default, _dy, _x, GradientReduction.AbsolutePerSample, _rowsPerSample);
        }

        public float[] Read()
        {
            var db = new float[_db.Length];
            _run.Device.Download(_db, db);
            return
            [
                .. RoundedProducts.Read(_run, _y), .. _z.IsNone ? [] : RoundedProducts.Read(_run, _z), .. RoundedProducts.Read(_run, _dx),
                .. RoundedProducts.Read(_run, _dw), .. RoundedProducts.Read(_run, _absolute), .. db,
            ];
        }

        public float[] Train()
        {
            Launch();
            return Read();
        }
    }
}

/// <summary>Failures to order and counts of what lives: these are the process's, so nothing else may run.</summary>
[Collection(nameof(AloneCollection))]
public sealed class ProductFailureTests
{
    [Fact]
    public void A_product_that_fails_is_one_sentence_and_the_device_goes_on()
    {
        CudaUnderTest.RequireEmulated();
        using CudaDevice device = CudaUnderTest.Open();
        using var run = new OperationRun(device, 1);
        Matrix a = run.NormalMatrix(3, 5), b = run.NormalMatrix(5, 4), c = run.OutputMatrix("c", 3, 4);
        EmulatorControl.FailProduct(1);
        var failure = Assert.Throws<CudaException>(() => run.Operations.MatrixProduct(c, a, b));
        Assert.StartsWith("The product [3, 5] × [5, 4] of Float32 with epilogue None on 'emulated' failed: CUBLAS_STATUS_EXECUTION_FAILED (13): ", failure.Message, StringComparison.Ordinal);
        Assert.Matches(@"\. cublas\w+: an injected failure\.$", failure.Message);
        Assert.Equal(13, failure.Code);
        run.Operations.MatrixProduct(c, a, b);
        Assert.All(Read(run, c), v => Assert.True(float.IsFinite(v)));
    }

    [Fact]
    public void A_closed_device_leaves_no_plans_and_no_handles()
    {
        CudaUnderTest.RequireEmulated();
        EmulatorStatistics before = EmulatorControl.Statistics;
        using (CudaDevice device = CudaUnderTest.Open(Precision.BF16))
        {
            using var run = new OperationRun(device, 1);
            new ProductPlanTests.Layer(run, 12, 8, 16).Train();
            EmulatorStatistics during = EmulatorControl.Statistics;
            Assert.Equal(before.CuBlasHandles + 1, during.CuBlasHandles);
            Assert.Equal(before.CuBlasLtHandles + 1, during.CuBlasLtHandles);
            Assert.True(during.CuBlasLtDescriptors > before.CuBlasLtDescriptors);
        }

        Assert.Equal(before.Living(), EmulatorControl.Statistics.Living());
    }
}
