"use strict";
// The page: holds the chosen image, and connects the controls with the engine that makes images.
//
// An item describes an image: {latent, seed or null, label or null, name if it has no seed}. Names
// of classes and files become text, never markup.

// Operations that take the page about a second.
const QUICK_OPERATIONS = { "the processor": 1e10, "the GPU": 1e12 };

class Explorer {
  constructor(engine) {
    this.engine = engine;
    const info = (this.info = engine.info);
    this.queue = new Queue(engine, (text) => this.say(text, true), (ms) => this.measured(ms));
    this.directions = vectorsOf(info.directions || "", info.latent_size);
    this.centres = new Map(Object.entries(info.centres || {}).map(([label, text]) =>
      [label, vectorsOf(text, info.latent_size)[0]]));
    this.psi = 1;
    this.shown = null;
    this.fillSelects();
    this.grid = new Grid(this, this.firstItems(this.isSlow() ? COUNTS[0] : COUNTS[1]));
    this.chosen = this.grid.cells[0].item;
    this.sliders = new Directions(this);
    this.mix = new Mix(this, this.chosen, this.grid.cells[1].item);
    this.walk = new Walk(this);
    this.connect();
    connectFiles(this);
    this.showAll();
  }

  isSlow() {
    return this.info.engine === "page" && !this.isQuick(this.info.operations[0]);
  }

  isQuick(operations) {
    return operations <= QUICK_OPERATIONS[this.info.device];
  }

  fillSelects() {
    const { info } = this;
    $("lod").append(...info.lods.map((lod) => {
      const size = info.resolution >> Math.floor(lod);
      return make("option", { value: lod }, `${size}x${size} (lod ${Number(lod.toPrecision(4))})`);
    }));
    const quick = info.operations?.findIndex((count) => this.isQuick(count));
    this.lod = info.lods[this.isSlow() ? (quick < 0 ? info.lods.length - 1 : quick) : 0];
    $("lod").value = this.lod;
    $("class").append(make("option", { value: "" }, "by the seed"));
    $("class").append(...info.classes.map(({ index, name }) =>
      make("option", { value: index }, name)));
    $("class-field").hidden = !info.classes.length;
    $("variety-section").hidden = !this.centres.size;
  }

  connect() {
    $("lod").addEventListener("change", () => {
      this.lod = Number($("lod").value);
      this.showAll();
    });
    $("class").addEventListener("change", () => {
      this.walk.stop();
      this.chosen = this.relabelled(this.chosen);
      for (const end of ["a", "b"]) this.mix.ends[end] = this.relabelled(this.mix.ends[end]);
      this.grid.relabel();
      this.mix.show();
      this.showChosen();
    });
    onSlide($("variety"), $("variety-text"), percent, (value) => {
      this.psi = value;
      this.showAll();
    });
    $("seed-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.choose(this.itemOfSeed(Number($("seed").value)));
    });
  }

  // ---- items

  /** Returns the label of a seed's image: the chosen class, else the one that `generate` takes. */
  labelOf(seed) {
    const { classes } = this.info;
    if (!classes.length) return null;
    const chosen = $("class").value;
    return chosen === "" ? classes[(seed || 0) % classes.length].index : Number(chosen);
  }

  itemOfSeed(seed) {
    return { seed, latent: latentOfSeed(seed, this.info.latent_size), label: this.labelOf(seed) };
  }

  /** Returns the first `least` items or more: the latents given at the start, then seeds. */
  firstItems(least) {
    const given = vectorsOf(this.info.start || "", this.info.latent_size).map((latent, i) =>
      ({ latent, seed: null, label: this.labelOf(null), name: `latent ${i + 1}` }));
    const count = COUNTS.find((n) => n >= Math.max(least, given.length));
    const seeds = Array.from({ length: count - given.length }, (_, seed) => this.itemOfSeed(seed));
    return [...given, ...seeds];
  }

  randomItem() {
    return this.itemOfSeed(Math.floor(Math.random() * 1e6));
  }

  relabelled(item) {
    return { ...item, label: this.labelOf(item.seed) };
  }

  nameOf(item) {
    const name = item.seed === null ? item.name : `seed ${item.seed}`;
    const found = this.info.classes.find(({ index }) => index === item.label);
    return found ? `${name}, ${found.name}` : name;
  }

  /** Returns the chosen item, moved by the direction sliders. */
  current() {
    const scale = Math.sqrt(this.info.latent_size);
    const amounts = this.sliders.amounts.map((amount) => amount * scale);
    const latent = moved(this.chosen.latent, this.directions, amounts);
    if (latent === this.chosen.latent) return this.chosen;
    return { ...this.chosen, latent, seed: null, name: `${this.nameOfSeed(this.chosen)}, moved` };
  }

  nameOfSeed(item) {
    return item.seed === null ? item.name : `seed ${item.seed}`;
  }

  // ---- images

  /** Returns an item, truncated by the variety slider. */
  varied(item) {
    const centre = this.centres.get(item.label === null ? "" : String(item.label));
    const latent = truncated(item.latent, centre, this.psi);
    return latent === item.latent ? item : { ...item, latent, seed: null };
  }

  /** Returns a promise of an item's image; null if it is no longer wanted or can't be made. */
  imageOf(key, item, first = false) {
    const { latent, label } = this.varied(item);
    return this.queue.ask(key, { latent, label, lod: this.lod }, first);
  }

  /** Shows an item as the chosen one, ends a walk, and resets the direction sliders. */
  choose(item) {
    this.walk.stop();
    this.sliders.reset();
    this.show(item);
  }

  /** Shows an item as the chosen one. */
  show(item) {
    this.chosen = item;
    return this.showChosen();
  }

  async showChosen() {
    const item = this.current();
    const image = await this.imageOf("chosen", item, true);
    if (!image) return;
    this.shown = image;
    draw($("large"), image, Math.max(Math.ceil(512 / image.width), 1));
    $("caption").textContent = `${this.nameOf(item)}, ${image.width}x${image.height}`;
    if (item.seed !== null && document.activeElement !== $("seed")) $("seed").value = item.seed;
    this.grid.cells.forEach((cell) =>
      cell.button.setAttribute("aria-pressed", String(cell.item === this.chosen)));
  }

  showAll() {
    this.showChosen();
    this.grid.show();
    this.mix.show();
  }

  // ---- messages

  say(text, isError = false) {
    $("status").textContent = text;
    $("status").classList.toggle("error", isError);
  }

  measured(ms) {
    const { engine, device } = this.info;
    const place = `${engine === "page" ? "in this page" : "by the server"}, on ${device}`;
    $("about").textContent = `Computed ${place}, about ${Math.round(ms)} ms per image.`;
  }
}

let explorer = null;

async function start() {
  try {
    const { facts } = JSON.parse($("data").textContent);
    const engine = facts ? await LocalEngine.open(facts) : await RemoteEngine.open();
    document.title = $("title").textContent = engine.info.name;
    $("page").hidden = false;
    $("status").textContent = "";
    $("about").textContent = "Making the first images.";
    explorer = new Explorer(engine);
  } catch (error) {
    $("status").textContent = `The generator did not start: ${error.message}.`;
    $("status").classList.add("error");
  }
}

addEventListener("DOMContentLoaded", start);
