"use strict";
// Parts of the page, gzip in base64: elements of this file, or calls in the scripts beside it.

const explorerParts = new Map();

/** Stores a part; the scripts beside the page call this. */
function explorerPart(name, text) {
  explorerParts.set(name, text);
}

/** Decodes a base64 string into bytes. */
function bytesOfBase64(text) {
  const step = 1 << 20; // characters at a time; a multiple of four
  const padding = text.endsWith("==") ? 2 : Number(text.endsWith("="));
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  for (let first = 0, filled = 0; first < text.length; first += step) {
    const piece = atob(text.slice(first, first + step));
    for (let i = 0; i < piece.length; i++) bytes[filled++] = piece.charCodeAt(i);
  }
  return bytes;
}

/** Returns a part's bytes, and drops its text to free memory. Throws an Error if it is missing. */
async function takePart(name) {
  const element = document.getElementById(`part-${name}`);
  const text = element ? element.textContent : explorerParts.get(name);
  if (text === undefined) {
    throw new Error("a part is missing; keep this page and the scripts beside it in one folder");
  }
  element?.remove();
  explorerParts.delete(name);
  const packed = new Blob([bytesOfBase64(text)]).stream();
  const unpacked = packed.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}
