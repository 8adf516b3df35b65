"use strict";
// Helpers that all parts of the page use, and the panels with sliders.

/** Draws an image {data, width, height} on a canvas, enlarged `zoom` times. */
function draw(canvas, image, zoom = 1) {
  const plain = zoom === 1 ? canvas : document.createElement("canvas");
  plain.width = image.width;
  plain.height = image.height;
  plain.getContext("2d").putImageData(new ImageData(image.data, image.width, image.height), 0, 0);
  if (plain === canvas) return;
  const [width, height] = [image.width * zoom, image.height * zoom];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(plain, 0, 0, width, height);
}

/**
 * Calls `change(number)` when a slider moves, and shows `text(number)` in `output`. Returns a
 * function that updates the text after a script has set the slider.
 */
function onSlide(slider, output, text, change) {
  const show = () => {
    output.textContent = text(Number(slider.value));
    slider.setAttribute("aria-valuetext", output.textContent);
  };
  slider.addEventListener("input", () => {
    show();
    change(Number(slider.value));
  });
  show();
  return show;
}

const percent = (part) => `${Math.round(100 * part)} %`;

/** The sliders of the principal directions; `amounts` are in units of a latent's length. */
class Directions {
  constructor(app) {
    this.amounts = app.directions.map(() => 0);
    $("directions-section").hidden = !app.directions.length;
    this.sliders = app.directions.map((_, k) => {
      const id = `direction-${k + 1}`;
      const slider = make("input", { type: "range", id, min: -1, max: 1, step: 0.02, value: 0 });
      const output = make("output", { for: id });
      $("directions").append(make("label", { for: id }, `Direction ${k + 1}`), slider, output);
      const show = onSlide(slider, output, (value) => value.toFixed(2), (value) => {
        this.amounts[k] = value;
        app.walk.stop();
        app.showChosen();
      });
      return { slider, show };
    });
    $("reset").addEventListener("click", () => {
      this.reset();
      app.showChosen();
    });
  }

  /** Sets all sliders to zero. */
  reset() {
    this.amounts.fill(0);
    this.sliders.forEach(({ slider, show }) => {
      slider.value = 0;
      show();
    });
  }
}

/** The panel that mixes two images. */
class Mix {
  constructor(app, first, second) {
    this.app = app;
    this.ends = { a: first, b: second };
    for (const end of ["a", "b"]) {
      $(`mix-${end}`).addEventListener("click", () => {
        this.ends[end] = app.current();
        this.showEnd(end);
      });
    }
    onSlide($("mix"), $("mix-text"), (value) => percent(value / 100), (value) => {
      const { a, b } = this.ends;
      const t = value / 100;
      const latent = t === 0 ? a.latent : t === 1 ? b.latent : spherical(a.latent, b.latent, t);
      const near = t < 0.5 ? a : b;
      const seed = t === 0 ? a.seed : t === 1 ? b.seed : null;
      app.choose({ latent, seed, label: near.label, name: `mix at ${percent(t)}` });
    });
  }

  /** Draws both images again. */
  show() {
    this.showEnd("a");
    this.showEnd("b");
  }

  async showEnd(end) {
    $(`mix-${end}-text`).textContent = this.app.nameOf(this.ends[end]);
    const image = await this.app.imageOf(`mix-${end}`, this.ends[end]);
    if (image) draw($(`mix-${end}-image`), image);
  }
}
