"use strict";
// Zoom, keys, brush, one moment read out, an address for what is shown. The page is complete without.
(() => {
const $ = (s, e = document) => e.querySelector(s), $$ = (s, e = document) => [...e.querySelectorAll(s)];
const figures = $("#figures"), T0 = +figures.dataset.start, N = +figures.dataset.end - T0;
const MINUTE = 60, HOUR = 3600, DAY = 86400, DAYS = [1, 2, 7, 14, 28, 91, 182, 364, 728, 1820, 3640, 36400];
const STEPS = [1, 2, 5, 10, 15, 30, ...[1, 2, 5, 10, 15, 30].map(n => n * MINUTE), ...[1, 2, 3, 6, 12].map(n => n * HOUR), ...DAYS.map(n => n * DAY)];
const LEAST = Math.min(60, N), clamp = (v, a, b) => Math.max(a, Math.min(b, v));
let from = 0, to = N, at = null;
const date = t => new Date((T0 + t) * 1000), iso = t => date(t).toISOString(), day = t => ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][date(t).getUTCDay()];
const moment = t => `${day(t)} ${iso(t).slice(5, 10)} ${iso(t).slice(11, to - from < 2 * HOUR ? 19 : 16)}`;
function span(s) {
  if (s < 60) return `${Math.round(s)} s`;
  const m = Math.round(s / 60), two = (a, x, b, y) => b ? `${a} ${x} ${b} ${y}` : `${a} ${x}`;
  return m < 60 ? `${m} min` : m < 1440 ? two(m / 60 | 0, "h", m % 60, "min") : two(Math.round(m / 60) / 24 | 0, "d", Math.round(m / 60) % 24, "h");
}
const X = t => (t - from) / (to - from) * 100, pct = v => `${v.toFixed(3)}%`;

// -- what there is
const plots = $$(".blocks .plot"), bars = $$("g.bar[data-a]"), signs = $$("use[data-a], line[data-a]", figures);
bars.forEach(g => { g.a = +g.dataset.a; g.b = +g.dataset.b; g.rects = $$("rect", g); g.text = $("text", g); g.on = $("use", g); });
signs.forEach(e => { e.a = +e.dataset.a; });
const tries = $$("g.attempts").map(g => { let t = 0; return { g, plot: g.closest("svg"), at: g.dataset.at ? g.dataset.at.split(" ").map(n => (t += parseInt(n, 36)) / 10) : [] }; });
const moments = [...new Set([...bars.map(g => g.a), ...signs.map(e => e.a), ...tries.flatMap(t => t.at.slice(0, 1)), N].map(t => Math.round(t)))].sort((a, b) => a - b);
const stepFor = (room, width) => STEPS.find(s => s * width >= room * (to - from)) || STEPS.at(-1);
const width = () => plots.length ? plots[0].getBoundingClientRect().width || 800 : $("#ticks").getBoundingClientRect().width || 800;

// -- drawing
function draw() {
  const W = width();
  for (const g of bars) {
    const x = clamp(X(g.a), -1, 101), w = Math.max(clamp(X(g.b), -1, 101) - x, 200 / W), seen = g.b >= from && g.a <= to;
    g.style.display = seen ? "" : "none";
    if (!seen) continue;
    for (const rect of g.rects) { rect.setAttribute("x", pct(x)); rect.setAttribute("width", pct(w)); }
    if (g.text) {
      const left = Math.max(x, 0), room = (Math.min(x + w, 100) - left) * W / 100;
      g.text.setAttribute("x", pct(left));
      g.text.setAttribute("display", g.text.textContent.length * 6.6 + 12 <= room ? "inline" : "none");
    }
    if (g.on) g.on.setAttribute("x", pct(Math.min(X(g.b), 101)));
  }
  for (const e of signs) {
    const x = X(e.a); e.style.display = x < -2 || x > 102 ? "none" : "";
    for (const name of e.tagName === "line" ? ["x1", "x2"] : ["x"]) e.setAttribute(name, pct(x));
  }
  attempts(W); ticks(W); say();
}
function attempts(W) {
  const step = stepFor(26, W), found = tries.map(t => t.at.filter(a => a >= from && a <= to));
  const off = T0 % step, bin = a => Math.floor((a + off) / step), counts = found.map(list => { const c = new Map; list.forEach(a => c.set(bin(a), (c.get(bin(a)) || 0) + 1)); return c; });
  const most = Math.max(1, ...counts.flatMap(c => [...c.values()]));
  tries.forEach((t, i) => {
    const list = found[i], h = +t.plot.getAttribute("height");
    let gap = Infinity; for (let k = 1; k < list.length; k++) gap = Math.min(gap, list[k] - list[k - 1]);
    if (gap / (to - from) * W >= 13) t.g.innerHTML = list.map(a => `<use href="#m-refused" x="${pct(X(a))}" y="${h / 2}"><title>refused ${moment(a)}</title></use>`).join("");
    else t.g.innerHTML = [...counts[i]].map(([k, n]) => {
      const a = Math.max(k * step - off, from), b = Math.min((k + 1) * step - off, to), tall = n / most * 15, x = X(a), w = Math.max(X(b) - x - 200 / W, 150 / W);
      const text = String(n).length * 7 <= w * W / 100 + 4 ? `<text x="${pct(x + w / 2)}" y="${(h - 4 - tall).toFixed(1)}" text-anchor="middle">${n}</text>` : "";
      return `<g class="column"><title>${n} refused, ${moment(a)} to ${moment(b)}</title><rect x="${pct(x)}" width="${pct(w)}" y="${(h - 1 - tall).toFixed(1)}" height="${tall.toFixed(1)}"/>${text}</g>`;
    }).join("");
  });
}
function ticks(W) {
  const step = stepFor(W < 500 ? 58 : 74, W), origin = step >= DAY ? Math.floor(T0 / DAY) * DAY : 0, list = [];
  for (let t = origin + Math.ceil((T0 + from - origin) / step) * step - T0; t <= to; t += step) list.push(t);
  $("#ticks").innerHTML = list.map((t, i) => {
    const x = X(t), end = x * W / 100, edge = end < 24 ? "start" : end > W - 24 ? "end" : "middle", first = i === 0 || (T0 + t) % DAY === 0, s = iso(t);
    const [top, low] = step >= DAY ? [s.slice(5, 10), day(t)] : [s.slice(11, step < MINUTE ? 19 : 16), first ? `${day(t)} ${s.slice(5, 10)}` : ""];
    return `<text x="${pct(x)}" y="14" text-anchor="${edge}">${top}</text>` + (low ? `<text class="small" x="${pct(x)}" y="28" text-anchor="${edge}">${low}</text>` : "");
  }).join("");
  const lines = list.map(t => `<line x1="${pct(X(t))}" x2="${pct(X(t))}" y1="0" y2="100%"/>`).join("");
  $$("svg.grid").forEach(g => { g.innerHTML = lines; });
}
function overview() {
  const svg = $("#overview svg"), x = t => pct(t / (N || 1) * 100), bins = Array(120).fill(0);
  tries.forEach(t => t.at.forEach(a => bins[Math.min(119, a / (N || 1) * 120 | 0)]++));
  const most = Math.max(1, ...bins), holds = bars.filter(g => g.classList.contains("hold")).sort((p, q) => (q.b - q.a) - (p.b - p.a)).slice(0, 6);
  svg.innerHTML = holds.map((g, i) => `<rect class="o-hold" x="${x(g.a)}" width="${pct(Math.max(.2, (g.b - g.a) / N * 100))}" y="${2 + i * 3}" height="2"/>`).join("")
    + bins.map((n, i) => n ? `<rect class="o-ref" x="${pct(i / 1.2)}" width=".7%" y="${(39 - n / most * 17).toFixed(1)}" height="${(n / most * 17).toFixed(1)}"/>` : "").join("");
}
function say() {
  $("#shown").textContent = `${moment(from)} to ${moment(to)} (${span(to - from)})`;
  const a = from / (N || 1) * 100, b = to / (N || 1) * 100;
  $("#overview .window").style.cssText = `left:${a}%;width:${b - a}%`;
  [["#from", from, a], ["#to", to, b]].forEach(([name, t, x]) => { const e = $(name); e.style.left = `${x}%`; e.setAttribute("aria-valuenow", Math.round(x * 10)); e.setAttribute("aria-valuetext", moment(t)); });
  if (at !== null) cross(at);
}

// -- moving
let frame = 0;
function show(a, b, keep) {
  const w = clamp(b - a, LEAST, N); from = clamp(a, 0, N - w); to = from + w;
  cancelAnimationFrame(frame); frame = requestAnimationFrame(draw);
  if (!keep) address();
}
let named = "";
function address() {
  const parts = []; if (from > 0 || to < N) parts.push(`t=${iso(from).slice(0, 19)}/${iso(to).slice(0, 19)}`); if (named) parts.push(`e=${named}`);
  try { history.replaceState(null, "", parts.length ? `#${parts.join("&")}` : location.pathname + location.search); } catch { /* from disk, some refuse */ }
}
const zoom = (k, c = at ?? (from + to) / 2) => show(c - (c - from) * k, c + (to - c) * k), pan = f => show(from + f * (to - from), to + f * (to - from));
function cross(t) {
  at = t; const box = figures.getBoundingClientRect(), plot = $("#ticks").getBoundingClientRect(), x = X(t), cursor = $("#cursor");
  cursor.hidden = x < 0 || x > 100; cursor.style.left = `${plot.left - box.left + x / 100 * plot.width}px`;
  cursor.style.top = `${plot.top - box.top}px`;
  const told = bars.filter(g => g.a <= t && t < g.b && !g.classList.contains("wait") && !g.classList.contains("quiet")).slice(0, 12).map(g => {
    const lane = g.closest(".lane"), block = g.closest(".block"), name = ($(".name b", lane) || $(".name b", block) || $("h3", block) || {}).textContent || "", sub = $(".name b", lane) ? "" : ($(".name small", lane) || {}).textContent || "";
    return `${name}${sub ? `, ${sub}` : ""}: ${g.text ? g.text.textContent : "open"}`;
  });
  const refused = tries.reduce((n, one) => n + one.at.filter(a => a <= t).length, 0);
  $("#readout").textContent = `${moment(t)}. ${refused ? `Refused so far: ${refused.toLocaleString("en")}. ` : ""}${told.join("; ")}`;
}
function jump(d) {
  const c = at ?? (d > 0 ? -1 : N + 1), next = d > 0 ? moments.find(t => t > c + .5) : moments.filter(t => t < c - .5).pop();
  if (next === undefined) return;
  if (next < from || next > to) show(next - (to - from) / 2, next + (to - from) / 2);
  requestAnimationFrame(() => cross(next));
}
const deeds = { in: () => zoom(.5), out: () => zoom(2), left: () => pan(-.3), right: () => pan(.3), all: () => { named = ""; show(0, N); }, day: () => show(0, Math.min(N, DAY)), last: () => show(N - DAY, N),
  print: () => print(), theme: () => { const root = document.documentElement, dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches; root.dataset.theme = dark ? "light" : "dark"; },
  link: () => { address(); const button = $("[data-do=link]"), told = () => { button.textContent = "Copied"; setTimeout(() => { button.textContent = "Copy link to this view"; }, 2000); }, shown = () => prompt("The link to this view:", location.href); navigator.clipboard ? navigator.clipboard.writeText(location.href).then(told, shown) : shown(); } };
document.addEventListener("click", event => { const button = event.target.closest("[data-do]"); if (button) deeds[button.dataset.do](); });
$("#range").addEventListener("keydown", event => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const slider = event.target.closest("[role=slider]"), arrow = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (slider && arrow) { const s = (to - from) / 20 * arrow; slider.id === "from" ? show(Math.min(from + s, to - LEAST), to) : show(from, Math.max(to + s, from + LEAST)); event.preventDefault(); return; }
  if (event.target.closest("button") && (event.key === "Enter" || event.key === " ")) return;
  const deed = { "+": () => zoom(.5), "=": () => zoom(.5), "-": () => zoom(2), ArrowLeft: () => pan(-.2), ArrowRight: () => pan(.2), Home: () => show(0, to - from), End: () => show(N - (to - from), N), 0: deeds.all, n: () => jump(1), p: () => jump(-1) }[event.key];
  if (deed) { deed(); event.preventDefault(); }
});
const timeOf = event => { const box = $("#ticks").getBoundingClientRect(); return from + clamp((event.clientX - box.left) / box.width, 0, 1) * (to - from); };
figures.addEventListener("wheel", event => {
  const over = event.target.closest("#overview"); if (!(over || (event.ctrlKey && event.target.closest(".plot")))) return;
  event.preventDefault();
  const box = over && over.getBoundingClientRect(), t = over ? clamp((event.clientX - box.left) / box.width, 0, 1) * N : timeOf(event);
  zoom(event.deltaY > 0 ? 1.25 : .8, clamp(t, from, to));
}, { passive: false });

