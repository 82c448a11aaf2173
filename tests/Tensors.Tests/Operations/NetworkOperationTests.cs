using MergeEngine.Tensors.Tests.Support;

namespace MergeEngine.Tensors.Tests.Operations;

/// <summary>The operations of neural networks on every device, against the float64 reference.</summary>
public class NetworkOperationTests
{
    public static OperationTable Table { get; } = new(
        NormalizationCases.All.Concat(ActivationCases.All).Concat(OptimizerCases.All).Concat(AttentionCases.All)
            .Concat(LossCases.All).Concat(TokenCases.All));

    public static TheoryData<string, string> OnLevels => Table.OnLevels();

    [Theory]
    [MemberData(nameof(OnLevels))]
    public void An_operation_agrees_with_its_float64_reference_and_has_the_same_bits_for_any_number_of_threads(string operation, string device) =>
        OperationChecks.AgreesWithReferenceForAnyNumberOfThreads(Table[operation], device);
}

/// <summary>Alone, because memory is counted for the whole process.</summary>
[Collection(nameof(AloneCollection))]
public class NetworkOperationAllocationTests
{
    public static TheoryData<string, string> OnLevels => NetworkOperationTests.OnLevels;

    [Theory]
    [MemberData(nameof(OnLevels))]
    public void A_call_allocates_no_managed_memory(string operation, string device) =>
        OperationChecks.AllocatesNothing(NetworkOperationTests.Table[operation], DeviceCases.WithThreads(device, 3));
}
