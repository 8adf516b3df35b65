"use strict";
// Latents: from seeds, on arcs, and moved along directions; the same as in pgan_tf/latents.py.

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
 * Returns the point at t, from 0 to 1, on the arc from a to b. With w the angle between a and b, its
 * direction is (sin((1 - t) w) a/|a| + sin(t w) b/|b|) / sin(w), and its length goes from |a| to |b|
 * linearly. If a and b point the same way or exactly opposite ways, the path is straight.
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

/** Returns latent + sum_k amounts[k] directions[k]; the same object if all amounts are zero. */
function moved(latent, directions, amounts) {
  if (amounts.every((amount) => amount === 0)) return latent;
  return Float32Array.from(latent, (x, i) =>
    directions.reduce((sum, direction, k) => sum + amounts[k] * direction[i], x));
}

/** Returns a latent moved along the arc to a centre: psi 1 leaves it, psi 0 gives the centre. */
function truncated(latent, centre, psi) {
  if (!centre || psi === 1) return latent;
  return psi === 0 ? centre : spherical(centre, latent, psi);
}

/** Returns the vectors of `size` float32 numbers that a base64 string holds. */
function vectorsOf(text, size) {
  const numbers = new Float32Array(bytesOfBase64(text).buffer);
  return Array.from({ length: numbers.length / size }, (_, k) =>
    numbers.subarray(k * size, (k + 1) * size));
}