// -- the pointer: read, drag a range, move the brush
let drag = null;
figures.addEventListener("pointermove", event => {
  if (drag) { drag(event); return; }
  if (event.target.closest(".plot")) cross(timeOf(event));
});
figures.addEventListener("pointerdown", event => {
  if (!event.target.closest(".plot") || event.pointerType !== "mouse" || event.button) return;
  const begun = timeOf(event), x0 = event.clientX, mark = $("#selection"), box = figures.getBoundingClientRect(); event.preventDefault();
  drag = e => { mark.hidden = false; mark.style.left = `${Math.min(x0, e.clientX) - box.left}px`; mark.style.width = `${Math.abs(e.clientX - x0)}px`; };
  addEventListener("pointerup", e => { drag = null; mark.hidden = true; if (Math.abs(e.clientX - x0) > 8) { const end = timeOf(e); show(Math.min(begun, end), Math.max(begun, end)); } }, { once: true });
});
$("#overview").addEventListener("pointerdown", event => {
  const box = event.currentTarget.getBoundingClientRect(), time = e => clamp((e.clientX - box.left) / box.width, 0, 1) * N, name = event.target.id, begun = time(event), old = [from, to];
  if (!name && (begun < from || begun > to)) { const w = to - from; show(begun - w / 2, begun + w / 2); old[0] = from; old[1] = to; }
  drag = e => { const t = time(e); name === "from" ? show(Math.min(t, to - LEAST), to) : name === "to" ? show(from, Math.max(t, from + LEAST)) : show(old[0] + t - begun, old[1] + t - begun); };
  event.currentTarget.setPointerCapture(event.pointerId);
  addEventListener("pointerup", () => { drag = null; }, { once: true });
});

