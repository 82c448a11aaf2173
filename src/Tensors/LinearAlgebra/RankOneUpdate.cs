using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MergeEngine.Tensors.LinearAlgebra;

/// <summary>
/// One step of divide and conquer: diag(d) + ρ·z·zᵀ with its eigenvalues and eigenvectors. Elements that change nothing to float64 are deflated: those whose z is
/// negligible, and one of two whose d are as good as equal, after a rotation.
/// </summary>
internal unsafe struct RankOneUpdate
{
    private const double Precision = 1.1102230246251565e-16;

    private readonly double* _d;        // [k], increasing
    private readonly double* _z;        // [k]
    private readonly double* _weight;   // [k]: z of the matrix whose eigenvalues the computed roots are exactly
    private readonly double* _origin;   // [k]: d of each root's nearer pole
    private readonly double* _offset;   // [k]
    private readonly double* _groupedD; // d and weights in the order of the rows of the product
    private readonly double* _groupedWeight;
    private readonly int* _sorted;      // [n]: all rows by d
    private readonly int* _kept;        // [k]: rows by increasing d
    private readonly int* _grouped;     // [k]: the same, left, mixed, right
    private readonly int* _place;       // [k]: where sorted element i stands in the grouped order
    private readonly byte* _side;       // [n]: 1 left, 2 right, 3 both
    private readonly int _rows;
    private double _rho;

    public RankOneUpdate(int n, double* memory)
    {
        _rows = n;
        _d = memory;
        _z = _d + n;
        _weight = _z + n;
        _origin = _weight + n;
        _offset = _origin + n;
        _groupedD = _offset + n;
        _groupedWeight = _groupedD + n;
        _sorted = (int*)(_groupedWeight + n);
        _kept = _sorted + n;
        _grouped = _kept + n;
        _place = _grouped + n;
        _side = (byte*)(_place + n);
    }

    /// <summary>Elements that are left.</summary>
    public int Count { get; private set; }

    /// <summary>Of them, those with a left half.</summary>
    public int LeftCount { get; private set; }

    /// <summary>Those with a right half.</summary>
    public int RightCount { get; private set; }

    /// <summary>float64 numbers of working memory for order n.</summary>
    public static long Room(int n) => (10L * n) + 8;

    /// <summary>The row of the old eigenvectors that stands at place <paramref name="i"/>: left halves first, right halves last.</summary>
    public readonly int Row(int i) => _grouped[i];

    /// <summary>The row that the new eigenvector number <paramref name="i"/> takes.</summary>
    public readonly int SortedRow(int i) => _kept[i];

    public readonly double Eigenvalue(int i) => _origin[i] + _offset[i];

    /// <summary>Sets up ρ and z for two halves whose eigenvectors are the rows of <paramref name="vectors"/>; rotates rows and their eigenvalues where they are deflated.</summary>
    public void Deflate(double* d, double tear, DoubleMatrix vectors, int left)
    {
        int n = _rows;
        double rho = Math.Abs(tear), sign = tear < 0 ? -1 : 1, scale = Math.Sqrt(0.5), largestD = 0, largestZ = 0;
        double* z = _weight; // by row, until the roots are found
        for (int i = 0; i < n; i++)
        {
            z[i] = scale * (i < left ? vectors[i][left - 1] : sign * vectors[i][left]);
            _side[i] = (byte)(i < left ? 1 : 2);
            _sorted[i] = i;
            largestD = Math.Max(largestD, Math.Abs(d[i]));
            largestZ = Math.Max(largestZ, Math.Abs(z[i]));
        }

        _rho = 2 * rho;
        Count = LeftCount = RightCount = 0;
        new Span<int>(_sorted, n).Sort(new ByValue(d));
        double tolerance = 8 * Precision * Math.Max(largestD, largestZ);
        int before = -1;
        for (int s = 0; s < n; s++)
        {
            int row = _sorted[s];
            if (_rho * Math.Abs(z[row]) <= tolerance) continue;
            if (before >= 0)
            {
                double length = Math.Sqrt((z[row] * z[row]) + (z[before] * z[before])), c = z[row] / length, sine = -z[before] / length, gap = d[row] - d[before];
                if (Math.Abs(gap * c * sine) <= tolerance)
                {
                    // All of z goes to the later element; the earlier one is an eigenvalue.
                    z[row] = length;
                    z[before] = 0;
                    _side[row] = _side[before] = (byte)(_side[row] | _side[before]);
                    DoubleVectors.Rotate(vectors[before], vectors[row], c, -sine, _rows);
                    double lower = (d[before] * c * c) + (d[row] * sine * sine), upper = (d[before] * sine * sine) + (d[row] * c * c);
                    (d[before], d[row]) = (lower, upper);
                    before = row;
                    continue;
                }

                Keep(d, z, before);
            }

            before = row;
        }

        if (before >= 0) Keep(d, z, before);
        Group();
    }

