// Tables that sort, filter and search; rows are made as they are asked for.

const PAGE = 50;
const CELLS = {
  size: (value) => size(value),
  number: (value) => NUMBER.format(value),
  day: (value) => day(value),
  name: (value) => text(nameOf(value)),
  names: (values) => text(values.map(nameOf).join(", ")),
  digest: (value) => element("span", { class: "mono", title: show(value) }, show(value).slice(0, 19)),
  text: (value) => text(value ?? "", "word"),
  flag: (value) => (value ? "yes" : "no"),
  state: (value) => {
    const mood = { complete: "good", partial: "warn", "not pulled": "warn" }[value] ?? "bad";
    return element("span", { class: `pill ${mood}` }, show(value));
  },
};
const KINDS = { day: "short", digest: "short", names: "list" };
const NUMERIC = new Set(["size", "number"]);

function comparable(value) {
  if (Array.isArray(value)) return value.map(nameOf).join(", ").toLowerCase();
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value.toLowerCase() : value;
}

class DataTable {
  // `columns` are [key, caption, type]; `filters` are [key, caption], whose values are offered.
  constructor(label, columns, rows, { filters = [], sort = null, search = true, open = null } = {}) {
    this.columns = columns;
    this.rows = rows;
    this.open = open;
    this.shown = PAGE;
    this.sorted = sort ?? [columns[0][0], 1];
    this.chosen = {};
    this.words = "";
    this.status = element("p", { class: "status", role: "status" });
    this.body = element("tbody");
    this.more = element("button", { type: "button", onclick: () => this.extend() });
    this.heads = columns.map((column) => this.head(column));
    const table = element("table", { "aria-label": label }, element("thead", {}, element("tr", {}, ...this.heads)), this.body);
    this.tools = element("div", { class: "tools" });
    if (search && rows.length > 5) this.tools.append(this.search(label));
    for (const [key, caption] of filters) this.tools.append(this.filter(key, caption));
    const none = element("p", { class: "empty" }, "None.");
    this.element = rows.length === 0 ? none : element("div", {}, this.tools, element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, table), this.status, this.more);
    this.draw();
  }

  head([key, caption, type]) {
    return element(
      "th",
      { scope: "col", class: NUMERIC.has(type) ? "number" : null, "data-key": key },
      element("button", { type: "button", onclick: () => this.sort(key, type) }, caption),
    );
  }

  search(label) {
    return element("input", {
      type: "search",
      placeholder: "Search",
      "aria-label": `Search: ${label}`,
      oninput: (event) => {
        this.words = event.target.value.toLowerCase();
        this.shown = PAGE;
        this.draw();
      },
    });
  }

  filter(key, caption) {
    const values = [...new Set(this.rows.flatMap((row) => row[key]))].filter((value) => value !== null).sort();
    const list = element(
      "select",
      {
        "data-filter": key,
        onchange: (event) => {
          this.chosen[key] = event.target.value === "" ? null : values[Number(event.target.value)];
          this.shown = PAGE;
          this.draw();
        },
      },
      element("option", { value: "" }, "all"),
      ...values.map((value, at) => element("option", { value: String(at) }, typeof value === "boolean" ? (value ? "yes" : "no") : show(value))),
    );
    return element("label", {}, caption, list);
  }

  sort(key, type) {
    const [current, direction] = this.sorted;
    const first = NUMERIC.has(type) || type === "day" ? -1 : 1;
    this.sorted = [key, current === key ? -direction : first];
    this.draw();
  }

  matching() {
    const words = this.words.split(/\s+/).filter(Boolean);
    const filters = Object.entries(this.chosen).filter(([, value]) => value !== null);
    return this.rows.filter((row) => {
      for (const [key, value] of filters) {
        const own = row[key];
        if (Array.isArray(own) ? !own.includes(value) : own !== value) return false;
      }
      if (!words.length) return true;
      row.searched ??= this.columns.map(([key]) => comparable(row[key])).concat(comparable(row.digests ?? "")).join("\n");
      return words.every((word) => row.searched.includes(word));
    });
  }

  draw() {
    const [key, direction] = this.sorted;
    this.found = this.matching().sort((one, other) => {
      const [left, right] = [comparable(one[key]), comparable(other[key])];
      return (left < right ? -1 : left > right ? 1 : 0) * direction;
    });
    for (const head of this.heads) {
      const order = direction > 0 ? "ascending" : "descending";
      if (head.dataset.key === key) head.setAttribute("aria-sort", order);
      else head.removeAttribute("aria-sort");
    }
    this.body.replaceChildren(...this.found.slice(0, this.shown).map((row) => this.row(row)));
    this.tell();
  }

  extend() {
    const next = this.found.slice(this.shown, this.shown + PAGE * 4);
    this.body.append(...next.map((row) => this.row(row)));
    this.shown += next.length;
    this.tell();
  }

  tell() {
    const drawnRows = Math.min(this.shown, this.found.length);
    this.status.textContent = this.found.length
      ? `${NUMBER.format(drawnRows)} of ${count(this.found.length, "row")}${this.found.length < this.rows.length ? ` that match, of ${NUMBER.format(this.rows.length)}` : ""}`
      : "No row matches.";
    const rest = this.found.length - drawnRows;
    this.more.hidden = rest === 0;
    this.more.textContent = `Show ${NUMBER.format(Math.min(rest, PAGE * 4))} more`;
  }

  row(row) {
    return element(
      "tr",
      {},
      ...this.columns.map(([key, , type], at) => {
        const content = CELLS[type](row[key]);
        const kind = NUMERIC.has(type) ? "number" : KINDS[type];
        const shown = at === 0 && this.open ? element("button", { type: "button", class: "link", onclick: () => this.open(row) }, content) : content;
        return element("td", { class: kind }, shown);
      }),
    );
  }
}
