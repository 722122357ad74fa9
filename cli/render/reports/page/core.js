// Elements, texts and numbers. Nothing here parses HTML: text from outside is set as text only.

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];
const NUMBER = new Intl.NumberFormat("en-US");

function size(bytes) {
  let amount = bytes;
  let unit = 0;
  while (amount >= 1000 && unit < UNITS.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  return unit === 0 ? `${Math.round(amount)} B` : `${amount.toFixed(1)} ${UNITS[unit]}`;
}

const count = (number, noun) => `${NUMBER.format(number)} ${noun}${number === 1 ? "" : "s"}`;

const percent = (part, whole) => (whole ? `${((part / whole) * 100).toFixed(1)} %` : "0 %");

// Characters that do not print, or that reorder the text around them, are shown by their number.
const show = (text) =>
  String(text).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0).toString(16)}}`);

const nameOf = (text) => (text === null || text === "" ? "<none>" : show(text));

const day = (time) => (time ? time.slice(0, 10) : "");

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function drawn(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const text = (content, kind = "name") => element("span", { class: kind }, show(content));

function card(id, title, about, ...content) {
  const heading = element("h2", { id: `${id}-title` }, title);
  return element(
    "section",
    { class: "card", id, "aria-labelledby": `${id}-title` },
    element("div", { class: "head" }, heading),
    about ? element("p", { class: "about" }, about) : null,
    ...content,
  );
}

function choice(label, options, chosen, choose) {
  const group = element("div", { class: "choice", role: "group", "aria-label": label });
  for (const [value, caption] of options) {
    group.append(
      element(
        "button",
        {
          type: "button",
          "aria-pressed": String(value === chosen),
          onclick: (event) => {
            for (const other of group.children) other.setAttribute("aria-pressed", "false");
            event.currentTarget.setAttribute("aria-pressed", "true");
            choose(value);
          },
        },
        caption,
      ),
    );
  }
  return group;
}

const columnsOf = (columns, rows) => rows.map((row) => Object.fromEntries(columns.map((name, at) => [name, row[at]])));
