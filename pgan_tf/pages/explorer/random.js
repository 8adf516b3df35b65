"use strict";
// NumPy's RandomState: the same seed gives the same latent as in Python.

/** The Mersenne Twister MT19937, seeded by an integer from 0 to 2^32 - 1. */
class RandomState {
  constructor(seed) {
    this.state = new Uint32Array(624);
    this.state[0] = seed;
    for (let i = 1; i < 624; i++) {
      const before = this.state[i - 1] ^ (this.state[i - 1] >>> 30);
      this.state[i] = Math.imul(before, 1812433253) + i;
    }
    this.position = 624;
    this.spare = null;
  }

  /** Returns the next 32 random bits. */
  bits() {
    if (this.position === 624) this.refill();
    let y = this.state[this.position++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  refill() {
    const s = this.state;
    for (let i = 0; i < 624; i++) {
      const y = (s[i] & 0x80000000) | (s[(i + 1) % 624] & 0x7fffffff);
      s[i] = s[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.position = 0;
  }

  /** Returns a uniform number from [0, 1) with 53 random bits. */
  uniform() {
    const high = this.bits() >>> 5;
    return (high * 67108864 + (this.bits() >>> 6)) / 9007199254740992;
  }

  /** Returns a number from N(0, 1). Marsaglia's polar method gives two; the second is kept. */
  normal() {
    if (this.spare !== null) {
      const spare = this.spare;
      this.spare = null;
      return spare;
    }
    let a, b, square;
    do {
      a = 2 * this.uniform() - 1;
      b = 2 * this.uniform() - 1;
      square = a * a + b * b;
    } while (square >= 1 || square === 0);
    const factor = Math.sqrt((-2 * Math.log(square)) / square);
    this.spare = factor * a;
    return factor * b;
  }

  /** Returns `count` numbers from N(0, 1) in double precision. */
  randn(count) {
    return Float64Array.from({ length: count }, () => this.normal());
  }
}
