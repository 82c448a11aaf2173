using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Tuning;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Experiments;

/// <summary>Scores an alternating run as it goes, at most ten times besides its start.</summary>
internal sealed class RoundObserver : IAlternatingObserver
{
    private const int Scores = 10;
    private readonly ExperimentContext _context;
    private readonly string _name;
    private readonly RoundsEntry _rounds;
    private readonly long _stepsPerRound;
    private readonly List<int> _round = [];
    private readonly List<long> _steps = [];
    private readonly List<double> _average = [];
    private readonly List<double> _norm = [];

    public RoundObserver(ExperimentContext context, string name, RoundsEntry rounds, ParameterVector start)
    {
        _context = context;
        _name = name;
        _rounds = rounds;
        _stepsPerRound = (rounds.OnValidation ? context.ValidationTasks : context.TrainTasks).Max(context.LengthOf(rounds).StepsFor);
        Add(0, start);
    }

    public RoundSeries Series => new(_name, _round, _steps, _average, _norm);

    public void Tuned(int round, TaskVectors taskVectors)
    {
    }

    public void Merged(AlternatingRound round, ParameterVector merged)
    {
        int every = (_rounds.Rounds + Scores - 1) / Scores;
        if (round.Number % every == 0 || round.Number == _rounds.Rounds) Add(round.Number, merged);
    }

    public void Add(int round, ParameterVector merged)
    {
        _round.Add(round);
        _steps.Add(round * _stepsPerRound);
        _average.Add(_context.MeanAccuracy(merged, "test"));
        _norm.Add(_context.DistanceFromStart(merged));
    }
}
