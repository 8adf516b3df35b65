"use strict";
// Makes images within the page, with onnxruntime-web in a worker.

/** Turns one image, float32 [channels, h, w] in [-1, 1], into RGBA pixels, rounded as in Python. */
function pixelsOf(floats, channels, width, height) {
  const area = width * height;
  const data = new Uint8ClampedArray(4 * area).fill(255);
  for (let c = 0; c < 3; c++) {
    const plane = Math.min(c, channels - 1) * area; // grey: the only plane serves three times
    for (let i = 0; i < area; i++) {
      data[4 * i + c] = Math.floor(Math.fround(Math.fround(floats[plane + i] * 127.5) + 128));
    }
  }
  return { data, width, height };
}

/** An engine with the same interface as `RemoteEngine`: `info` and `images`. */
class LocalEngine {
  /**
   * Starts the worker and returns an engine. `facts` are from pgan_tf/pages/explorer/facts.py.
   * Throws an Error if the browser is too old, or a part is missing.
   */
  static async open(facts) {
    if (typeof DecompressionStream === "undefined" || typeof WebAssembly === "undefined") {
      throw new Error("this browser is too old; use Chrome 91, Firefox 114, Safari 16.4 or later");
    }
    const engine = new LocalEngine();
    engine.info = { ...facts, engine: "page" };
    const text = (bytes) => new TextDecoder().decode(bytes);
    const [runtime, worker] = [await takePart("ort.js"), await takePart("worker")].map(text);
    const script = new Blob([runtime, "\n", worker], { type: "text/javascript" });
    engine.worker = new Worker(URL.createObjectURL(script));
    engine.waiting = new Map();
    engine.worker.onmessage = ({ data }) => engine.settle(data);
    engine.worker.onerror = (event) => engine.fail(event.message || "the worker did not start");
    const graphs = {};
    for (const lod of facts.lods) {
      const resolution = facts.resolution >> Math.floor(lod);
      graphs[resolution] = await takePart(`graph-${resolution}`);
    }
    const [module, wasm] = [await takePart("ort.mjs"), await takePart("ort.wasm")];
    const weights = await takePart("weights");
    const content = { module, wasm, weights, graphs, mayUseGpu: Boolean(facts.webgpu) };
    const { device } = await engine.ask("open", content, [wasm.buffer, weights.buffer]);
    engine.info.device = device;
    return engine;
  }

  /** Returns RGBA images {data, width, height} for n latents, which follow one after the other. */
  async images(request) {
    const { floats, width, height } = await this.floats(request);
    const size = this.info.channels * width * height;
    return Array.from({ length: floats.length / size }, (_, i) =>
      pixelsOf(floats.subarray(i * size, (i + 1) * size), this.info.channels, width, height));
  }

  /** Returns {floats [n, channels, height, width] in about [-1, 1], width, height}. */
  async floats({ latents, label, lod }) {
    const count = latents.length / this.info.latent_size;
    const labels = new Float32Array(count * this.info.label_size);
    if (label !== null) {
      for (let i = 0; i < count; i++) labels[i * this.info.label_size + label] = 1;
    }
    const resolution = this.info.resolution >> Math.floor(lod);
    const floats = await this.ask("run", { latents, labels, count, resolution });
    return { floats, width: resolution, height: resolution };
  }

  ask(kind, content, moved = []) {
    return new Promise((resolve, reject) => {
      if (this.broken) return reject(new Error(this.broken));
      const id = (this.asked = (this.asked || 0) + 1);
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, kind, ...content }, moved);
    });
  }

  settle({ id, result, error }) {
    const { resolve, reject } = this.waiting.get(id);
    this.waiting.delete(id);
    if (error === undefined) resolve(result);
    else reject(new Error(error));
  }

  fail(message) {
    this.broken = message;
    this.waiting.forEach(({ reject }) => reject(new Error(message)));
    this.waiting.clear();
  }
}
