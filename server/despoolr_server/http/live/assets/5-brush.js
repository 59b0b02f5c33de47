// A part of the lanes' time: chosen by drag or keys on the strip above them, kept in the address. `to` is null where it goes up to now.
const PARTS = 400;
/** From when to when the lanes are shown; up to now, with room for what comes, unless a part is chosen. */
function spanOf(now) {
  const first = now - state.range, part = state.part;
  if (!part) return [first, now + Math.max(state.range * 0.09, 60)];
  const to = part.to === null ? now : part.to, from = Math.max(part.from, first);
  return to - from < 1 ? [first, now] : part.to === null ? [from, now + (now - from) * 0.09] : [from, to];
}
const rangeText = () => RANGES.find(([, s]) => s === state.range)[2].toLowerCase();
const stamp = at => iso(at).slice(0, 19);
const partText = () => state.part ? `${stamp(state.part.from)}/${state.part.to === null ? "now" : stamp(state.part.to)}` : "";
function partOf(text) {
  const [from, to] = (text || "").split("/"), begin = Date.parse(`${from}Z`) / 1000, end = to === "now" ? null : Date.parse(`${to}Z`) / 1000;
  return Number.isFinite(begin) && (end === null || end > begin) ? { from: begin, to: end } : null;
}
/** Take a part of what there is; up to its end is up to now, all of it is none. */
function choose(from, to, now) {
  const first = now - state.range, least = state.range / PARTS;
  from = Math.max(first, Math.min(from, now - least));
  to = Math.min(now, Math.max(to, from + least));
  const isToNow = to > now - state.range / 100;
  state.part = isToNow && from < first + state.range / 100 ? null : { from, to: isToNow ? null : to };
  everySecond();
}
/** A range that reaches back to the part of an address, once it is known what time it is there. */
function reach(now) {
  if (!state.isSought || !state.part) return;
  state.isSought = false;
  const fits = RANGES.find(([, s]) => s >= now - state.part.from) || RANGES.at(-1);
  if (state.part.from >= now || state.part.to !== null && state.part.to <= now - fits[1]) state.part = null; // nothing is known of then
  if (fits[1] !== state.range) { state.range = fits[1]; at("range").value = String(state.range); reask(); }
}
function drawBrush(page, now) {
  const node = at("brush"), picture = at("brush-picture"), width = node.clientWidth, first = now - state.range;
  if (!width) return;
  const x = t => Math.min(Math.max((t - first) / state.range, 0), 1) * width, parts = [];
  for (const lane of page.lane_order.map(id => page.lanes[id]).filter(Boolean)) {
    if ((lane.ended_at ?? now) < first) continue;
    parts.push(shape("rect", { x: x(lane.first_at), y: 4, width: Math.max(2, x(lane.ended_at ?? now) - x(lane.first_at)), height: 26, class: "wait" }));
    for (const [t] of lane.ticks) if (t >= first) parts.push(shape("path", { d: `M${x(t)} 8v18`, class: "cross" }));
  }
  picture.replaceChildren(shape("svg", { width, height: 34, "aria-hidden": "true" }, parts));
  const [from, end] = spanOf(now), to = Math.min(end, now);
  for (const [id, t] of [["brush-from", from], ["brush-to", to]]) {
    const handle = at(id), told = t >= now ? "now" : when(t);
    handle.style.left = `${x(t)}px`;
    handle.setAttribute("aria-valuenow", String(Math.round(x(t) / width * 100)));
    handle.setAttribute("aria-valuetext", told);
  }
  at("brush-window").style.left = `${x(from)}px`;
  at("brush-window").style.width = `${Math.max(1, x(to) - x(from))}px`;
  setText(at("brush-says"), state.part ? `${when(from)} to ${to >= now ? "now" : when(to)} (${duration(to - from)}) of the ${rangeText()}` : `The ${rangeText()}. Drag here to look closer.`);
  at("brush-all").hidden = !state.part;
}
function moved(by, end) {
  const now = siteNow(), [from, last] = spanOf(now), to = Math.min(last, now), step = by * (to - from);
  if (end === "from") choose(Math.min(from + step, to), to, now);
  else if (end === "to") choose(from, to + step, now);
  else if (step < 0) { const s = Math.max(step, now - state.range - from); choose(from + s, to + s, now); }
  else { const s = Math.min(step, now - to); choose(from + s, to + s, now); }
  saveState();
}
function whole() { state.part = null; saveState(); everySecond(); }
function brushKey(event) {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key], end = { "brush-from": "from", "brush-to": "to" }[event.target.id];
  if (!by && event.key !== "0" || event.ctrlKey || event.metaKey || event.altKey) return; // Alt and an arrow is the browser's
  event.preventDefault();
  if (by) moved(by * (end ? 0.1 : 0.25), end); else whole();
}
for (const id of ["picture", "brush"]) at(id).addEventListener("keydown", brushKey);
at("brush-all").handlers = { click: () => { whole(); at("brush-from").focus(); } };
at("brush").addEventListener("pointerdown", event => {
  if (event.button || !live.page) return;
  const box = at("brush").getBoundingClientRect(), first = siteNow() - state.range, time = e => first + Math.min(Math.max((e.clientX - box.left) / box.width, 0), 1) * state.range;
  const begun = time(event), x0 = event.clientX, id = event.target.id, [from, last] = spanOf(siteNow()), to = Math.min(last, siteNow());
  const isInside = state.part && begun > from && begun < to;
  const move = e => {
    const t = time(e), now = siteNow();
    if (id === "brush-from") choose(Math.min(t, to), to, now);
    else if (id === "brush-to") choose(from, Math.max(t, from), now);
    else if (isInside) { const s = Math.max(now - state.range - from, Math.min(t - begun, now - to)); choose(from + s, to + s, now); }
    else if (Math.abs(e.clientX - x0) > 4) choose(Math.min(begun, t), Math.max(begun, t), now);
  };
  at("brush").setPointerCapture(event.pointerId);
  const done = () => { at("brush").removeEventListener("pointermove", move); saveState(); };
  at("brush").addEventListener("pointermove", move);
  for (const name of ["pointerup", "pointercancel"]) at("brush").addEventListener(name, done, { once: true });
});
