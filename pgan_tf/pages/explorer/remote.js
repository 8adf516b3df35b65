"use strict";
// Gets images from the server that sent the page.

/** An engine with the same interface as `LocalEngine`: `info` and `images`. */
class RemoteEngine {
  /** Asks the server for its facts and returns an engine. */
  static async open() {
    const engine = new RemoteEngine();
    engine.info = await (await RemoteEngine.fetch("api/info")).json();
    return engine;
  }

  /**
   * Sends a request, with the token of the page's address, and returns the response. Asks again
   * while the server is busy. Throws an Error with the server's reason if it refuses.
   */
  static async fetch(path, options = {}) {
    let response;
    try {
      response = await fetch(path + location.search, options);
    } catch {
      throw new Error("the server doesn't answer: is it still running?");
    }
    const seconds = Number(response.headers.get("Retry-After"));
    if (seconds > 0) {
      await new Promise((done) => setTimeout(done, 1000 * seconds));
      return RemoteEngine.fetch(path, options);
    }
    if (!response.ok) {
      const reason = (await response.text()).trim().slice(0, 300);
      throw new Error(reason || `the server answered ${response.status}`);
    }
    return response;
  }

  /** Returns RGBA images {data, width, height} for n latents, which follow one after the other. */
  async images({ latents, label, lod }) {
    const size = this.info.latent_size;
    const rows = Array.from({ length: latents.length / size }, (_, i) =>
      Array.from(latents.subarray(i * size, (i + 1) * size)));
    const response = await RemoteEngine.fetch("api/images", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ latents: rows, label, lod }),
    });
    const [count, height, width, channels] = ["Count", "Height", "Width", "Channels"].map((name) =>
      Number(response.headers.get(`X-${name}`)));
    const bytes = new Uint8Array(await response.arrayBuffer());
    const area = width * height;
    if (!(area > 0) || bytes.length !== count * area * channels) {
      throw new Error("the server sent incomplete images");
    }
    return Array.from({ length: count }, (_, k) => {
      const data = new Uint8ClampedArray(4 * area).fill(255);
      for (let i = 0; i < area; i++) {
        for (let c = 0; c < 3; c++) {
          data[4 * i + c] = bytes[(k * area + i) * channels + Math.min(c, channels - 1)];
        }
      }
      return { data, width, height };
    });
  }
}
