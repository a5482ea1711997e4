"use strict";
// The pictures of each head: an image, its true and its predicted classes, and their errors.
const pluxelViewers = (() => {
  const { all, data, element, legend, percent, short } = pluxel;
  const LAYERS = { input: "input", truth: "truth", predicted: "prediction", errors: "errors" };
  const REASONS = {
    worst: "the worst images", median: "images near the median", best: "the best images",
  };
  const PRINTED = 12; // pictures of a head
  const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

  const [HIT, FALSE_POSITIVE, FALSE_NEGATIVE] = data.errors.map(([, color]) => rgb(color));

  const pixels = async (address) => {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
    const context = canvas.getContext("2d", { colorSpace: "srgb", willReadFrequently: true });
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, canvas.width, canvas.height);
  };
  // Class indices: red, and green for the part above 255.
  const indices = async (address, isGray) => {
    const { data: bytes } = await pixels(address);
    return Uint16Array.from({ length: bytes.length / 4 },
      (_, at) => bytes[4 * at] + (isGray ? 0 : 256 * bytes[4 * at + 1]));
  };

  class Viewer {
    constructor(section) {
      this.section = section;
      this.head = data.heads[section.dataset.head];
      this.colors = this.head.colors.map(rgb);
      this.find = (name) => section.querySelector("." + name);
      this.canvas = section.querySelector("canvas");
      this.isGray = this.head.ignore < 256;
      this.fillControls();
      for (const name of ["left", "right", "opacity", "wipe"]) {
        this.find(name).addEventListener("input", () => this.paint());
      }
      this.find("of").addEventListener("input", () => {
        if (this.find("left").value !== "errors") this.find("right").value = "errors";
        this.paint();
      });
      this.find("pick").addEventListener("change", () => this.list());
      const slide = (event) => {
        const box = this.canvas.getBoundingClientRect();
        this.find("wipe").value = 1000 * (event.clientX - box.left) / box.width;
        this.paint();
      };
      this.canvas.addEventListener("pointermove", (event) => {
        if (event.buttons) slide(event);
        this.point(event);
      });
      this.canvas.addEventListener("pointerdown", (event) => {
        this.canvas.setPointerCapture(event.pointerId);
        slide(event);
      });
      addEventListener("beforeprint", () => this.print());
      addEventListener("afterprint", () => {
        this.find("prints").replaceChildren();
        this.paint();
      });
      this.list();
    }

    fillControls() {
      const { classes, pictures } = this.head;
      const reasons = new Set(pictures.flatMap((picture) => picture.reasons));
      const options = (name, entries) => this.find(name).append(
        ...entries.map(([value, text]) => element("option", { value }, text)));
      const named = classes.map((name, at) => [at, short(name)]);
      options("pick", Object.entries(REASONS).filter(([value]) => reasons.has(value)));
      options("pick", named.filter(([at]) => reasons.has(at))
        .map(([at, name]) => [at, `the worst for ${name}`]));
      options("pick", [["all", "all pictures"]]);
      for (const side of ["left", "right"]) options(side, Object.entries(LAYERS));
      this.find("left").value = "truth";
      this.find("right").value = "predicted";
      options("of", [["", "all classes"], ...named]);
    }

    has(name) {
      return this.head.pictures.some((picture) => picture.name === name);
    }

    // Shows the picture of an image, and moves the focus to it.
    open(name) {
      this.find("pick").value = "all";
      this.list(name);
      this.section.scrollIntoView();
      this.find("strip").querySelector("[aria-pressed=true]").focus();
    }

    // Shows the chosen pictures, and that of a name, or else the first.
    list(name) {
      const pick = this.find("pick").value, isClass = /^\d+$/.test(pick);
      const wanted = this.head.pictures.filter((picture) =>
        pick === "all" || picture.reasons.includes(isClass ? Number(pick) : pick));
      // Errors of a class beside the truth, and the prediction for all classes.
      this.find("of").value = isClass ? pick : "";
      this.find("right").value = isClass ? "errors" : "predicted";
      if (isClass) wanted.sort((one, other) => other.wrong[pick] - one.wrong[pick]);
      this.printed = wanted.slice(0, PRINTED);
      this.printed.forEach((picture) => this.load(picture)); // printing does not wait
      const buttons = wanted.map((picture) => {
        const score = isClass ? picture.iou[pick] : picture.mean_iou;
        const button = element("button", { type: "button", title: picture.name },
          element("img", { src: data.photos[picture.photo], alt: "", loading: "lazy" }),
          element("span", {}, picture.name), element("span", {}, percent(score)));
        button.addEventListener("click", () => this.show(picture, buttons, button));
        return button;
      });
      this.find("strip").replaceChildren(...buttons);
      const at = Math.max(0, wanted.findIndex((picture) => picture.name === name));
      if (buttons.length) this.show(wanted[at], buttons, buttons[at]);
    }

    async show(picture, buttons, chosen) {
      for (const button of buttons) button.setAttribute("aria-pressed", button === chosen);
      this.wanted = picture;
      const loaded = await this.load(picture);
      if (this.wanted !== picture) return; // another one was chosen meanwhile
      Object.assign(this, { picture, loaded });
      this.canvas.ariaLabel = `${picture.name}, mean IoU ${percent(picture.mean_iou)}`;
      this.find("stage").style.maxWidth = `${Math.min(720, 4 * loaded.photo.width)}px`;
      this.paint();
    }

    // The pixels of a picture, which it keeps.
    load(picture) {
      picture.loading ??= (async () => {
        const [photo, truth, predicted] = await Promise.all([
          pixels(data.photos[picture.photo]), indices(picture.truth, this.isGray),
          indices(picture.predicted, this.isGray)]);
        const present = new Set([...truth, ...predicted]);
        return picture.loaded = { photo, truth, predicted, present };
      })();
      return picture.loading;
    }

    color(loaded, layer, at, photo, opacity, of) {
      const { head } = this, { width } = loaded.photo;
      const real = loaded.truth[at], found = loaded.predicted[at];
      if (layer === "input") return photo;
      const ignored = real === head.ignore;
      const x = at % width, y = Math.floor(at / width);
      const stripes = ((x + y) >> 2) % 2 ? 120 : 205;
      if (layer !== "errors") {
        const index = layer === "truth" ? real : found;
        if (layer === "truth" && ignored) return [stripes, stripes, stripes];
        const color = this.colors[index] ?? [0, 0, 0];
        return color.map((part, channel) => opacity * part + (1 - opacity) * photo[channel]);
      }
      if (ignored) return [stripes, stripes, stripes];
      const gray = 190 + (65 / 255) * (0.299 * photo[0] + 0.587 * photo[1] + 0.114 * photo[2]);
      if (of === "") return real === found ? [gray, gray, gray] : this.colors[found] ?? [0, 0, 0];
      const wanted = Number(of);
      if (real === wanted && found === wanted) return HIT;
      if (found === wanted) return FALSE_POSITIVE;
      return real === wanted ? FALSE_NEGATIVE : [gray, gray, gray];
    }

    draw(canvas, loaded) {
      const { width, height, data: bytes } = loaded.photo, out = new ImageData(width, height);
      const border = Math.round(width * this.find("wipe").value / 1000);
      const left = this.find("left").value, right = this.find("right").value;
      const opacity = Number(this.find("opacity").value) / 100, of = this.find("of").value;
      for (let at = 0; at < width * height; at++) {
        const photo = [bytes[4 * at], bytes[4 * at + 1], bytes[4 * at + 2]];
        const layer = at % width < border ? left : right;
        out.data.set(this.color(loaded, layer, at, photo, opacity, of), 4 * at);
        out.data[4 * at + 3] = 255;
      }
      Object.assign(canvas, { width, height });
      canvas.getContext("2d").putImageData(out, 0, 0);
    }

    paint() {
      if (!this.picture) return;
      this.draw(this.canvas, this.loaded);
      this.find("border").style.left = `${this.find("wipe").value / 10}%`;
      this.describe();
      this.legend(this.loaded.present);
    }

    // Shows the chosen pictures on paper, with the chosen layers.
    print() {
      const shown = this.printed.filter((picture) => picture.loaded);
      const [left, right] = ["left", "right"].map((side) => LAYERS[this.find(side).value]);
      const layers = element("p", {}, `Left: ${left}. Right: ${right}.`);
      this.find("prints").replaceChildren(layers, ...shown.map((picture) => {
        const canvas = element("canvas");
        this.draw(canvas, picture.loaded);
        return element("figure", {}, canvas, element("figcaption", {}, this.scores(picture)));
      }));
      this.legend(new Set(shown.flatMap((picture) => [...picture.loaded.present])));
    }

    scores(picture) {
      const { head } = this, ofClass = this.find("of").value;
      const iou = ofClass === "" ? ""
        : `, IoU of ${short(head.classes[ofClass])} ${percent(picture.iou[ofClass])}`;
      return `${picture.name}: mean IoU ${percent(picture.mean_iou)}${iou}`;
    }

    describe(place = "") {
      this.find("status").replaceChildren(this.scores(this.picture), element("br"), place);
    }

    point(event) {
      if (!this.picture) return;
      const box = this.canvas.getBoundingClientRect(), { width, height } = this.loaded.photo;
      const x = Math.min(width - 1, Math.floor(width * (event.clientX - box.left) / box.width));
      const y = Math.min(height - 1, Math.floor(height * (event.clientY - box.top) / box.height));
      if (x < 0 || y < 0) return;
      const name = (index) =>
        short(index === this.head.ignore ? "ignored" : this.head.classes[index] ?? `${index}`);
      const at = y * width + x;
      const { truth, predicted } = this.loaded;
      this.describe(`truth ${name(truth[at])}, prediction ${name(predicted[at])}`);
    }

    legend(present) {
      const { head } = this, ofAll = this.find("of").value === "";
      const layers = ["left", "right"].map((side) => this.find(side).value);
      const shows = (...names) => names.some((name) => layers.includes(name));
      const entries = shows("errors") && !ofAll
        ? [...data.errors] : [];
      if (shows("truth", "predicted") || (shows("errors") && ofAll)) {
        entries.push(...head.classes.map((name, at) => [name, head.colors[at]])
          .filter((_, at) => present.has(at)));
      }
      if (present.has(head.ignore) && shows("truth", "errors")) entries.push(["ignored", null]);
      this.find("legend-place").replaceChildren(legend(entries));
    }
  }

  return new Map(all(".viewer").map((section) => [section.dataset.head, new Viewer(section)]));
})();
