// What is blocked, by whom; what is open; who waits for whom.
function jobName(page, job) { return page.jobs[job] ? page.jobs[job].name : job; }
function blockName(page, block) {
  if (!block.job) return `${fileName(block.files[0] || block.share)} on ${block.server}`;
  return `${packageName(block.package || block.job)} on ${block.server}`;
}
const BLOCKS_SHOWN = 12, HOLDERS_SHOWN = 12;
/** What is folded away and shown at a click; `name` is where that is remembered. */
const moreButton = (name, left) => left > 0 || state[name] ? el("p", { "data-k": name }, button(state[name] ? "Show fewer" : `Show ${number(left)} more`, undefined, () => { state[name] = !state[name]; redraw(); })) : null;
const heldFiles = block => count(block.file_count, "file");
function blocksTable(page, now) {
  const order = still(page.block_order, "blocks");
  if (!order.length) return idleBlocks(page);
  const widest = Math.max(...order.map(id => page.blocks[id]).filter(Boolean).map(b => b.waiters * now - b.waited_from), 1);
  const head = el("thead", {}, el("tr", {}, ["File", "Held by", "User", "Lets others", "Why it is refused", "Open since"].map(text => el("th", { scope: "col" }, text)), el("th", { scope: "col" }, el("span", { class: "sr" }, live.head.watched ? "By hand" : "Release"))));
  const all = order.map(id => page.blocks[id]).filter(Boolean), shown = state.allBlocks ? all : all.slice(0, BLOCKS_SHOWN);
  const bodies = shown.map((block, i) => {
    const name = blockName(page, block), isOpen = state.folds.get(block.id) ?? i < (innerWidth < 700 ? 3 : 8);
    const weight = Math.max(4, Math.round(70 * (block.waiters * now - block.waited_from) / widest / 7) * 7);
    const line = el("div", { class: "line" },
      button(name, undefined, () => { state.folds.set(block.id, !isOpen); redraw(); }, { class: "fold", "aria-expanded": String(isOpen) }),
      el("span", {}, block.job ? `${heldFiles(block)} for ${jobName(page, block.job)}` : `${count(block.waiters, "program waits", "programs wait")} to ${block.wants}`),
      el("span", {}, el("span", { class: "weight", "width%": `${weight}px`, "aria-hidden": "true" }), "waiting ", el("b", { class: "refuse" }, waited(block.waiters, block.waited_from)), `${block.waiters > 1 ? ` (${number(block.waiters)} together)` : ""}, refused ${times(block.refused)}`),
      el("span", {}, block.free ? later(block) ? `the files are free now; ${later(block)}` : el("b", { class: "ok" }, "the files are free now; the next attempt gets through") : null, block.free && block.next_at ? ", " : null, block.next_at ? ["next retry ", clock(block.next_at), ", ", el("b", {}, due(block.next_at))] : block.free ? null : "no retry on record"),
      el("span", { class: "push" }, button("Why", `Why, ${name}`, () => openWhy(block.id)), " ", button("History", `History, ${name}`, () => openHistory(block.id))));
    const rows = isOpen ? block.holds.map((held, n) => {
      const isFirst = !n || block.holds[n - 1].path !== held.path;
      return el("tr", { "data-k": `${held.open} ${held.path}` },
        el("td", { class: "file", title: unc(block.server, block.share, held.path) }, isFirst ? fileName(held.path) : el("span", { class: "sr" }, fileName(held.path))),
        el("td", {}, el("b", { class: "hold" }, who(held))), el("td", { "data-l": "User" }, held.user), el("td", { "data-l": "Lets others" }, held.lets), el("td", { "data-l": "Why" }, held.why || "the records do not tell"),
        el("td", { "data-l": "Open since", class: "nowrap" }, held.since ? "before " : "", when(held.opened_at)),
        el("td", { class: "do" }, held.lock ? null : live.head.watched ? button("By hand…", `How to close ${fileName(held.path)}, ${who(held)}`, () => openByHand(block.id, held)) : button("Release…", `Release ${fileName(held.path)}, ${who(held)}`, () => openRelease(block.id, held))));
    }) : [];
    if (!isOpen) line.append(el("span", { class: "summary" }, summary(block)));
    const rest = block.hold_count - block.holds.length;
    if (isOpen && rest > 0) rows.push(el("tr", { "data-k": "rest" }, el("td", { class: "rest", colspan: 7 }, `${number(rest)} more in the way of ${name}; filter to see them`)));
    return el("tbody", { "data-k": block.id }, el("tr", { class: "head", "data-k": "head" }, el("th", { scope: "rowgroup", colspan: 7 }, line)), rows);
  });
  return [roles(el("table", { class: "blocks cards ruled" }, el("caption", { class: "sr" }, "What is blocked now"), head, bodies)), moreButton("allBlocks", all.length - shown.length), page.more.blocks ? el("p", { class: "small" }, `${count(page.more.blocks, "more update waits", "more updates wait")} less long; filter to see them.`) : null];
}
/** What an update that stops at its first refusal has not met yet; empty where nothing is. */
const later = block => block.later_count ? `${count(block.later_count, "open of another file of its package is", "opens of other files of its package are")} in the way next` : "";
/** `excel.exe: WINWORD.EXE on PC44 and 1 more · setup.exe: ...`, for a row that is folded. */
function summary(block) {
  const byFile = new Map();
  for (const held of block.holds) byFile.set(held.path, [...(byFile.get(held.path) || []), who(held)]);
  return [...byFile].slice(0, 3).map(([path, names]) => `${fileName(path)}: ${names[0]}${names.length > 1 ? ` and ${names.length - 1} more` : ""}`).join(" · ");
}
/** Cells that CSS shows as blocks lose their roles: give them back. */
function roles(table) {
  table.setAttribute("role", "table");
  for (const [selector, role] of [["thead,tbody,tfoot", "rowgroup"], ["tr", "row"], ["td", "cell"], ["th[scope=col]", "columnheader"], ["tbody th", "rowheader"]]) for (const node of table.querySelectorAll(selector)) node.setAttribute("role", role);
  return table;
}
function idleBlocks(page) {
  if (isFiltered()) return el("div", { class: "empty" }, "Nothing that is blocked fits the filter.");
  if (live.head.watched) return el("div", { class: "empty" }, live.head.watched.sees_waits ? "Nothing is blocked." : "Who is refused is not in samples: follow the log of full_audit as well (--audit LOG).");
  return el("div", { class: "empty" }, "Nothing is blocked. To see a block, hold a file of a package, change its source and send it again:", [`despoolr hold ${quoted("\\\\LOGON1\\SMS_PKGD\\BPC00001\\setup.exe")} --machine PC07 --program WINWORD.EXE`, "despoolr package update BPC00001 DIRECTORY", "despoolr job create UPDATE --package BPC00001 --send-even-if-sent --refresh-existing"].map(line => el("code", {}, line)));
}
function opensTable(page) {
  const rows = page.opens;
  if (!rows.length) return [];
  return [roles(el("table", { class: "cards ruled" }, el("caption", { class: "sr" }, "Files that are open"), el("thead", {}, el("tr", {}, ["File", "Held by", "User", "Lets others", "Open since"].map(text => el("th", { scope: "col" }, text)))),
    el("tbody", {}, rows.map(row => el("tr", { "data-k": `${row.server} ${row.open}` }, el("th", { scope: "row" }, unc(row.server, row.share, row.path)), el("td", {}, el("b", { class: "hold" }, who(row))), el("td", { "data-l": "User" }, row.user), el("td", { "data-l": "Lets others" }, row.lets), el("td", { "data-l": "Open since", class: "nowrap" }, when(row.opened_at), el("small", {}, since_(row.opened_at)))))))),
    page.more.opens ? el("p", { class: "small" }, `${count(page.more.opens, "more open", "more opens")}, younger than these.`) : null];
}
function holdersTree(page) {
  const order = still(page.holder_order, "holders"), printed = new Set();
  if (!order.length) return el("div", { class: "empty" }, "Nobody is in anybody's way.");
  // A holder is printed once; where it comes again, that is said.
  const holderNode = (id, depth) => {
    const holder = page.holders[id];
    if (!holder) return null;
    const head = [el("b", { class: "hold" }, who(holder)), `${holder.user ? `, ${holder.user}` : ""}: holds ${fileName(holder.files[0])}${holder.file_count > 1 ? ` and ${number(holder.file_count - 1)} more` : ""} on ${holder.server} ${since(holder)}`];
    if (printed.has(id)) return el("ul", { "data-k": `again ${id}` }, el("li", { tabindex: -1 }, who(holder), " (above)"));
    printed.add(id);
    const blocks = holder.keeps_out.map(block => blockNode(block, id, depth));
    const rest = holder.keeps_out_count - holder.keeps_out.length;
    const waits = holder.waits_for.filter(block => !holder.keeps_out.includes(block)).map(block => el("li", { tabindex: -1 }, "waits itself for ", el("b", {}, page.blocks[block] ? blockName(page, page.blocks[block]) : block)));
    return el("details", { "data-k": id, open: depth < 1 && printed.size < 4 }, el("summary", {}, head), blocks, rest > 0 || waits.length ? el("ul", { "data-k": "more" }, waits, rest > 0 ? el("li", { tabindex: -1 }, `keeps out ${number(rest)} more`) : null) : null);
  };
  const blockNode = (id, holderId, depth) => {
    const block = page.blocks[id];
    if (!block) return el("ul", { "data-k": id }, el("li", { tabindex: -1 }, `keeps out ${id}`));
    const first = block.waiting[0], job = page.jobs[block.job];
    const others = page.holder_order.filter(other => other !== holderId && page.holders[other].keeps_out.includes(id)).map(other => page.holders[other]);
    const lines = [];
    if (job) {
      const now_ = job.truth.at(-1);
      if (now_ && (now_[3] || now_[4])) lines.push(`${blockName(page, block)} meanwhile: ${truthText(now_)}`);
      const waits = job.reported.Workstation && (job.reported.Workstation.None || 0) + (job.reported.Workstation.Active || 0);
      if (waits) lines.push(`waits for it: ${count(waits, "PC")}`);
    }
    if (block.waiters > 1) lines.push(`and ${count(block.waiters - 1, "more program", "more programs")} with it`);
    if (others.length) lines.push(`also in the way: ${others.slice(0, 2).map(who).join(", ")}${others.length > 2 ? ` and ${others.length - 2} more` : ""}`);
    const deeper = depth < 3 ? Object.entries(page.holders).filter(([other, holder]) => other !== holderId && first && holder.machine === first.machine && holder.program === first.program).map(([other]) => holderNode(other, depth + 1)) : [];
    return el("details", { "data-k": id, open: depth < 1 }, el("summary", {}, "keeps out ", el("b", {}, first ? who(first) : ""), block.job ? `, ${jobName(page, block.job)}: ` : ": ", el("span", { class: "refuse" }, since_(block.first_at)), block.next_at ? [", next retry ", clock(block.next_at)] : null), lines.length ? el("ul", { "data-k": "lines" }, lines.map(text => el("li", { tabindex: -1 }, text))) : null, deeper);
  };
  const shown = state.allHolders ? order : order.slice(0, HOLDERS_SHOWN);
  return [shown.map(id => holderNode(id, 0)), moreButton("allHolders", order.length - shown.length), page.more.holders ? el("p", { class: "small" }, `${count(page.more.holders, "more holder")}, in Blocked now.`) : null];
}
