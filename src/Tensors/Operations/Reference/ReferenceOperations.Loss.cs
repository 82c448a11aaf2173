namespace MergeEngine.Tensors.Operations.Reference;

/// <content>Losses and optimizer steps.</content>
public unsafe partial class ReferenceOperations
{
    protected override void CrossEntropyCore(DeviceSpan<float> losses, Matrix logitsGradient, Matrix logits, DeviceSpan<int> labels, float gradientScale)
    {
        for (int r = 0; r < logits.Rows; r++)
        {
            double lse = LogSumExp(Row(logits, r), logits.Columns);
            losses.Pointer[r] = (float)(lse - Row(logits, r)[labels.Pointer[r]]);
            if (logitsGradient.IsNone) continue;
            for (int c = 0; c < logits.Columns; c++)
                Row(logitsGradient, r)[c] = (float)(gradientScale * (Math.Exp(Row(logits, r)[c] - lse) - (c == labels.Pointer[r] ? 1 : 0)));
        }
    }

    protected override void EntropyCore(DeviceSpan<float> entropies, Matrix logitsGradient, Matrix logits, float gradientScale)
    {
        for (int r = 0; r < logits.Rows; r++)
        {
            double lse = LogSumExp(Row(logits, r), logits.Columns), entropy = 0;
            for (int c = 0; c < logits.Columns; c++)
            {
                double logP = Row(logits, r)[c] - lse, p = Math.Exp(logP);
                entropy -= p == 0 ? 0 : p * logP;
            }

            entropies.Pointer[r] = (float)entropy;
            if (logitsGradient.IsNone) continue;
            for (int c = 0; c < logits.Columns; c++)
            {
                double logP = Row(logits, r)[c] - lse, p = Math.Exp(logP);
                Row(logitsGradient, r)[c] = (float)(-gradientScale * p * (p == 0 ? 0 : logP + entropy));
            }
        }
    }

    protected override void ArgMaxCore(DeviceSpan<int> best, Matrix logits)
    {
        for (int r = 0; r < logits.Rows; r++)
        {
            int index = 0;
            float top = float.NegativeInfinity;
            for (int c = 0; c < logits.Columns; c++)
            {
                if (Row(logits, r)[c] > top)
                {
                    top = Row(logits, r)[c];
                    index = c;
                }
            }

            best.Pointer[r] = index;
        }
    }

    protected override void AdamCore(
        DeviceSpan<float> parameters, DeviceSpan<float> gradients, DeviceSpan<float> firstMoment, DeviceSpan<float> secondMoment, in AdamSettings settings, int step, GradientClip clip)
    {
        double factor = ClipFactor(clip);
        double correction1 = 1 - Math.Pow(settings.Beta1, step), correction2 = 1 - Math.Pow(settings.Beta2, step);
        for (long i = 0; i < parameters.Length; i++)
        {
            double p = parameters.Pointer[i], g = gradients.Pointer[i] * factor;
            if (settings.Coupled) g += settings.WeightDecay * p;
            else p *= 1 - (settings.LearningRate * settings.WeightDecay);
            double m = (settings.Beta1 * firstMoment.Pointer[i]) + ((1 - settings.Beta1) * g);
            double v = (settings.Beta2 * secondMoment.Pointer[i]) + ((1 - settings.Beta2) * g * g);
            firstMoment.Pointer[i] = (float)m;
            secondMoment.Pointer[i] = (float)v;
            parameters.Pointer[i] = (float)(p - (settings.LearningRate / correction1 * m / ((Math.Sqrt(v) / Math.Sqrt(correction2)) + settings.Epsilon)));
        }
    }

    protected override void SgdCore(DeviceSpan<float> parameters, DeviceSpan<float> gradients, DeviceSpan<float> momentum, in SgdSettings settings, int step, GradientClip clip)
    {
        double factor = ClipFactor(clip);
        for (long i = 0; i < parameters.Length; i++)
        {
            double g = (gradients.Pointer[i] * factor) + (settings.WeightDecay * parameters.Pointer[i]);
            if (settings.Momentum != 0)
            {
                double b = step == 1 ? g : (settings.Momentum * momentum.Pointer[i]) + g;
                momentum.Pointer[i] = (float)b;
                g = settings.Nesterov ? g + (settings.Momentum * b) : b;
            }

            parameters.Pointer[i] = (float)(parameters.Pointer[i] - (settings.LearningRate * g));
        }
    }

    /// <summary>min(1, max / (norm + 1e-6)); 1 without clipping.</summary>
    private static double ClipFactor(GradientClip clip) =>
        clip.SquaredNorm.IsNone ? 1 : Math.Min(1, clip.MaxNorm / (Math.Sqrt(clip.SquaredNorm.Pointer[0]) + 1e-6));

    private static double LogSumExp(float* logits, int classes)
    {
        double max = double.NegativeInfinity, sum = 0;
        for (int c = 0; c < classes; c++) max = Math.Max(max, logits[c]);
        for (int c = 0; c < classes; c++) sum += Math.Exp(logits[c] - max);
        return max + Math.Log(sum);
    }
}
