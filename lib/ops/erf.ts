/** The error function, which JavaScript lacks. */

/** Between points of a grid, erf is its Taylor series around the nearest one. */
const pointsPerUnit = 16;
/** 1 - erf(6) = 2e-17: nothing in float64. */
const end = 6;
/** The rest of the series is below 1e-18: the distance is at most 1/32, and the n-th derivative grows slower than 12^n. */
const terms = 14;

/** Made when it is first asked for: most models need none. */
let coefficients: Float64Array | undefined;

/** 2 / √π · ∫₀ˣ e^(-t²) dt, to about 1e-15 of the result. */
export function erf(x: number): number {
  const magnitude = Math.abs(x);
  if (magnitude >= end) return Math.sign(x);
  if (Number.isNaN(x)) return x;
  const point = Math.round(magnitude * pointsPerUnit);
  const distance = magnitude - point / pointsPerUnit;
  coefficients ??= taylorCoefficients();
  let sum = 0;
  for (let n = terms - 1; n >= 0; n--) sum = sum * distance + coefficients[point * terms + n]!;
  const bounded = Math.min(sum, 1);
  return x < 0 ? -bounded : bounded;
}

/** erf^(n)(a) / n! for each point a, [points, terms]. */
function taylorCoefficients(): Float64Array {
  const points = end * pointsPerUnit + 1;
  const result = new Float64Array(points * terms);
  for (let point = 0; point < points; point++) {
    const a = point / pointsPerUnit;
    const at = point * terms;
    result[at] = erfSeries(a);
    result[at + 1] = (2 / Math.sqrt(Math.PI)) * Math.exp(-a * a);
    // f'' = -2x·f', and so on: f⁽ⁿ⁺²⁾ = -2x·f⁽ⁿ⁺¹⁾ - 2n·f⁽ⁿ⁾ for n >= 1
    for (let n = 0; n + 2 < terms; n++) {
      const previous = n === 0 ? 0 : (2 * n * result[at + n]!) / (n + 1);
      result[at + n + 2] = -(2 * a * result[at + n + 1]! + previous) / (n + 2);
    }
  }
  return result;
}

/** 2 / √π · e^(-x²) · Σ 2ⁿ·x^(2n+1) / (1·3·5 ··· (2n+1)): all terms positive, so that nothing cancels. */
function erfSeries(x: number): number {
  let sum = 0;
  let term = x;
  for (let n = 1; term > sum * 1e-18; n++) {
    sum += term;
    term *= (2 * x * x) / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
