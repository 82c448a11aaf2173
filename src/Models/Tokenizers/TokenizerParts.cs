using MergeEngine.Models.Tokenizers.AddedTokens;
using MergeEngine.Models.Tokenizers.Normalization;
using MergeEngine.Models.Tokenizers.Splitting;
using MergeEngine.Models.Tokenizers.Subwords;
using MergeEngine.Models.Tokenizers.Templates;

namespace MergeEngine.Models.Tokenizers;

/// <summary>What a tokenizer is made of, read from its files.</summary>
/// <param name="Normalizers">Applied one after the other.</param>
/// <param name="Splitter">Cuts words.</param>
/// <param name="Model">Makes tokens of words.</param>
/// <param name="AddedTokens">Looked for in the text.</param>
/// <param name="PostProcessing">What is put around a text.</param>
/// <param name="PadId">What fills up.</param>
/// <param name="PadTypeId">Its type.</param>
internal sealed record TokenizerParts(
    IReadOnlyList<Normalizer> Normalizers,
    WordSplitter Splitter,
    SubwordModel Model,
    IReadOnlyList<AddedToken> AddedTokens,
    PostProcessing PostProcessing,
    int PadId,
    int PadTypeId);
