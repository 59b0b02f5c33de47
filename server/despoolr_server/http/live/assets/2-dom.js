// Names come from clients: they are only ever set as text, never as markup.
const at = id => document.getElementById(id);
const SVG = document.querySelector("svg").namespaceURI;
function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") node.handlers = value;
    else if (name === "width%") node.style.width = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(4)) if (child !== null && child !== undefined && child !== false) node.append(child);
  return node;
}
const el = (tag, attributes, ...children) => filled(document.createElement(tag), attributes, children);
const shape = (tag, attributes, ...children) => filled(document.createElementNS(SVG, tag), attributes, children);
const keyOf = node => node.nodeType === 1 ? node.getAttribute("data-k") : null;
/** Make what is on the page like `wanted`, node by node, so that focus, selection and what is folded stay. */
function morph(node, wanted) {
  for (const { name } of [...node.attributes]) if (!wanted.hasAttribute(name) && !(name === "open" && node.tagName === "DETAILS")) node.removeAttribute(name);
  for (const { name, value } of wanted.attributes) if (node.getAttribute(name) !== value && !(name === "open" && node.tagName === "DETAILS")) if (name === "style") node.style.cssText = value; else node.setAttribute(name, value); // the policy refuses the attribute
  node.handlers = wanted.handlers;
  const byKey = new Map();
  for (const child of node.childNodes) if (keyOf(child)) byKey.set(keyOf(child), child);
  let place = node.firstChild;
  for (const want of [...wanted.childNodes]) {
    const key = keyOf(want);
    let have = key ? byKey.get(key) : place;
    if (!key) while (have && keyOf(have)) have = have.nextSibling;
    if (have && have.nodeType === want.nodeType && have.nodeName === want.nodeName) {
      if (have !== place) node.insertBefore(have, place);
      else place = place.nextSibling;
      if (have.nodeType === 1) morph(have, want);
      else if (have.data !== want.data) have.data = want.data;
    } else node.insertBefore(want, place);
  }
  while (place) { const gone = place; place = place.nextSibling; gone.remove(); }
}
function show(id, ...children) {
  const node = at(id), wanted = node.cloneNode(false);
  wanted.append(...children.flat(4).filter(Boolean));
  morph(node, wanted);
}
const button = (text, label, act, attributes) => el("button", { type: "button", "aria-label": label, on: { click: act }, ...attributes }, text);
document.addEventListener("click", event => {
  for (let node = event.target; node && node !== document; node = node.parentNode)
    if (node.handlers && node.handlers.click) { node.handlers.click(event); return; }
});
// What goes on by itself is told by these attributes, and made anew each second.
const since_ = from => el("span", { "data-from": from });
const waited = (n, from) => el("span", { "data-n": n, "data-sum": from });
const due = to => el("span", { class: "nowrap", "data-due": to });
function tick(now) {
  for (const node of document.querySelectorAll("[data-from]")) setText(node, duration(now - node.dataset.from));
  for (const node of document.querySelectorAll("[data-sum]")) setText(node, duration(node.dataset.n * now - node.dataset.sum));
  for (const node of document.querySelectorAll("[data-due]")) setText(node, countdown(node.dataset.due - now));
}
function setText(node, text) { if (node.textContent !== text) node.textContent = text; }