// -- the address
function follow() {
  const hash = decodeURIComponent(location.hash.slice(1)), range = /(?:^|&)t=([^/&]+)\/([^&]+)/.exec(hash), episode = /(?:^|&)e=([^&]+)/.exec(hash);
  $$(".named").forEach(e => e.classList.remove("named"));
  named = episode ? episode[1] : named && range ? named : "";
  const row = named && document.getElementById(`e=${named}`), block = named && $$(".block[data-episodes]").find(b => b.dataset.episodes.split(" ").includes(named));
  if (range) { const [a, b] = [1, 2].map(k => Date.parse(`${range[k]}Z`) / 1000 - T0); if (b > a) show(a, b, true); }
  else if (row) { const a = +row.dataset.a, b = +row.dataset.b, w = Math.max(HOUR, (b - a) * .1); show(a - w, b + w, true); }
  [row, block].forEach(e => e && e.classList.add("named"));
  if (block) block.scrollIntoView({ block: "center" });
}
addEventListener("hashchange", follow);

$$("[hidden]").forEach(e => { if (e.matches(".tools, #range")) e.hidden = false; });
$$("table.cards").forEach(table => { const heads = $$("thead th", table).map(th => th.textContent); $$("tbody tr", table).forEach(tr => [...tr.children].forEach((cell, i) => { if (cell.tagName === "TD" && heads[i]) cell.dataset.head = heads[i]; })); });
let last = 0;
new ResizeObserver(() => { const w = figures.clientWidth; if (w !== last) { last = w; draw(); } }).observe(figures);
addEventListener("beforeprint", () => $$("details").forEach(d => { d.open = true; }));
overview(); draw(); follow();
})();
