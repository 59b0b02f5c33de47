// Why, history, release: what one row opens.
const dialog = at("dialog");
function openDialog(title, ...body) {
  at("dialog-h").textContent = title;
  at("dialog-body").replaceChildren(...body.flat(3).filter(Boolean));
  if (!dialog.open) dialog.showModal();
  tick(siteNow());
}
const closing = () => el("div", { class: "line" }, button("Close", undefined, () => dialog.close(), { autofocus: true }));
/** Which question was opened: one that was closed is not opened again by a drawing that comes before the event. */
let whyShown = "";
dialog.addEventListener("close", () => { if (state.why && !dialog.open) { state.why = whyShown = ""; saveState(); } });
function openWhy(id) {
  const page = live.page, block = page.blocks[id];
  if (!block) return;
  state.why = whyShown = id;
  saveState();
  const holds = block.holds, free = block.free;
  openDialog(`Why ${blockName(page, block)} waits`,
    el("dl", {},
      el("dt", {}, "Who holds it"), el("dd", {}, free ? "nobody any more" : holds.slice(0, 6).map(h => el("div", {}, el("b", { class: "hold" }, who(h)), `${h.user ? `, user ${h.user}` : ""}: ${fileName(h.path)} ${since(h)}`)), block.hold_count > 6 ? `and ${number(block.hold_count - 6)} more` : null),
      el("dt", {}, "Which flag conflicts"), el("dd", {}, free ? "none" : [...new Set(holds.map(h => h.why || "the records do not tell"))].slice(0, 4).map(text => el("div", {}, text))),
      el("dt", {}, "For how long, so far"), el("dd", {}, "first refusal to now: ", el("b", { class: "refuse" }, since_(block.first_at)), `; refused ${times(block.refused)}`),
      el("dt", {}, "What now"), el("dd", {}, free ? later(block) ? `The files are free now; ${later(block)}.` : "The next attempt gets through." : holds.length === 1 && holds[0].alone ? "Closing this one file lets the update through." : `${count(block.hold_count + (block.later_count || 0), "open")} must be closed, or the files copied another way.`, block.next_at ? [" Next retry ", clock(block.next_at), ", ", due(block.next_at), "."] : null,
        live.head.watched ? byHand() : [holds[0] && !free ? el("div", {}, el("code", {}, `despoolr release ${block.server}/${holds[0].open}`)) : null, el("div", {}, el("code", {}, `despoolr why ${quoted(unc(block.server, block.share, block.files[0]))}`))])),
    el("h3", {}, "In sentences"), block.waiting.map(w => el("p", { class: "small" }, w.says)), block.waiters > block.waiting.length ? el("p", { class: "small" }, `${number(block.waiters - block.waiting.length)} more wait.`) : null, closing());
}
function openHistory(id) {
  const page = live.page, block = page.blocks[id];
  if (!block) return;
  const lanes = block.waiting.map(w => page.lanes[w.episode]).filter(Boolean);
  const events = [];
  for (const lane of lanes) {
    for (const [t, n] of lane.ticks) events.push([t, `refused ${times(n)}`, "refuse"]);
    for (const bar of lane.bars) { events.push([bar.opened_at, `${who(bar)} opened ${fileName(bar.path)}`, "hold"]); if (bar.closed_at) events.push([bar.closed_at, `${who(bar)} let go of ${fileName(bar.path)}`, "ok"]); }
  }
  for (const w of block.waiting) if (!page.lanes[w.episode]) events.push([w.first_at, `${who(w)} was refused for the first time`, "refuse"], [w.last_at, `${who(w)} was refused ${times(w.refused)} by now`, "refuse"]);
  for (const mark of page.marks) events.push([mark.at, mark.text, ""]);
  events.sort((a, b) => a[0] - b[0]);
  openDialog(`History of ${blockName(page, block)}`, el("p", { class: "small" }, `As far back as the lanes go: ${duration(state.range)}.`), el("ol", { class: "list" }, events.slice(-80).map(([t, text, tone]) => el("li", {}, el("span", {}, weekday(t), " ", iso(t).slice(5, 10)), el("b", {}, clock(t, true)), el("span", { class: tone }, text)))), closing());
}
const byHand = () => live.head.watched.by_hand.map(line => el("div", {}, el("code", {}, line)));
/** A share that is only watched: what closes a file there, to be typed there. */
function openByHand(id, held) {
  const block = live.page.blocks[id];
  if (!block) return;
  openDialog(`Close ${fileName(held.path)} for ${who(held)}: by hand`, el("p", {}, `${block.server} is only watched: nothing is closed from here. There, as an administrator:`), byHand(), el("p", {}, `${held.user || "The user"} loses what is not saved.`), closing());
}
function openRelease(id, held) {
  const page = live.page, block = page.blocks[id];
  if (!block) return;
  const reason = el("input", { maxlength: 200, placeholder: "the user went home", id: "reason" }), said = el("p", { role: "status" });
  const others = block.hold_count - 1 + (block.later_count || 0);
  const act = async () => {
    try {
      await ask(`api/v1/servers/${encodeURIComponent(block.server)}/opens/${encodeURIComponent(held.open)}/release`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ reason: reason.value.trim() || "released from the live page" }) });
      dialog.close();
    } catch (error) { said.textContent = error.message; }
  };
  openDialog(`Close ${fileName(held.path)} for ${who(held)}?`, el("p", {}, `${held.user || "The user"} loses what is not saved.`),
    el("p", {}, others ? `This alone does not let the update through: ${count(others, "other open stands", "other opens stand")} in its way.` : "Nobody else is in the way of this file."),
    el("p", {}, el("code", {}, `despoolr release ${block.server}/${held.open}`)), el("label", { for: "reason" }, "Reason, kept with the record"), reason, said,
    el("div", { class: "line" }, button("Cancel", undefined, () => dialog.close(), { autofocus: true }), button("Close the file", undefined, act, { class: "danger" })));
}
/** JSON of a call, in a tab of its own: the token cannot go along in a link. */
async function openJson(path) {
  const tab = window.open("", "_blank");
  try {
    const text = JSON.stringify(await (await ask(path)).json(), null, 1);
    const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    if (tab) tab.location = url;
  } catch (error) { if (tab) tab.close(); at("warning").textContent = `${path}: ${error.message}`; }
}
