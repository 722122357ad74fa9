// Treemap of space: registry, repository, image, layer. Areas of siblings are in proportion.

const METRICS = {
  proportional: ["Attributed", "A blob of n images counts by its n-th part: areas add up to the bytes on disk."],
  exclusive: ["Exclusive", "Bytes that removing an image frees; what several images share is left out."],
  size: ["Full size", "All bytes of an image; what several images share counts for each of them."],
};
const HEAD = 22;
const SMALLEST = 90; // square pixels below which tiles are drawn as one
const MOST = 400; // tiles of one node
const LEAST = 60; // tiles that are drawn however small they are
const REST = 0.2; // of the area at most for those that are drawn as one

// Squarified layout (Bruls, Huizing, van Wijk 2000): rows along the shorter side, each extended
// while that improves its worst aspect ratio. `items` are sorted, the largest first.
function squarify(items, box) {
  const placed = [];
  let { x, y, width, height } = box;
  let remaining = items.reduce((sum, item) => sum + item.value, 0);
  let start = 0;
  while (start < items.length && remaining > 0) {
    const scale = (width * height) / remaining;
    const side = Math.min(width, height);
    let end = start;
    let sum = 0;
    let worst = Infinity;
    while (end < items.length) {
      const next = sum + items[end].value * scale;
      const largest = items[start].value * scale;
      const smallest = items[end].value * scale;
      const ratio = Math.max((side * side * largest) / (next * next), (next * next) / (side * side * smallest));
      if (ratio > worst) break;
      worst = ratio;
      sum = next;
      end += 1;
    }
    const thickness = side > 0 ? sum / side : 0;
    let along = 0;
    for (let at = start; at < end; at += 1) {
      const length = thickness > 0 ? (items[at].value * scale) / thickness : 0;
      placed.push(
        width >= height
          ? { item: items[at], x, y: y + along, width: thickness, height: length }
          : { item: items[at], x: x + along, y, width: length, height: thickness },
      );
      along += length;
      remaining -= items[at].value;
    }
    if (width >= height) {
      x += thickness;
      width -= thickness;
    } else {
      y += thickness;
      height -= thickness;
    }
    start = end;
  }
  return placed;
}

class Node {
  constructor(kind, name, parent) {
    this.kind = kind;
    this.name = name;
    this.parent = parent;
    this.numbers = { proportional: 0, exclusive: 0, size: 0 };
    this.images = 0;
    this.children = new Map();
  }

  add(image) {
    this.images += 1;
    for (const metric of Object.keys(this.numbers)) this.numbers[metric] += image[metric];
  }

  child(kind, name) {
    let found = this.children.get(name);
    if (!found) {
      found = new Node(kind, name, this);
      this.children.set(name, found);
    }
    return found;
  }

  list() {
    return [...this.children.values()];
  }

  // The part of the area that other images hold as well.
  sharedPart(metric) {
    const whole = this.numbers[metric];
    return whole > 0 ? Math.max(0, 1 - this.numbers.exclusive / whole) : 0;
  }
}

function hierarchy(images, layers) {
  const root = new Node("cache", "All images", null);
  const byImage = new Map();
  images.forEach((image, at) => {
    const registry = root.child("registry", image.registry ?? "");
    const repository = registry.child("repository", image.repository ?? "");
    const label = image.names[0] ?? image.digests[0];
    const node = new Node("image", label, repository);
    node.image = image;
    node.add(image);
    node.list = () => layerNodes(node, layers, at);
    repository.children.set(`${label}\n${at}`, node);
    for (const parent of [root, registry, repository]) parent.add(image);
    byImage.set(image, node);
  });
  return { root, byImage };
}

function layerNodes(parent, layers, at) {
  if (parent.layers) return parent.layers;
  const found = layers.of[at].map((place) => {
    const bytes = layers.sizes[place];
    const holders = layers.holders[place];
    const node = new Node("layer", layers.digests.substr(place * 12, 12), parent);
    node.holders = holders;
    node.numbers = { proportional: bytes / holders, exclusive: holders === 1 ? bytes : 0, size: bytes };
    return node;
  });
  const known = { proportional: 0, exclusive: 0, size: 0 };
  for (const node of found) for (const metric of Object.keys(known)) known[metric] += node.numbers[metric];
  const rest = new Node("documents", "manifests, configs and other documents", parent);
  for (const metric of Object.keys(known)) rest.numbers[metric] = Math.max(0, parent.numbers[metric] - known[metric]);
  parent.layers = [...found, rest];
  return parent.layers;
}

class Treemap {
  constructor(data) {
    const { root, byImage } = hierarchy(data.images, data.layers);
    this.root = root;
    this.byImage = byImage;
    this.total = data.totals.size;
    this.metric = "proportional";
    this.node = root;
    this.crumbs = element("ol", { class: "crumbs" });
    this.area = element("div", { class: "treemap", role: "group", "aria-label": "Treemap of disk space" });
    this.readout = element("p", { class: "readout", "aria-live": "polite" });
    this.about = element("p", { class: "status" });
    this.area.addEventListener("keydown", (event) => this.key(event));
    this.hues = this.huesOf(root);
  }

