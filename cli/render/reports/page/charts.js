// Platform matrix, ages and growth.

const FIRST_ROWS = 30;
const MOST_PLATFORMS = 14;

class PlatformMatrix {
  constructor(images) {
    const counts = new Map();
    this.repositories = new Map();
    for (const image of images) {
      const key = image.repository ?? "";
      let row = this.repositories.get(key);
      if (!row) {
        row = { name: key, images: 0, size: 0, present: new Map(), absent: new Map() };
        this.repositories.set(key, row);
      }
      row.images += 1;
      row.size += image.proportional;
      for (const platform of image.platforms) {
        row.present.set(platform, (row.present.get(platform) ?? 0) + 1);
        counts.set(platform, (counts.get(platform) ?? 0) + 1);
      }
      for (const platform of image.absent) {
        row.absent.set(platform, (row.absent.get(platform) ?? 0) + 1);
        if (!counts.has(platform)) counts.set(platform, 0);
      }
    }
    this.platforms = [...counts.entries()].sort((one, other) => other[1] - one[1] || (one[0] < other[0] ? -1 : 1)).map(([name]) => name);
    this.shown = FIRST_ROWS;
    this.words = "";
    this.onlyGaps = false;
    this.body = element("tbody");
    this.status = element("p", { class: "status", role: "status" });
    this.more = element("button", { type: "button", onclick: () => { this.shown += 200; this.draw(); } });
  }

  section() {
    const columns = this.platforms.slice(0, MOST_PLATFORMS);
    this.columns = columns;
    const about = "Images of each repository by platform; an empty cell is a platform that no image of it has.";
    if (!columns.length) return card("platforms", "Platforms", about, element("p", { class: "empty" }, "No image names a platform."));
    const table = element(
      "table",
      { class: "matrix", "aria-label": "Platforms by repository" },
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Repository"), ...columns.map((name) => element("th", { scope: "col" }, text(name))))),
      this.body,
    );
    const tools = element(
      "div",
      { class: "tools" },
      element("input", {
        type: "search",
        placeholder: "Search repositories",
        "aria-label": "Search repositories",
        oninput: (event) => { this.words = event.target.value.toLowerCase(); this.draw(); },
      }),
      element("label", {}, element("input", { type: "checkbox", onchange: (event) => { this.onlyGaps = event.target.checked; this.draw(); } }), "only with gaps"),
    );
    const key = element(
      "ul",
      { class: "key" },
      element("li", {}, element("span", { class: "pill good" }, "3"), " all images have it"),
      element("li", {}, element("span", { class: "pill warn" }, "2 of 3"), " some do"),
      element("li", {}, "none: no image has it; not pulled: declared and not here"),
    );
    const more = this.platforms.length - columns.length;
    this.draw();
    return card(
      "platforms", "Platforms", about + (more > 0 ? ` ${count(more, "rarer platform")} left out.` : ""),
      tools, element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Platforms by repository" }, table), this.status, this.more, key,
    );
  }

  draw() {
    const columns = this.columns;
    const rows = [...this.repositories.values()]
      .filter((row) => !this.words || row.name.toLowerCase().includes(this.words))
      .filter((row) => !this.onlyGaps || columns.some((name) => (row.present.get(name) ?? 0) < row.images))
      .sort((one, other) => other.size - one.size);
    this.body.replaceChildren(
      ...rows.slice(0, this.shown).map((row) =>
        element("tr", {}, element("th", { scope: "row" }, text(nameOf(row.name))), ...columns.map((name) => this.cell(row, name))),
      ),
    );
    this.status.textContent = `${NUMBER.format(Math.min(this.shown, rows.length))} of ${rows.length === 1 ? "1 repository" : `${NUMBER.format(rows.length)} repositories`}`;
    this.more.hidden = rows.length <= this.shown;
    this.more.textContent = `Show ${NUMBER.format(Math.min(200, rows.length - this.shown))} more`;
  }

  cell(row, platform) {
    const has = row.present.get(platform) ?? 0;
    if (has === row.images) return element("td", { class: "all" }, NUMBER.format(has));
    if (has > 0) return element("td", { class: "some" }, `${NUMBER.format(has)} of ${NUMBER.format(row.images)}`);
    return element("td", { class: "none" }, row.absent.has(platform) ? "not pulled" : "none");
  }
}

