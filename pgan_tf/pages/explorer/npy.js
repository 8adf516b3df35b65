"use strict";
// Reads and writes latents in NumPy's .npy files, which --latent of the commands reads, too.

/** Returns the bytes of a .npy file with one latent: float32 [1, size]. */
function npyOfLatent(latent) {
  let header = `{'descr': '<f4', 'fortran_order': False, 'shape': (1, ${latent.length}), }`;
  header = header.padEnd(Math.ceil((10 + header.length + 1) / 64) * 64 - 11) + "\n";
  const bytes = new Uint8Array(10 + header.length + 4 * latent.length);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  bytes.set(new TextEncoder().encode(header), 10);
  const view = new DataView(bytes.buffer, 10 + header.length);
  latent.forEach((x, i) => view.setFloat32(4 * i, x, true));
  return bytes;
}

/**
 * Returns the first latent of a .npy file: float32 or float64, [size] or [n, size].
 * Throws an Error whose message continues a sentence that begins with the file's name.
 */
function latentOfNpy(bytes, size) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = String.fromCharCode(...bytes.subarray(0, 6));
  if (bytes.length < 12 || magic !== "\x93NUMPY") throw new Error("is not a .npy file");
  const start = bytes[6] === 1 ? 10 : 12;
  const end = start + (bytes[6] === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  const header = new TextDecoder("latin1").decode(bytes.subarray(start, end));
  const found = /'descr': '<(f4|f8)', 'fortran_order': False, 'shape': \(([\d, ]*)\)/.exec(header);
  if (!found) throw new Error("does not hold a plain array of float32 or float64");
  const shape = found[2].split(",").filter((text) => text.trim()).map(Number);
  const width = found[1] === "f4" ? 4 : 8;
  const isLatent = shape.length >= 1 && shape.length <= 2 && shape[shape.length - 1] === size;
  if (!isLatent || (shape.length === 2 && shape[0] < 1)) {
    throw new Error(`holds an array [${shape.join(", ")}]; this generator needs [n, ${size}]`);
  }
  if (bytes.length < end + size * width) throw new Error("is cut short");
  const read = width === 4 ? view.getFloat32.bind(view) : view.getFloat64.bind(view);
  const latent = Float32Array.from({ length: size }, (_, i) => read(end + i * width, true));
  if (!latent.every(Number.isFinite)) throw new Error("holds numbers that are not finite");
  return latent;
}