  // Registries have hues of their own; repositories, if there is only one registry.
  huesOf(root) {
    const registries = root.list();
    const coloured = registries.length > 1 ? registries : registries.flatMap((registry) => registry.list());
    const sorted = coloured.sort((one, other) => other.numbers.proportional - one.numbers.proportional);
    return new Map(sorted.map((node, at) => [node, (255 + at * 137.5) % 360]));
  }

  hue(node) {
    for (let at = node; at; at = at.parent) if (this.hues.has(at)) return this.hues.get(at);
    return 255;
  }

  section() {
    const tools = element(
      "div",
      { class: "tools" },
      element("nav", { "aria-label": "Place in the treemap" }, this.crumbs),
      choice(
        "Areas",
        Object.entries(METRICS).map(([key, [caption]]) => [key, caption]),
        this.metric,
        (metric) => {
          this.metric = metric;
          this.draw();
        },
      ),
    );
    const key = element(
      "ul",
      { class: "key" },
      element("li", {}, element("i", { class: "plain" }), "plain: in one image only, freed by removing it"),
      element("li", {}, element("i", { class: "hatched" }), "hatched: shared with other images"),
    );
    const made = card("space", "Space", null, this.about, tools, this.area, this.readout, key);
    new ResizeObserver(() => this.draw()).observe(this.area);
    return made;
  }

  show(node, { focus = false } = {}) {
    this.node = node;
    this.draw();
    if (focus) (this.area.querySelector("button") ?? this.crumbs.querySelector("button"))?.focus();
  }

  showImage(image) {
    this.show(this.byImage.get(image));
    document.getElementById("space").scrollIntoView();
    this.crumbs.querySelector("button")?.focus({ preventScroll: true });
  }

  draw() {
    this.about.textContent = METRICS[this.metric][1];
    this.drawCrumbs();
    const { clientWidth: width, clientHeight: height } = this.area;
    const parts = [];
    for (const tile of this.layout(this.node, { x: 0, y: 0, width, height })) {
      parts.push(this.isLeaf(tile.item) ? this.tile(tile) : this.group(tile));
    }
    this.area.replaceChildren(...parts);
    if (!parts.length) {
      const why = this.root.images ? "Nothing here has bytes of this kind." : "This cache has no images.";
      this.area.replaceChildren(element("p", { class: "empty" }, why));
    }
    this.tell(this.node);
  }

  drawCrumbs() {
    const path = [];
    for (let node = this.node; node; node = node.parent) path.unshift(node);
    this.crumbs.replaceChildren(
      ...path.map((node) => {
        const caption = nameOf(this.caption(node));
        return element(
          "li",
          {},
          node === this.node
            ? element("span", { class: "name", "aria-current": "location" }, caption)
            : element("button", { type: "button", class: "name", onclick: () => this.show(node, { focus: true }) }, caption),
        );
      }),
    );
  }

  caption(node) {
    if (node.kind === "repository") return node.name.slice(node.parent.name.length + 1) || node.name;
    if (node.kind === "image" && node.parent.name && node.name.startsWith(node.parent.name)) {
      return node.name.slice(node.parent.name.length).replace(/^[:@]/, "") || node.name;
    }
    return node.name;
  }

  isLeaf(node) {
    return node.kind === "layer" || node.kind === "documents" || node.kind === "rest" || node.kind === "image";
  }

  // Children with an area, the largest first; those too small to see become one.
  layout(node, box) {
    if (box.width < 4 || box.height < 4) return [];
    const children = node
      .list()
      .filter((child) => child.numbers[this.metric] > 0)
      .sort((one, other) => other.numbers[this.metric] - one.numbers[this.metric]);
    const whole = children.reduce((sum, child) => sum + child.numbers[this.metric], 0);
    const unit = (box.width * box.height) / whole;
    let shown = 0;
    while (shown < children.length && shown < MOST && children[shown].numbers[this.metric] * unit >= SMALLEST) shown += 1;
    shown = Math.max(shown, Math.min(LEAST, children.length, Math.floor((box.width * box.height) / 1500)));
    const items = children.slice(0, shown).map((child) => ({ child, value: child.numbers[this.metric] }));
    const others = children.slice(shown);
    if (others.length) items.push(this.rest(node, others, items));
    items.sort((one, other) => other.value - one.value);
    return squarify(items, box).map((placed) => ({ ...placed, item: placed.item.child }));
  }

  // What is too small to be seen is one tile, which can be entered.
  rest(parent, others, items) {
    const rest = new Node("rest", `${NUMBER.format(others.length)} smaller`, parent);
    for (const other of others) {
      for (const metric of Object.keys(rest.numbers)) rest.numbers[metric] += other.numbers[metric];
      rest.images += other.images;
    }
    rest.list = () => others;
    const drawn = items.reduce((sum, item) => sum + item.value, 0);
    const most = drawn > 0 ? (drawn * REST) / (1 - REST) : Infinity;
    return { child: rest, value: Math.min(rest.numbers[this.metric], most) };
  }

