"use strict";
// What is to be computed: one request at a time, the most wanted first, none that is out of date.

class Queue {
  /** `engine` computes; `said(text)` is told of errors, and `measured(ms)` of the time an image. */
  constructor(engine, said, measured) {
    Object.assign(this, { engine, said, measured });
    this.wanted = new Map();
    this.isBusy = false;
  }

  /**
   * Asks for an image, and returns a promise of it: null when the same key is asked for again
   * before it is begun, or it fails. `first` puts it before those that are not.
   */
  ask(key, { latent, label, lod }, first = false) {
    this.wanted.get(key)?.done(null);
    this.wanted.delete(key);
    return new Promise((done) => {
      this.wanted.set(key, { latent, label, lod, first, done });
      if (!this.isBusy) this.work();
    });
  }

  async work() {
    this.isBusy = true;
    while (this.wanted.size) {
      const batch = this.nextBatch();
      const [{ label, lod }] = batch;
      const size = this.engine.info.latent_size;
      const latents = new Float32Array(batch.length * size);
      batch.forEach(({ latent }, i) => latents.set(latent, i * size));
      const begin = performance.now();
      try {
        const images = await this.engine.images({ latents, label, lod });
        this.measured((performance.now() - begin) / batch.length);
        batch.forEach(({ done }, i) => done(images[i]));
      } catch (error) {
        this.said(error.message);
        batch.forEach(({ done }) => done(null));
      }
    }
    this.isBusy = false;
  }

  /** Takes the most wanted image, and with it those that can be computed at the same time. */
  nextBatch() {
    const all = [...this.wanted];
    const [, head] = all.find(([, job]) => job.first) || all[0];
    const alike = all.filter(([, job]) =>
      job === head || (!head.first && !job.first && job.label === head.label && job.lod === head.lod));
    const batch = alike.slice(0, head.first ? 1 : Math.max(this.engine.info.most, 1));
    batch.forEach(([key]) => this.wanted.delete(key));
    return batch.map(([, job]) => job);
  }
}
