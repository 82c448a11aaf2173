using System.Text.Json;
using MergeEngine.Embeddings.Tests.Support;

namespace MergeEngine.Embeddings.Tests.Host;

/// <summary>A hundred thousand requests over HTTP while the coefficients change all the time. Alone, because it measures the memory of the process.</summary>
/// <remarks>
/// Every answer is that of one of the two mixtures, bit for bit: never of a mixture of mixtures, of another text, or of a batch with others in it. Live memory after a
/// collection grows by less than 2 MiB, 21 bytes a request: what a request needs (its ids, its task, its answer: several hundred bytes) is not kept
/// anywhere, and what the pools of server and client still grow by in that time does not hide it.
/// </remarks>
[Collection(nameof(AloneCollection))]
public sealed class LiveMixtureTests : IDisposable
{
    private const int Requests = 100_000, Clients = 16;
    private const long MostGrowth = 2 << 20;

    private readonly TinyTextModel _files = new();

    [Fact]
    public async Task Each_of_100_000_answers_is_of_one_of_the_two_mixtures_and_memory_does_not_grow()
    {
        await using HostUnderTest host = await HostUnderTest.StartAsync(HostUnderTest.Settings(_files));
        Question[] questions = await AskAsync(host);
        Counts warm = await LoadAsync(host, questions, Requests / 10);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        Counts counts = await LoadAsync(host, questions, Requests);
        long growth = GC.GetTotalMemory(forceFullCollection: true) - before;

        Assert.Equal((0, 0), (warm.Wrong, counts.Wrong));
        Assert.Equal(Requests, counts.First + counts.Second);
        // Both mixtures answered a good part, or nothing has been shown.
        Assert.True(Math.Min(counts.First, counts.Second) > Requests / 100 && counts.Switches >= 100, $"{counts}");
        Assert.True(growth < MostGrowth, $"The heap grew by {growth} bytes over {Requests} requests.");
        TestContext.Current.TestOutputHelper?.WriteLine($"{counts}, heap +{growth} bytes");
    }

    public void Dispose() => _files.Dispose();

    /// <summary>What each of the two mixtures answers, asked while nothing changes.</summary>
    private static async Task<Question[]> AskAsync(HostUnderTest host)
    {
        Question[] questions =
        [
            .. TinyTextModel.Texts(32, seed: 11).Select((text, i) => i % 2 == 0
                ? new Question("/classify", JsonSerializer.SerializeToUtf8Bytes(new { text }))
                : new Question("/embed", JsonSerializer.SerializeToUtf8Bytes(new { texts = new[] { text } }))),
        ];
        await SetAsync(host, second: false);
        foreach (Question question in questions) question.First = await host.PostAsync(question.Path, question.Json);
        await SetAsync(host, second: true);
        foreach (Question question in questions) question.Second = await host.PostAsync(question.Path, question.Json);
        foreach (Question question in questions) Assert.NotEqual(question.First, question.Second);
        return questions;
    }

    private static Task SetAsync(HostUnderTest host, bool second) => second ? host.SetAsync(-0.25f, 1) : host.SetAsync(0.75f, 0.5f);

    private static async Task<Counts> LoadAsync(HostUnderTest host, Question[] questions, int requests)
    {
        var counts = new Counts();
        int next = -1, running = Clients;
        Task switching = Task.Run(
            async () =>
            {
                for (; Volatile.Read(ref running) > 0; counts.Switches++) await SetAsync(host, counts.Switches % 2 == 0);
            });
        await Task.WhenAll(
            Enumerable.Range(0, Clients).Select(_ => Task.Run(
                async () =>
                {
                    try
                    {
                        for (int i = Interlocked.Increment(ref next); i < requests; i = Interlocked.Increment(ref next))
                            counts.Add(questions[i % questions.Length], await host.PostAsync(questions[i % questions.Length].Path, questions[i % questions.Length].Json));
                    }
                    finally
                    {
                        Interlocked.Decrement(ref running);
                    }
                })));
        await switching;
        return counts;
    }

    private sealed class Question(string path, byte[] json)
    {
        public string Path { get; } = path;

        public byte[] Json { get; } = json;

        public byte[] First { get; set; } = [];

        public byte[] Second { get; set; } = [];
    }

    private sealed class Counts
    {
        private int _first, _second, _wrong;

        public int First => _first;

        public int Second => _second;

        public int Wrong => _wrong;

        public int Switches { get; set; }

        public void Add(Question question, byte[] answer)
        {
            if (answer.AsSpan().SequenceEqual(question.First)) Interlocked.Increment(ref _first);
            else if (answer.AsSpan().SequenceEqual(question.Second)) Interlocked.Increment(ref _second);
            else Interlocked.Increment(ref _wrong);
        }

        public override string ToString() => $"{First} answers of the first mixture, {Second} of the second, {Wrong} of none, {Switches} switches";
    }
}
