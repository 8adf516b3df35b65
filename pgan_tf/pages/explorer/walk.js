"use strict";
// A walk from image to image, which replaces the chosen image and can be recorded as a film.

const FILM_TYPES = ["video/mp4;codecs=avc1.42E01E", "video/webm;codecs=vp9", "video/webm"];

class Walk {
  constructor(app) {
    this.app = app;
    this.isOn = false;
    this.recorder = null;
    onSlide($("pace"), $("pace-text"), (value) => `${value} s`, () => {});
    $("play").addEventListener("click", () => (this.isOn ? this.stop() : this.start()));
    $("record").addEventListener("click", () => (this.recorder ? this.endFilm() : this.beginFilm()));
    $("walk-through").addEventListener("change", () => this.stop());
    $("record").hidden = typeof MediaRecorder === "undefined" || !$("large").captureStream;
  }

  start() {
    const kept = this.app.grid.kept;
    const isThroughKept = $("walk-through").value === "kept";
    if (isThroughKept && kept.length < 2) {
      this.app.say("Tick two images or more in the grid to walk through them.", true);
      return false;
    }
    let next = 0;
    this.next = isThroughKept ? () => kept[next++ % kept.length] : () => this.app.randomItem();
    this.from = this.app.current();
    this.app.directions.length && this.app.sliders.reset();
    this.to = this.next();
    this.isOn = true;
    $("play").textContent = "Stop";
    $("play").classList.add("on");
    this.run();
    return true;
  }

  /** Ends the walk and its film; the last image stays. */
  stop() {
    if (!this.isOn) return;
    this.isOn = false;
    $("play").textContent = "Play";
    $("play").classList.remove("on");
    this.endFilm();
  }

  async run() {
    let [position, before] = [0, performance.now()];
    const thisRun = (this.currentRun = {});
    const isCurrent = () => this.isOn && this.currentRun === thisRun;
    while (isCurrent()) {
      const { from, to } = this;
      const latent = spherical(from.latent, to.latent, position);
      const near = position < 0.5 ? from : to;
      const name = `on the way to ${this.app.nameOf(to)}`;
      await this.app.show({ latent, seed: null, label: near.label, name });
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      position += (now - before) / 1000 / Number($("pace").value);
      before = now;
      if (position >= 1 && isCurrent()) {
        position %= 1;
        [this.from, this.to] = [to, this.next()];
      }
    }
  }

  beginFilm() {
    if (!this.isOn && !this.start()) return;
    const type = FILM_TYPES.find((name) => MediaRecorder.isTypeSupported(name)) || "";
    const pieces = [];
    const recorder = new MediaRecorder($("large").captureStream(30), {
      ...(type && { mimeType: type }), videoBitsPerSecond: 6e6,
    });
    recorder.ondataavailable = ({ data }) => pieces.push(data);
    recorder.onstop = () => {
      const film = new Blob(pieces, { type: recorder.mimeType });
      saveFile(film, film.type.startsWith("video/mp4") ? "walk.mp4" : "walk.webm");
    };
    recorder.start(1000);
    this.recorder = recorder;
    $("record").textContent = "Save the film";
    $("record").classList.add("on");
  }

  endFilm() {
    if (!this.recorder) return;
    this.recorder.stop();
    this.recorder = null;
    $("record").textContent = "Record";
    $("record").classList.remove("on");
  }
}
