"use strict";
// Runs the generator in a worker, whose script is onnxruntime-web followed by this file.

const WEIGHTS = "weights.bin"; // the graphs' name for their weights
const MOST_OPEN = 2; // sessions; each has a copy of the weights
const model = { graphs: {}, weights: null, providers: [], sessions: new Map() };

const answers = {
  async open({ module, wasm, weights, graphs, mayUseGpu }) {
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmBinary = wasm;
    const script = new Blob([module], { type: "text/javascript" });
    ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(script) };
    Object.assign(model, { weights, graphs });
    const adapter = mayUseGpu ? await navigator.gpu?.requestAdapter().catch(() => null) : null;
    model.providers = adapter ? ["webgpu", "wasm"] : ["wasm"];
    return { device: adapter ? "the GPU" : "the processor" };
  },

  async run({ latents, labels, count, resolution }) {
    const session = await sessionOf(resolution);
    const feeds = { latents: new ort.Tensor("float32", latents, [count, latents.length / count]) };
    if (labels.length) {
      feeds.labels = new ort.Tensor("float32", labels, [count, labels.length / count]);
    }
    const { images } = await session.run(feeds);
    return images.data;
  },
};

/** Returns the session of a resolution; the two used last stay open. */
async function sessionOf(resolution) {
  const { sessions } = model;
  let session = sessions.get(resolution);
  if (!session) {
    for (const [other, open] of [...sessions].slice(0, sessions.size - MOST_OPEN + 1)) {
      sessions.delete(other);
      await open.release();
    }
    session = await ort.InferenceSession.create(model.graphs[resolution], {
      executionProviders: model.providers,
      externalData: [{ path: WEIGHTS, data: model.weights }],
    });
  }
  sessions.delete(resolution);
  sessions.set(resolution, session); // the session used last is last in the map
  return session;
}

let lastAnswer = Promise.resolve(); // requests are answered one after the other

onmessage = ({ data }) => {
  lastAnswer = lastAnswer.then(async () => {
    try {
      const result = await answers[data.kind](data);
      postMessage({ id: data.id, result }, result.buffer ? [result.buffer] : []);
    } catch (error) {
      postMessage({ id: data.id, error: String(error?.message || error) });
    }
  });
};
