// The page as the server tells it: a snapshot, then merge patches (RFC 7396), read with `fetch` so that the token stays in a header.
const SILENT_S = 15;
const live = { page: null, head: null, lastId: "", siteAt: 0, heardAt: 0, state: "connecting", error: "" };
const siteNow = () => live.head ? live.siteAt + (performance.now() - live.heardAt) / 1000 * live.head.scale : 0;
function patched(old, patch) {
  const made = { ...old };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete made[name];
    else if (typeof value === "object" && !Array.isArray(value)) made[name] = patched(made[name] && !Array.isArray(made[name]) ? made[name] : {}, value);
    else made[name] = value;
  }
  return made;
}
const headersFor = more => {
  const token = sessionStorage.getItem("token"), headers = { Accept: "application/json", ...more };
  if (token) headers.Authorization = `Bearer ${token}`;
  return headers;
};
/** Ask a call of this server with the token of this tab. Throws the problem's detail. */
async function ask(path, options = {}) {
  const reply = await fetch(path, { credentials: "omit", ...options, headers: headersFor(options.headers) });
  if (!reply.ok) {
    let said = {};
    try { said = await reply.json(); } catch { /* no problem body */ }
    const error = new Error(said.detail || said.title || `HTTP ${reply.status}`);
    error.status = reply.status;
    throw error;
  }
  return reply;
}
function take(name, id, data) {
  const news = JSON.parse(data);
  if (name === "hello") {
    live.head = news;
    live.state = "live";
  } else if (name === "snapshot") live.page = news.page;
  else if (name === "delta") live.page = patched(live.page, news.patch);
  if (id) live.lastId = id;
  live.siteAt = news.now;
  live.heardAt = performance.now();
  changed(name !== "beat");
}
/** Draw soon: what comes together is drawn together, and what fails in drawing ends no stream. */
let willDraw = 0;
function soon(draw) { clearTimeout(willDraw); willDraw = setTimeout(draw, 0); }
/** Read events until the stream ends. */
async function read(reply) {
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    let end;
    while ((end = rest.indexOf("\n\n")) >= 0) {
      let name = "", id = "", data = "";
      for (const line of rest.slice(0, end).split("\n")) {
        const cut = line.indexOf(": "), field = line.slice(0, cut), text = line.slice(cut + 2);
        if (field === "event") name = text; else if (field === "id") id = text; else if (field === "data") data += text;
      }
      rest = rest.slice(end + 2);
      take(name, id, data);
    }
  }
}
let current = null;
/** Begin anew: with `afresh`, another question is asked, and the whole page comes again. */
function connect(afresh) {
  if (afresh) live.lastId = "";
  if (current) current.abort();
  const mine = current = new AbortController();
  (async () => {
    for (let pause = 500; mine === current; pause = Math.min(pause * 2, 8000)) {
      try {
        const headers = { Accept: "text/event-stream" };
        if (live.lastId) headers["Last-Event-ID"] = live.lastId;
        const reply = await ask(`api/v1/live${question()}`, { headers, signal: mine.signal, cache: "no-store" });
        at("login").hidden = true;
        pause = 250;
        await read(reply);
        live.error = "the server ended the connection";
      } catch (error) {
        if (mine !== current) return;
        live.error = error.status ? error.message : "the server does not answer";
        at("login").hidden = error.status !== 401;
        if (error.status === 401) { live.state = "token"; changed(false); return; }
      }
      if (mine !== current) return;
      live.state = "away";
      changed(false);
      await new Promise(done => setTimeout(done, pause));
    }
  })();
}
const isSilent = () => performance.now() - live.heardAt > SILENT_S * 1000;
setInterval(() => { if (live.state === "live" && isSilent()) { live.state = "away"; live.error = "the server says nothing"; connect(false); changed(false); } }, 2000);