    public readonly void FindRoot(int i)
    {
        (int origin, double offset) = SecularEquation.Root(_d, _z, Count, _rho, i);
        _origin[i] = _d[origin];
        _offset[i] = offset;
    }

    /// <summary>z_i from the roots (Löwner's formula): with these z the computed roots are exact, and so the vectors are orthogonal whatever their error.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void FindWeight(int i)
    {
        const int width = 8;
        int k = Count;
        double product = (_origin[k - 1] - _d[i] + _offset[k - 1]) / _rho;
        Vector512<double> products = Vector512.Create(1.0), pole = Vector512.Create(_d[i]);
        int j = 0;
        for (; j <= i - width; j += width)
            products *= (Vector512.Load(_origin + j) - pole + Vector512.Load(_offset + j)) / (Vector512.Load(_d + j) - pole);
        for (; j < i; j++) product *= (_origin[j] - _d[i] + _offset[j]) / (_d[j] - _d[i]);
        for (; j <= k - 1 - width; j += width)
            products *= (Vector512.Load(_origin + j) - pole + Vector512.Load(_offset + j)) / (Vector512.Load(_d + j + 1) - pole);
        for (; j < k - 1; j++) product *= (_origin[j] - _d[i] + _offset[j]) / (_d[j + 1] - _d[i]);
        for (int lane = 0; lane < width; lane++) product *= products[lane];
        double weight = Math.CopySign(Math.Sqrt(Math.Abs(product)), _z[i]);
        _groupedD[_place[i]] = _d[i];
        _groupedWeight[_place[i]] = weight;
    }

    /// <summary>Eigenvector <paramref name="i"/>: weight_j/(d_j − λ_i), of length 1, in grouped order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void MakeVector(int i, double* vector)
    {
        const int width = 8;
        int j = 0;
        Vector512<double> origin = Vector512.Create(_origin[i]), offset = Vector512.Create(_offset[i]);
        for (; j <= Count - width; j += width)
            (Vector512.Load(_groupedWeight + j) / (Vector512.Load(_groupedD + j) - origin - offset)).Store(vector + j);
        for (; j < Count; j++) vector[j] = _groupedWeight[j] / (_groupedD[j] - _origin[i] - _offset[i]);
        DoubleVectors.Scale(vector, 1 / Math.Sqrt(DoubleVectors.Dot(vector, vector, Count)), Count);
    }

    private void Keep(double* d, double* z, int row)
    {
        _d[Count] = d[row];
        _z[Count] = z[row];
        _kept[Count++] = row;
    }

    private void Group()
    {
        int at = 0;
        foreach (int side in (ReadOnlySpan<int>)[1, 3, 2])
        {
            for (int i = 0; i < Count; i++)
            {
                if (_side[_kept[i]] != side) continue;
                _place[i] = at;
                _grouped[at++] = _kept[i];
            }

            if (side == 1) RightCount = Count - at;
            else if (side == 3) LeftCount = at;
        }
    }

    private readonly struct ByValue(double* values) : IComparer<int>
    {
        public int Compare(int x, int y)
        {
            int order = values[x].CompareTo(values[y]);
            return order != 0 ? order : x.CompareTo(y);
        }
    }
}
