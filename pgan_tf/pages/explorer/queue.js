"use strict";
// Queue of images to make: one request at a time, urgent ones first, outdated ones dropped.

class Queue {
  /**
   * `engine` makes the images; `onError(text)` is called with an error's message, and
   * `onMeasured(ms)` with the time per image.
   */
  constructor(engine, onError, onMeasured) {
    Object.assign(this, { engine, onError, onMeasured });
    this.wanted = new Map();
    this.isBusy = false;
  }

  /**
   * Queues an image, and returns a promise of it. The promise gives null if the image fails, or if
   * the same key is queued again before work on it begins. Images with `first` come before others.
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
        this.onMeasured((performance.now() - begin) / batch.length);
        batch.forEach(({ done }, i) => done(images[i]));
      } catch (error) {
        this.onError(error.message);
        batch.forEach(({ done }) => done(null));
      }
    }
    this.isBusy = false;
  }

  /** Takes the next image from the queue, with others that can be made in the same request. */
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
