// The page as a whole: what is asked for (in the address, never the token), what is drawn when.
const RANGES = [["1h", 3600, "Last hour"], ["6h", 21600, "Last 6 h"], ["24h", 86400, "Last 24 h"], ["3d", 259200, "Last 3 d"], ["7d", 604800, "Last 7 d"], ["30d", 2592000, "Last 30 d"]];
const state = { range: 86400, part: null, isSought: false, server: "", package: "", q: "", why: "", allBlocks: false, allHolders: false, allLanes: false, folds: new Map() };
function loadState() {
  const given = new URLSearchParams(location.search);
  state.part = partOf(given.get("t"));
  state.isSought = Boolean(state.part);
  state.range = (state.part ? RANGES.at(-1) : RANGES.find(([name]) => `-${name}` === given.get("t")) || RANGES[2])[1];
  for (const name of ["server", "package", "q", "why"]) state[name] = given.get(name) || "";
}
function address() {
  const given = new URLSearchParams(), range = RANGES.find(([, s]) => s === state.range)[0];
  if (state.part) given.set("t", partText()); else if (range !== "24h") given.set("t", `-${range}`);
  for (const name of ["server", "package", "q", "why"]) if (state[name]) given.set(name, state[name]);
  const text = given.toString().replaceAll("%3A", ":").replaceAll("%2F", "/");
  return location.pathname + (text ? `?${text}` : "");
}
const saveState = () => history.replaceState(null, "", address() + location.hash);
function question() {
  const asked = new URLSearchParams();
  for (const name of ["server", "package", "q"]) if (state[name]) asked.set(name, state[name]);
  if (state.range !== 86400) asked.set("span_s", state.range);
  const text = asked.toString();
  return text ? `?${text}` : "";
}
const isFiltered = () => Boolean(state.server && live.head && live.head.is_site || state.package || state.q);
// A row that is pointed at, or has the focus, keeps its place: orders change when nobody is there.
const orders = {};
function still(order, name) {
  const box = at(name);
  if (orders[name] && (box.matches(":hover") || box.contains(document.activeElement))) {
    const kept = orders[name].filter(id => order.includes(id));
    return orders[name] = [...kept, ...order.filter(id => !kept.includes(id))];
  }
  return orders[name] = order;
}
/** A watch of samples alone: nobody is known to wait, and nobody is known not to. */
const isBlind = () => Boolean(live.head.watched && !live.head.watched.sees_waits);
function verdictRows(page) {
  const t = page.totals, blocks = page.block_order.map(id => page.blocks[id]), remedy = page.remedy;
  if (!blocks.length) {
    const last = page.lane_order.map(id => page.lanes[id]).find(lane => lane.ended_at);
    return [el("dt", {}, "Who blocks now"), el("dd", {}, isBlind() ? `Unknown: who is refused is not in samples. ${count(t.opens, "file is", "files are")} open.` : [el("b", { class: "ok" }, "✓ Nobody. "), t.opens ? `${count(t.opens, "file is", "files are")} open; none is in anyone's way.` : "No file is open."]),
      last ? [el("dt", {}, "Last time"), el("dd", {}, el("small", {}, last.says))] : null];
  }
  const oldest = page.holder_order.map(id => page.holders[id]).reduce((a, b) => a && a.opened_at <= b.opened_at ? a : b, null);
  const first = blocks[0], longest = blocks.reduce((a, b) => b.first_at < a.first_at ? b : a), next = page.retries[0];
  const alone = remedy.by_one.map(([id, open]) => (page.blocks[id] ? page.blocks[id].holds : []).find(h => h.open === open)).filter(Boolean);
  const rest = remedy.block_count - remedy.by_one_count;
  return [
    el("dt", {}, "Who blocks now"), el("dd", {}, el("span", { class: "key", "aria-hidden": "true" }), " ", t.holders === 1 ? [el("b", { class: "hold" }, who(oldest)), ` holds ${count(t.files, "file")} that ${count(t.blocks, "update wants", "updates want")}.`] : t.holders ? [el("b", { class: "hold" }, count(t.holders, "program")), ` hold ${count(t.files, "file")} that ${count(t.blocks, "update wants", "updates want")}.`] : blocks.some(later) ? "Nobody any more; but other files of a package are open, and in the way next." : "Nobody any more; the next attempt gets through.",
      oldest ? el("small", {}, `Open longest: ${who(oldest)}${oldest.user ? ` (${oldest.user})` : ""}, ${fileName(oldest.files[0])} on ${oldest.server}, ${since(oldest)}.`) : null),
    el("dt", {}, "For how long, so far"), el("dd", {}, el("b", { class: "refuse" }, since_(longest.first_at)), ` for ${blockName(page, longest)}; refused ${times(t.refused)}${blocks.length > 1 ? " in all" : ""}. `, next ? ["Next retry ", el("b", {}, due(next.at)), `: ${next.name}.`] : null, el("small", {}, `First refusal to now. Most waiting together: ${blockName(page, first)}.`)),
    el("dt", {}, "What would fix it"), el("dd", {}, alone.length ? [remedy.block_count === 1 ? "Closing one file lets it through: " : ["Closing one file each lets ", el("b", { class: "ok" }, `${number(remedy.by_one_count)} of ${number(remedy.block_count)}`), " through: "], alone.map(who).join(", "), remedy.by_one_count > alone.length ? ` and ${number(remedy.by_one_count - alone.length)} more. ` : ". "] : null,
      rest && remedy.strategy ? [alone.length ? "For the others: " : "Another way to copy: ", el("b", { class: "ok" }, remedy.strategy_says), "."] : rest && !alone.length ? "Closing every file that is in the way." : null, el("small", {}, "By the share-mode rules on the opens of now. Not yet confirmed by reruns."))];
}
function nowRows(page) {
  const t = page.totals, next = page.retries[0], row = (to, name, value, tone, more) => el("a", { href: `#${to}`, "data-k": to }, el("span", {}, name), el("b", { class: tone }, value), el("span", {}, more));
  return [row("blocked", "Blocked now", t.files ? count(t.files, "file") : isBlind() ? "unknown" : "none", t.files ? "refuse" : isBlind() ? "" : "ok", t.blocks ? count(t.blocks, "update") : isBlind() ? "not in samples" : "no update waits"),
    t.holders || !t.opens ? row("tree", "In the way", count(t.holders || 0, "holder"), t.holders ? "hold" : "", t.holders ? `on ${count(t.holding_machines, "PC")}` : "nobody") : row("open", "Files open", number(t.opens), "hold", isBlind() ? "held now" : "in nobody's way"),
    page.job_order.length ? row("jobs", "Jobs", t.retrying ? `${number(t.retrying)} Retrying` : number(t.jobs), t.retrying ? "retry" : "", t.untrue ? `${count(t.untrue, "says", "say")} Complete, untrue` : "as the database says") : null,
    t.folders ? row("map", "Folders on shares", t.folders_broken ? `${number(t.folders_broken)} of ${number(t.folders)} broken` : `${number(t.folders)} whole`, t.folders_broken ? "refuse" : "", t.folders_broken ? "old and new mixed, or missing" : "old or new") : null,
    t.clients ? row("clients", "PCs", t.clients_wrong ? `${number(t.clients_wrong)} of ${number(t.clients)} wrong` : number(t.clients), t.clients_wrong ? "refuse" : "", t.clients_wrong ? "ran a broken folder, or failed" : "none ran a broken folder") : null,
    next ? row("next", "Next retry", due(next.at), "", next.name) : null].filter(Boolean);
}
function options(id, all, chosen, names) {
  const values = chosen && !names.includes(chosen) ? [...names, chosen] : names;
  show(id, el("option", { value: "" }, all), values.map(name => el("option", { value: name, "data-k": name }, packageName(name))));
  at(id).value = chosen;
}
// Records know a package by its number; what it is called, the site tells.
const packageNames = new Map();
let askedNames = "";
async function learnNames(page) {
  const ids = [...new Set([...Object.keys(page.packages), ...page.block_order.map(id => page.blocks[id].package).filter(Boolean), ...Object.values(page.jobs).map(job => job.package).filter(Boolean)])].sort().join();
  if (!live.head.is_site || ids === askedNames) return;
  askedNames = ids;
  try {
    for (const { package: id, name } of (await (await ask("api/v1/packages")).json()).packages) packageNames.set(id, name);
    redraw();
  } catch { /* a token that may not ask: numbers do */ }
}
const packageName = id => packageNames.get(id) || id;
let isDrawn = true, wasServer = "";
function changed(isPage) {
  if (isPage) isDrawn = false;
  drawState();
  if (!document.hidden && !isDrawn && live.page && live.head) soon(redrawInTurns);
}
function drawState() {
  const { head, page } = live, isLive = live.state === "live";
  at("dot").className = isLive ? "dot" : "dot off";
  setText(at("state"), isLive ? "live" : live.state === "token" ? "waits for a token" : live.state === "away" ? "connecting again…" : "connecting…");
  const words = live.state === "away" && page ? `▲ No word since ${when(live.siteAt)}: ${live.error}.` : live.state === "away" ? `▲ ${live.error}.` : live.state === "token" && sessionStorage.getItem("token") ? `▲ ${live.error}` : "";
  const silent = page && Object.entries(page.silent || {}).map(([server, t]) => `▲ ${server} does not answer since ${when(t)}. Its rows are as they were then. `).join("");
  const text = words || silent || "";
  if (at("warning").textContent !== text) at("warning").replaceChildren(...(text ? [el("b", {}, text), words && page ? " What stands below is as it was then." : ""] : []));
  if (head) {
    const place = head.watched ? `${head.server}, watched` : head.is_site ? `site server ${head.server}` : `server ${head.server}`;
    setText(at("place"), place);
    if (wasServer !== place) { wasServer = place; document.title = `${head.server}, live: Despoolr`; at("title").textContent = `${place}, live`; }
    at("watched").hidden = !head.watched;
    at("asked").hidden = Boolean(head.watched);
    if (head.watched) setText(at("times"), "Times are this watch's, in UTC.");
    if (head.watched && !at("watched").firstChild) at("watched").replaceChildren(`${head.server} is another's server, which is watched: nothing is closed from here. ${head.watched.proves}. The run: `, el("code", {}, `despoolr why ${quoted(head.watched.run)}`));
    setText(at("pace"), head.scale === 1 ? "" : `${number(head.scale)} times faster than your clock`);
  }
}
const PARTS_OF_PAGE = [(page, now) => {
  const { head } = live;
  reach(now);
  at("page").hidden = false;
  show("verdict", verdictRows(page), faultRows(page));
  show("nowbar", nowRows(page));
  options("server", "All servers", state.server, page.servers || []);
  at("server").hidden = !head.is_site;
  at("package").hidden = Boolean(head.watched);
  options("package", "All packages", state.package, Object.keys(page.packages));
  at("range").value = String(state.range);
  setText(at("found"), page.totals.files ? count(page.totals.files, "file blocked", "files blocked") : "");
}, (page, now) => show("blocks", blocksTable(page, now)), page => {
  at("open").hidden = !page.opens.length;
  const idle = !page.block_order.length, place = idle ? at("lanes") : document.querySelector("footer");
  if (at("open").nextElementSibling !== place) place.before(at("open"));
  setText(at("opens-lede"), page.totals.holders ? "Whether in anybody's way or not, the oldest first." : isBlind() ? "The oldest first." : "Nobody wants them otherwise.");
  show("opens", opensTable(page));
  at("lanes").hidden = !page.lane_order.length;
  show("lanes-rest", moreButton("allLanes", page.lane_order.length - lanesShown()), page.more.lanes ? `${count(page.more.lanes, "more wait")}: filter, or look under Blocked now.` : null);
}, page => {
  at("tree").hidden = !page.holder_order.length;
  show("holders", holdersTree(page));
}, (page, now) => {
  const { head } = live, isSite = head.is_site || page.job_order.length > 0;
  for (const id of ["next", "map"]) at(id).hidden = Boolean(head.watched);
  at("jobs").hidden = at("clients").hidden = !isSite;
  show("retries", retryRows(page));
  show("marks", markRows(page));
  show("job-rows", jobRows(page, now));
}, page => {
  show("packages", packageMaps(page));
  show("client-rows", clientRows(page));
}, () => everySecond(), page => {
  learnNames(page);
  if (state.why !== whyShown && !dialog.open) openWhy(state.why);
}];
/** Draw all of it at once: a person did something, and waits. */
function redraw() {
  if (!live.page || !live.head) return;
  isDrawn = true;
  for (const draw of PARTS_OF_PAGE) draw(live.page, siteNow());
}
let isDrawing = false;
/** Draw what came, a part at a time, so that a key or a click in between is not late. */
function redrawInTurns() {
  if (isDrawing) return;
  const { page } = live, rest = [...PARTS_OF_PAGE];
  isDrawing = true;
  const next = () => {
    if (document.hidden) rest.length = 0;
    if (rest.length) try { rest.shift()(live.page, siteNow()); } catch (error) { isDrawing = false; throw error; }
    if (rest.length) { setTimeout(next, 0); return; }
    isDrawing = false;
    if (live.page === page) isDrawn = !document.hidden;
    else changed(false);
  };
  next();
}
function everySecond() {
  if (document.hidden || !live.page || !live.head) return;
  const now = siteNow();
  setText(at("clock"), `${weekday(now)} ${iso(now).slice(0, 10)} ${clock(now, true)}`);
  tick(now);
  drawLanes(live.page, now);
  drawBrush(live.page, now);
}
setInterval(everySecond, 1000);
new ResizeObserver(everySecond).observe(at("picture"));
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  if (live.state === "live" && isSilent()) connect(false);
  redraw();
});
// -- what a person does
let typing = 0;
function reask() { saveState(); connect(true); }
at("q").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => { state.q = at("q").value.trim(); reask(); }, 250); });
for (const name of ["server", "package"]) at(name).addEventListener("change", () => { state[name] = at(name).value; reask(); });
at("range").addEventListener("change", () => { state.range = Number(at("range").value); state.part = null; reask(); });
at("filter").addEventListener("submit", event => event.preventDefault());
at("login").addEventListener("submit", event => {
  event.preventDefault();
  sessionStorage.setItem("token", at("token").value.trim());
  at("token").value = "";
  live.state = "connecting";
  connect(true);
});
at("copy-link").handlers = { click: async () => {
  try { await navigator.clipboard.writeText(location.origin + address()); setText(at("copy-link"), "Copied"); } catch { setText(at("copy-link"), "The address bar has it"); }
  setTimeout(() => setText(at("copy-link"), "Copy link"), 2000);
} };
at("theme").handlers = { click: () => {
  const root = document.documentElement, isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  localStorage.setItem("theme", root.dataset.theme = isDark ? "light" : "dark");
} };
function zoom(by) {
  const place = Math.max(0, Math.min(RANGES.length - 1, RANGES.findIndex(([, s]) => s === state.range) + by));
  if (RANGES[place][1] !== state.range) { state.range = RANGES[place][1]; state.part = null; reask(); }
}
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || dialog.open || /INPUT|SELECT|TEXTAREA/.test(event.target.tagName)) return;
  if (event.key === "/") { event.preventDefault(); at("q").focus(); }
  if (event.key === "n" || event.key === "p") walk(event.key === "n" ? 1 : -1);
  if (event.target === at("picture") && (event.key === "+" || event.key === "=")) zoom(-1);
  if (event.target === at("picture") && event.key === "-") zoom(1);
});
/** From a waiter to its holder to what that waits for, and back: what is folded on the way opens. */
function walk(by) {
  const lines = [...at("holders").querySelectorAll("summary, li")], before = lines.findIndex(line => line.classList.contains("cur"));
  const line = lines[Math.max(0, Math.min(lines.length - 1, before + by))];
  if (!line) return;
  lines.forEach(other => other.classList.remove("cur"));
  for (let node = line.parentNode; node && node !== at("holders"); node = node.parentNode) if (node.tagName === "DETAILS") node.open = true;
  line.classList.add("cur");
  line.focus();
  line.scrollIntoView({ block: "nearest" });
}
// -- begin
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) { sessionStorage.setItem("token", given); history.replaceState(null, "", location.pathname + location.search); }
if (localStorage.getItem("theme")) document.documentElement.dataset.theme = localStorage.getItem("theme");
loadState();
at("q").value = state.q;
at("range").replaceChildren(...RANGES.map(([, s, text]) => el("option", { value: s }, text)));
at("json").replaceChildren(...["api/v1/opens", "api/v1/episodes", "api/v1/why", "api/v1/live", "healthz"].flatMap((path, i) => [i ? ", " : "", button(path.split("/").pop(), undefined, () => openJson(path))]));
connect(true);
