"use strict";
// Files: the chosen image as PNG, its latent as .npy, and latents to open.

const MOST_BYTES = 64 << 20; // of a file of latents

/** Hands a file to the browser to be saved. */
function saveFile(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

/** Returns the file name of an item, without its ending: that of `generate` for a seed. */
function fileNameOf(item) {
  return item.seed === null ? "image" : `seed${String(item.seed).padStart(4, "0")}`;
}

/** Lets the buttons work that save and open. */
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
    if (file.size > MOST_BYTES) throw new Error("is too large");
    const latent = latentOfNpy(new Uint8Array(await file.arrayBuffer()), app.info.latent_size);
    app.choose({ latent, seed: null, label: app.labelOf(null), name: file.name });
    app.say(`Opened ${file.name}.`);
  } catch (error) {
    app.say(`${file.name} ${error.message}.`, true);
  }
}
