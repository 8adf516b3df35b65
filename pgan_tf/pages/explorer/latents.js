"use strict";
// Latents: from seeds, on arcs between two, moved along directions. As pgan_tf/latents.py has them.

const MOST_SEED = 4294967295;

/** Returns the latent of a seed, in single precision. */
function latentOfSeed(seed, size) {
  return Float32Array.from(new RandomState(seed).randn(size));
}

function lengthOf(vector) {
  let sum = 0;
  for (const x of vector) sum += x * x;
  return Math.sqrt(sum);
}

/**
 * Returns the point at t of the arc from a to b, its length going from |a| to |b|: with w the angle
 * between them, (sin((1 - t) w) a/|a| + sin(t w) b/|b|) / sin(w). Straight where they point the
 * same way or exactly opposite ways.
 */
function spherical(a, b, t) {
  const [lengthA, lengthB] = [lengthOf(a), lengthOf(b)];
  const [scaleA, scaleB] = [1 / Math.max(lengthA, 1e-12), 1 / Math.max(lengthB, 1e-12)];
  let cosine = 0;
  for (let i = 0; i < a.length; i++) cosine += a[i] * scaleA * (b[i] * scaleB);
  const angle = Math.acos(Math.min(Math.max(cosine, -1), 1));
  const sine = Math.sin(angle);
  const isFlat = sine < 1e-6;
  const length = lengthA + (lengthB - lengthA) * t;
  const weightA = (isFlat ? 1 - t : Math.sin((1 - t) * angle) / sine) * scaleA * length;
  const weightB = (isFlat ? t : Math.sin(t * angle) / sine) * scaleB * length;
  return Float32Array.from(a, (x, i) => weightA * x + weightB * b[i]);
}

/** Returns a latent plus amounts[k] times directions[k]; itself where all amounts are zero. */
function moved(latent, directions, amounts) {
  if (amounts.every((amount) => amount === 0)) return latent;
  return Float32Array.from(latent, (x, i) =>
    directions.reduce((sum, direction, k) => sum + amounts[k] * direction[i], x));
}

/** Returns a latent moved to the centre of the arc between them: psi 1 leaves it as it is. */
function truncated(latent, centre, psi) {
  if (!centre || psi === 1) return latent;
  return psi === 0 ? centre : spherical(centre, latent, psi);
}

/** Returns the vectors of `size` numbers that a text of base64 holds. */
function vectorsOf(text, size) {
  const numbers = new Float32Array(bytesOfBase64(text).buffer);
  return Array.from({ length: numbers.length / size }, (_, k) =>
    numbers.subarray(k * size, (k + 1) * size));
}
