// Reading the data of the page, and its sections.

async function read() {
  const packed = atob(document.getElementById("data").textContent.trim());
  const bytes = new Uint8Array(packed.length);
  for (let at = 0; at < packed.length; at += 1) bytes[at] = packed.charCodeAt(at);
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const data = await new Response(plain).json();
  for (const [key, columns] of Object.entries(data.columns)) data[key] = columnsOf(columns, data[key]);
  let place = 0;
  data.layers.of = data.layers.of.map((steps) => {
    place = 0;
    return steps.map((step) => (place += step));
  });
  return data;
}

function fact(title, value, note, mood = null) {
  return element("div", { class: mood }, element("dt", {}, title), element("dd", {}, value, note ? element("small", {}, note) : null));
}

function overview(data) {
  const { totals, collection, policy, findings, unsigned } = data;
  const facts = element(
    "dl",
    { class: "facts", id: "overview" },
    fact("Images", NUMBER.format(totals.images), count(totals.names, "name")),
    fact("Repositories", NUMBER.format(totals.repositories), totals.registries === 1 ? "in 1 registry" : `in ${totals.registries} registries`),
    fact("On disk", size(totals.size), count(totals.blobs, "blob")),
    fact("Saved by sharing", size(totals.saved), `${size(totals.shared)} are shared`),
    fact("Collection would free", collection.refused ? "refused" : size(collection.size), collection.refused ? show(collection.refused) : `${size(totals.garbage)} unreferenced`, collection.refused ? "bad" : null),
    policy ? fact("Policy would free", policy.refused ? "refused" : size(policy.size), policy.refused ? show(policy.refused) : count(policy.names, "name"), policy.refused ? "bad" : null) : null,
    fact("Findings", NUMBER.format(findings.length), "broken, incomplete, mismatched", findings.length ? "bad" : "good"),
    fact("Unsigned images", NUMBER.format(unsigned.length), `of ${NUMBER.format(totals.images)}`),
  );
  const parts = [
    ["exclusive", "in one image each", totals.exclusive],
    ["shared", "shared", totals.shared],
    ["garbage", "unreferenced", totals.garbage],
    ["other", "quarantine and temporary files", totals.trash + totals.temporary],
  ].filter(([, , bytes]) => bytes > 0);
  const bar = element("div", { class: "bar-of-parts", "aria-hidden": "true" });
  const key = element("ul", { class: "key" });
  for (const [kind, caption, bytes] of parts) {
    const part = element("span", { class: `part-${kind}` });
    part.style.flexGrow = String(bytes);
    part.style.flexBasis = "0";
    bar.append(part);
    key.append(element("li", {}, element("i", { class: `part-${kind}` }), `${caption}: ${size(bytes)} (${percent(bytes, totals.size)})`));
  }
  return [facts, card("disk", "Disk", null, parts.length ? bar : element("p", { class: "empty" }, "There are no blobs."), key)];
}

function tableCards(data, treemap) {
  const images = new DataTable(
    "Images",
    [["names", "Name", "names"], ["size", "Size", "size"], ["exclusive", "Exclusive", "size"], ["proportional", "Attributed", "size"], ["platforms", "Platforms", "names"], ["state", "State", "state"], ["signed", "Signed", "flag"], ["added", "Added", "day"], ["pulled", "Pulled", "day"]],
    data.images,
    { sort: ["exclusive", -1], filters: [["registry", "Registry"], ["platforms", "Platform"], ["state", "State"], ["signed", "Signed"]], open: (image) => treemap.showImage(image) },
  );
  const groups = [["name", "Name", "name"], ["images", "Images", "number"], ["size", "Size", "size"], ["shared", "Shared", "size"], ["exclusive", "Exclusive", "size"]];
  const repositories = new DataTable("Repositories", groups, data.repositories, { sort: ["size", -1] });
  const shared = new DataTable("Shared blobs", [["digest", "Digest", "digest"], ["kind", "Kind", "text"], ["size", "Size", "size"], ["images", "Images", "number"]], data.shared_blobs, { sort: ["size", -1], search: false });
  const types = new DataTable("Media types", [["media_type", "Media type", "text"], ["kind", "Kind", "text"], ["blobs", "Blobs", "number"], ["size", "Size", "size"]], data.media_types, { sort: ["size", -1], search: false });
  const findings = data.findings.length
    ? new DataTable("Findings", [["name", "Name", "name"], ["platform", "Platform", "text"], ["state", "State", "state"], ["detail", "Detail", "text"], ["digest", "Digest", "digest"]], data.findings, { filters: [["state", "State"]] }).element
    : element("p", { class: "empty" }, "Every image is as declared.");
  return [
    card("images", "Images", "A name opens the image in the treemap.", images.element),
    card("repositories", "Repositories", "Exclusive: bytes that no other repository holds.", repositories.element),
    card("findings", "Findings", "Platforms and images that are broken, incomplete or mismatched.", findings),
    data.activity.length ? card("activity", "Activity", "Operations by day; bytes that pulls and imports brought, and that collections freed.", new DataTable("Activity", [["date", "Day", "day"], ["operations", "Operations", "number"], ["received", "Received", "size"], ["freed", "Freed", "size"]], data.activity, { sort: ["date", -1], search: false }).element) : null,
    element("div", { class: "pair" }, card("shared", "Shared blobs", "By what their copies would take.", shared.element), card("types", "Media types", "All files below blobs.", types.element)),
  ];
}

function themeButton() {
  const root = document.documentElement;
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  const button = document.getElementById("theme");
  const label = () => { button.textContent = dark() ? "Light" : "Dark"; };
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    label();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
  label();
  button.hidden = false;
}

async function start() {
  const data = await read();
  const treemap = new Treemap(data);
  themeButton();
  document.getElementById("main").replaceChildren(
    ...overview(data),
    treemap.section(),
    new PlatformMatrix(data.images).section(),
    element("div", { class: "pair" }, ageSection(data.ages), new Growth(data.growth).section()),
    ...tableCards(data, treemap).filter(Boolean),
  );
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}

start().catch((error) => {
  document.getElementById("main").append(element("p", { class: "empty", role: "alert" }, `This page cannot be drawn: ${error.message}`));
});