function ageSection(ages) {
  const list = element("ol", { class: "bars", "aria-label": "Images by age" });
  const draw = (metric) => {
    const largest = Math.max(1, ...ages.map((band) => band[metric]));
    list.replaceChildren(
      ...ages.map((band) => {
        const bar = element("div", { class: "bar" });
        bar.style.height = `${(band[metric] / largest) * 100}%`;
        const value = metric === "size" ? size(band.size) : NUMBER.format(band.images);
        return element("li", {}, element("div", { class: "space" }, element("span", {}, value), bar), element("span", { class: "label" }, band.age));
      }),
    );
  };
  draw("images");
  const tools = element("div", { class: "tools" }, choice("Unit", [["images", "Images"], ["size", "Bytes"]], "images", draw));
  return card("ages", "Ages", "By when images came into the cache.", tools, list);
}

class Growth {
  constructor(points) {
    this.points = points;
    this.at = points.length - 1;
    this.readout = element("p", { class: "readout", "aria-live": "polite" });
    this.chart = drawn("svg", { class: "chart", role: "img", tabindex: "0", "aria-label": "Bytes of images by day; arrow keys move from day to day" });
    this.chart.addEventListener("pointermove", (event) => this.point(event));
    this.chart.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      this.move(Math.min(this.points.length - 1, Math.max(0, this.at + step)));
    });
  }

  section() {
    const about = "Images that are here now, by the day on which they came; what has been removed since is not known.";
    if (!this.points.length) return card("growth", "Growth", about, element("p", { class: "empty" }, "This cache has no images."));
    const rows = this.points.map((point) => element("tr", {}, element("td", {}, point.date), element("td", { class: "number" }, NUMBER.format(point.images)), element("td", { class: "number" }, size(point.size))));
    const table = element(
      "details", {}, element("summary", {}, "As a table"),
      element("div", { class: "scroll" }, element("table", {}, element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Day"), element("th", { scope: "col", class: "number" }, "Images"), element("th", { scope: "col", class: "number" }, "Size"))), element("tbody", {}, ...rows.slice(-400)))),
    );
    new ResizeObserver(() => this.draw()).observe(this.chart);
    return card("growth", "Growth", about, this.chart, this.readout, table);
  }

  draw() {
    const box = this.chart.getBoundingClientRect();
    const [left, right, top, bottom] = [64, 12, 10, 24];
    const days = this.points.map((point) => Date.parse(point.date));
    const [first, last] = [days[0], days.at(-1)];
    const largest = Math.max(1, this.points.at(-1).size);
    const width = Math.max(10, box.width - left - right);
    const height = Math.max(10, box.height - top - bottom);
    this.x = (at) => left + (last === first ? width : ((days[at] - first) / (last - first)) * width);
    this.y = (bytes) => top + height - (bytes / largest) * height;
    const parts = [];
    for (const part of [0, 0.5, 1]) {
      const y = this.y(largest * part);
      parts.push(drawn("line", { class: "grid", x1: left, x2: left + width, y1: y, y2: y }));
      parts.push(drawn("text", { x: left - 8, y: y + 4, "text-anchor": "end" }, size(largest * part)));
    }
    let path = "";
    this.points.forEach((point, at) => {
      // Bytes are there from their day on: a step, not a slope.
      path += at ? `H${this.x(at).toFixed(1)}V${this.y(point.size).toFixed(1)}` : `M${this.x(0).toFixed(1)} ${this.y(point.size).toFixed(1)}`;
    });
    parts.push(drawn("path", { class: "area", d: `${path}V${top + height}H${this.x(0).toFixed(1)}Z` }));
    parts.push(drawn("path", { class: "stroke", d: path }));
    if (last !== first) parts.push(drawn("text", { x: left, y: top + height + 18 }, this.points[0].date));
    parts.push(drawn("text", { x: left + width, y: top + height + 18, "text-anchor": "end" }, this.points.at(-1).date));
    this.cursor = drawn("line", { class: "cursor", y1: top, y2: top + height });
    this.dot = drawn("circle", { class: "dot", r: 4 });
    this.chart.replaceChildren(...parts, this.cursor, this.dot);
    this.chart.setAttribute("viewBox", `0 0 ${Math.max(1, box.width)} ${Math.max(1, box.height)}`);
    this.move(this.at);
  }

  point(event) {
    const x = event.clientX - this.chart.getBoundingClientRect().left;
    let nearest = 0;
    this.points.forEach((_, at) => { if (Math.abs(this.x(at) - x) < Math.abs(this.x(nearest) - x)) nearest = at; });
    this.move(nearest);
  }

  move(at) {
    this.at = at;
    const point = this.points[at];
    const x = this.x(at);
    this.cursor.setAttribute("x1", x);
    this.cursor.setAttribute("x2", x);
    this.dot.setAttribute("cx", x);
    this.dot.setAttribute("cy", this.y(point.size));
    this.readout.textContent = `${point.date}: ${count(point.images, "image")}, ${size(point.size)}`;
  }
}
