"use strict";
// Saves the chosen image as PNG and its latent as .npy, and opens files of latents.

const MOST_BYTES = 64 << 20; // in a file of latents

/** Makes the browser save a file. */
function saveFile(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

/** Returns an item's file name without its ending; for a seed, the name that `generate` gives. */
function fileNameOf(item) {
  return item.seed === null ? "image" : `seed${String(item.seed).padStart(4, "0")}`;
}

/** Connects the buttons that save and open files. */
function connectFiles(app) {
  $("save-png").addEventListener("click", async () => {
    const image = app.shown;
    if (!image) return;
    const canvas = document.createElement("canvas");
    draw(canvas, image);
    const name = `${fileNameOf(app.varied(app.current()))}.png`;
    canvas.toBlob((blob) => saveFile(blob, name), "image/png");
  });
  $("save-latent").addEventListener("click", () => {
    const item = app.varied(app.current());
    saveFile(new Blob([npyOfLatent(item.latent)]), `${fileNameOf(item)}.npy`);
  });
  $("open-latent").addEventListener("click", () => $("latent-file").click());
  $("latent-file").addEventListener("change", async () => {
    const [file] = $("latent-file").files;
    $("latent-file").value = "";
    if (file) await openLatent(app, file);
  });
}

async function openLatent(app, file) {
  try {
    if (file.size > MOST_BYTES) throw new Error("is larger than 64 MiB");
    const latent = latentOfNpy(new Uint8Array(await file.arrayBuffer()), app.info.latent_size);
    app.choose({ latent, seed: null, label: app.labelOf(null), name: file.name });
    app.say(`Opened ${file.name}.`);
  } catch (error) {
    app.say(`${file.name} ${error.message}.`, true);
  }
}
