using System.Globalization;
using System.Text;
using MergeEngine.Merging.Adapters;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Yaml;
using MergeEngine.Models;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Tests.Streaming.Fuzz;

/// <summary>
/// Damaged documents of every kind that a merge reads: what comes is a result or one clean sentence, never another exception, and never more memory than the document's size
/// justifies. Every case follows from its number; <c>MERGE_ENGINE_FUZZ_CASES</c> is how many there are of all kinds together, 100,000 where it is not set.
/// </summary>
/// <remarks>
/// The bound of memory is on what the managed heap gave to the thread during the case, garbage included, so that it bounds the work too: a part for the document (an exception with its
/// trace, tables of fixed size) and a part for each of its bytes. An entry of a header has about 60 bytes in the file and a few hundred in memory; YAML has nodes of a hundred bytes for two
/// bytes of text, and each is copied some times on the way to a recipe. A million cases keep to these bounds.
/// </remarks>
public class FuzzTests
{
    private const int Parts = 4;

    private static readonly long s_cases = long.TryParse(Environment.GetEnvironmentVariable("MERGE_ENGINE_FUZZ_CASES"), CultureInfo.InvariantCulture, out long cases) ? cases : 100_000;

    /// <summary>Each kind with its share in per cent.</summary>
    [Theory]
    [InlineData("header", 30)]
    [InlineData("index", 10)]
    [InlineData("recipe", 18)]
    [InlineData("config", 14)]
    [InlineData("adapter", 6)]
    [InlineData("tokenizer", 10)]
    [InlineData("vocabulary", 4)]
    [InlineData("manifest", 2)]
    [InlineData("model", 6)]
    public void Damaged_documents_give_a_result_or_one_sentence_and_cost_no_more_than_their_size_justifies(string kind, int share)
    {
        long each = Math.Max(1, s_cases * share / 100 / Parts);
        var read = new long[Parts];
        Parallel.For(0, Parts, new ParallelOptions { MaxDegreeOfParallelism = Parts }, part =>
        {
            using FuzzTarget target = FuzzTarget.Create(kind);
            for (int warm = 0; warm < 2; warm++) foreach (byte[] seed in target.Seeds) Run(target, seed, measured: false);
            var mutator = new Mutator(target.Seeds, target.Pieces);
            // A generator of its own for each case, so that any one can be run alone.
            for (long i = part; i < each * Parts; i += Parts)
            {
                byte[] document = mutator.Next(new Random((int)((i * 8) + kind.Length)));
                try
                {
                    read[part] += Run(target, document, measured: true) ? 1 : 0;
                }
                catch (Exception e)
                {
                    throw new InvalidOperationException($"{kind}, case {i}, {document.Length} bytes: {e.GetType().Name}: {e.Message}\n{Encoding.UTF8.GetString(document.AsSpan(0, Math.Min(document.Length, 3000)))}", e);
                }
            }
        });
        // Both ways are taken, or the test would say nothing.
        long all = each * Parts;
        if (all >= 1000) Assert.InRange(read.Sum(), kind == "manifest" ? 0 : all / 200, all - (all / 10));
    }

    internal static void RequireSentence(string message) =>
        Assert.True(message.EndsWith('.') && !message.Any(char.IsControl) && message.Length < 4000, $"This is no sentence: {message[..Math.Min(message.Length, 1000)]}");

    private static bool Run(FuzzTarget target, byte[] document, bool measured)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        bool accepted = true;
        try
        {
            target.Read(document);
        }
        catch (Exception e) when (e is SafetensorsException or YamlException or ModelException or AdapterException or PlanningException)
        {
            accepted = false;
            IEnumerable<string> sentences = e is PlanningException plan ? plan.Problems : e is AdapterException adapter ? adapter.Problems : e is YamlException text ? text.Problems : [e.Message];
            foreach (string sentence in sentences) RequireSentence(sentence);
        }

        long allocated = GC.GetAllocatedBytesForCurrentThread() - before, allowed = target.Allocation.Document + (target.Allocation.Byte * document.Length);
        Assert.True(!measured || allocated <= allowed, $"{allocated} bytes were allocated, allowed are {allowed}.");
        return accepted;
    }
}
