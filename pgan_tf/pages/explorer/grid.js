"use strict";
// A grid of images: choose one, keep some, and replace the others by new ones.

const COUNTS = [6, 12, 24, 48, 96];

class Grid {
  constructor(app, items) {
    this.app = app;
    this.cells = [];
    $("count").append(...COUNTS.map((n) => make("option", { value: n }, String(n))));
    $("count").value = items.length;
    $("count").addEventListener("change", () => this.resize(Number($("count").value)));
    $("resample").addEventListener("click", () => this.resample());
    $("grid").addEventListener("keydown", (event) => this.onKey(event));
    items.forEach((item) => this.add(item));
    this.makeCurrent(this.cells[0]);
  }

  /** The items of the ticked cells. */
  get kept() {
    return this.cells.filter((cell) => cell.tick.checked).map((cell) => cell.item);
  }

  add(item) {
    const canvas = make("canvas", { width: 1, height: 1 });
    const button = make("button", { type: "button", tabindex: "-1" }, canvas);
    const tick = make("input", { type: "checkbox", tabindex: "-1" });
    const text = make("span");
    const place = make("li", {}, button, make("label", {}, tick, text));
    const cell = { item, canvas, button, tick, text, place, key: `cell-${this.cells.length}` };
    button.addEventListener("click", () => {
      this.makeCurrent(cell);
      this.app.choose(cell.item);
    });
    this.cells.push(cell);
    $("grid").append(place);
    this.describe(cell);
  }

  describe(cell) {
    const name = this.app.nameOf(cell.item);
    cell.text.textContent = name;
    cell.button.setAttribute("aria-label", `Choose ${name}`);
    cell.tick.setAttribute("aria-label", `Keep ${name}`);
  }

  /** Draws all cells again. */
  show() {
    this.cells.forEach((cell) => this.showCell(cell));
  }

  async showCell(cell) {
    const image = await this.app.imageOf(cell.key, cell.item);
    if (image) draw(cell.canvas, image);
  }

  /** Gives new seeds to all cells that are not ticked. */
  resample() {
    for (const cell of this.cells.filter(({ tick }) => !tick.checked)) {
      cell.item = this.app.randomItem();
      this.describe(cell);
      this.showCell(cell);
    }
  }

  /** Changes the labels of all cells to the chosen class. */
  relabel() {
    for (const cell of this.cells) {
      cell.item = this.app.relabelled(cell.item);
      this.describe(cell);
    }
    this.show();
  }

  resize(count) {
    while (this.cells.length > count) this.cells.pop().place.remove();
    while (this.cells.length < count) {
      this.add(this.app.randomItem());
      this.showCell(this.cells[this.cells.length - 1]);
    }
    if (!this.cells.includes(this.current)) this.makeCurrent(this.cells[0]);
  }

  /** Makes a cell the only one that the Tab key reaches. */
  makeCurrent(cell) {
    this.current = cell;
    for (const other of this.cells) {
      other.button.tabIndex = other.tick.tabIndex = other === cell ? 0 : -1;
    }
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = this.cells.findIndex(({ place }) => place.contains(event.target));
    const top = this.cells[0].place.offsetTop;
    const columns = this.cells.filter(({ place }) => place.offsetTop === top).length;
    const last = this.cells.length - 1;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - columns,
      ArrowDown: at + columns, Home: 0, End: last }[event.key];
    if (event.key === "k" || event.key === "K") {
      this.cells[at].tick.click();
    } else if (to === undefined) {
      return;
    } else if (to >= 0 && to <= last) {
      this.makeCurrent(this.cells[to]);
      this.cells[to].button.focus();
    }
    event.preventDefault();
  }
}