  place(made, { x, y, width, height }, gap) {
    made.style.left = `${x}px`;
    made.style.top = `${y}px`;
    made.style.width = `${Math.max(1, width - gap)}px`;
    made.style.height = `${Math.max(1, height - gap)}px`;
    return made;
  }

  tile(placed, offset = { x: 0, y: 0 }) {
    const node = placed.item;
    const bytes = node.numbers[this.metric];
    const made = element("button", {
      type: "button",
      class: node.kind === "rest" ? "tile rest" : "tile",
      "aria-label": `${nameOf(this.caption(node))}, ${node.kind}, ${size(bytes)}`,
      onclick: () => this.enter(node),
      onmouseenter: () => this.tell(node),
      onfocus: () => this.tell(node),
    });
    made.style.setProperty("--hue", this.hue(node).toFixed(1));
    made.style.setProperty("--shared", this.sharedOf(node).toFixed(3));
    if (placed.width > 46 && placed.height > 18) made.append(element("b", { class: "name" }, nameOf(this.caption(node))));
    if (placed.width > 46 && placed.height > 36) made.append(element("span", {}, size(bytes)));
    made.node = node;
    return this.place(made, { ...placed, x: placed.x - offset.x, y: placed.y - offset.y }, 1);
  }

  sharedOf(node) {
    return this.metric === "exclusive" ? 0 : node.sharedPart(this.metric);
  }

  group(placed) {
    const node = placed.item;
    if (placed.width < 40 || placed.height < HEAD + 16) return this.tile(placed);
    const made = element("div", { class: "group" });
    made.style.setProperty("--hue", this.hue(node).toFixed(1));
    const head = element(
      "button",
      {
        type: "button",
        class: "group-head",
        "aria-label": `${nameOf(this.caption(node))}, ${node.kind} of ${count(node.images, "image")}, ${size(node.numbers[this.metric])}`,
        onclick: () => this.enter(node),
        onmouseenter: () => this.tell(node),
        onfocus: () => this.tell(node),
      },
      element("span", { class: "name" }, nameOf(this.caption(node))),
      placed.width > 160 ? ` ${size(node.numbers[this.metric])}` : "",
    );
    head.node = node;
    made.append(head);
    const inner = { x: 3, y: HEAD, width: placed.width - 8, height: placed.height - HEAD - 5 };
    for (const tile of this.layout(node, inner)) made.append(this.tile(tile));
    return this.place(made, placed, 2);
  }

  enter(node) {
    if (node.kind !== "layer" && node.kind !== "documents") this.show(node, { focus: true });
    else this.tell(node);
  }

  key(event) {
    if ((event.key === "Escape" || event.key === "Backspace") && this.node.parent) {
      event.preventDefault();
      this.show(this.node.parent, { focus: true });
      return;
    }
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    this.nearest(document.activeElement, step)?.focus();
  }

  // The tile whose centre is nearest in a direction.
  nearest(from, [right, down]) {
    const centre = (tile) => {
      const box = tile.getBoundingClientRect();
      return [box.x + box.width / 2, box.y + box.height / 2];
    };
    const [x, y] = centre(from);
    let best = null;
    let least = Infinity;
    for (const tile of this.area.querySelectorAll("button")) {
      const [otherX, otherY] = centre(tile);
      const ahead = (otherX - x) * right + (otherY - y) * down;
      const aside = Math.abs((otherX - x) * down) + Math.abs((otherY - y) * right);
      const distance = ahead + 2 * aside;
      if (tile !== from && ahead > 1 && distance < least) [best, least] = [tile, distance];
    }
    return best;
  }

  tell(node) {
    const { size: whole, exclusive, proportional } = node.numbers;
    const caption = nameOf(node.kind === "image" ? node.name : this.caption(node));
    const told = [element("strong", { class: "name" }, caption), node.kind === "rest" ? "" : ` — ${node.kind}`];
    if (node.kind === "layer") {
      told.push(`, ${size(whole)}, ${node.holders === 1 ? "in this image only" : `shared by ${count(node.holders, "image")}`}`);
    } else {
      if (node.images > 0 && node.kind !== "image") told.push(` of ${count(node.images, "image")}`);
      told.push(`, attributed ${size(proportional)} (${percent(proportional, this.total)} of the cache), exclusive ${size(exclusive)}, full size ${size(whole)}`);
    }
    if (node.image) {
      const { platforms, absent, state } = node.image;
      told.push(`. ${platforms.map(show).join(", ") || "no platform"}${absent.length ? `; not here: ${absent.map(show).join(", ")}` : ""}; ${state}.`);
    }
    this.readout.replaceChildren(...told);
  }
}
