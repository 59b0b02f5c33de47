// Jobs, versions, clients, what comes, what was done.
const STATUS = { Retrying: ["↻", "retry"], Complete: ["✓", "ok"], Failed: ["✗", "refuse"], Active: ["▸", ""], Pending: ["○", ""] };
const truthText = ([, isNew, old, mixed, missing]) => {
  const all = isNew + old + mixed + missing, wrong = [];
  if (missing) wrong.push(`${number(missing)} with files missing`);
  if (mixed) wrong.push(`${number(mixed)} mixed`);
  if (old) wrong.push(`${number(old)} old`);
  return `${number(isNew)} of ${count(all, "server")} right${wrong.length ? `, ${wrong.join(", ")}` : ""}`;
};
function jobRows(page, now) {
  const jobs = page.job_order.map(id => page.jobs[id]).filter(Boolean);
  if (!jobs.length) return el("div", { class: "empty" }, isFiltered() ? "No job fits the filter." : "No record tells of a job.");
  const from = Math.min(...jobs.map(job => job.said.length ? job.said[0][0] : now)), span = Math.max(60, now - from);
  const rows = jobs.map(job => {
    const [mark, tone] = STATUS[job.status] || ["", ""], last = job.truth.at(-1), pcs = job.pcs_right + job.pcs_wrong;
    const told = [];
    if (last) told.push(`${truthText(last)}${job.replaced_by ? `, until ${job.replaced_by}` : ""}`);
    if (pcs) told.push(`${number(job.pcs_wrong)} of ${count(pcs, "PC")} ran a broken folder`);
    const rows_ = Object.entries(job.reported.Workstation || {}).map(([status, n]) => `${number(n)} ${status === "None" ? "wait" : status}`).join(", ");
    if (rows_) told.push(`PCs: ${rows_}`);
    return el("tr", { "data-k": job.job }, el("th", { scope: "row" }, job.name, el("small", {}, [job.job, job.type].filter(Boolean).join(", "))),
      el("td", { "data-l": "Database says" }, el("b", { class: tone }, `${mark} ${job.status}`), el("small", {}, `since ${when(job.status_at)}`)),
      el("td", { "data-l": "True" }, told.length ? told[0] : "nothing on record yet", told.slice(1).map(text => el("small", {}, text)), job.untrue ? el("small", { class: "refuse" }, el("b", {}, "≠ they disagree")) : null),
      el("td", { class: "strip" }, strips(job, from, span, now)));
  });
  return [roles(el("table", { class: "jobs cards ruled" }, el("caption", { class: "sr" }, "Jobs"), el("thead", {}, el("tr", {}, ["Job", "Database says", "True on shares and PCs"].map(text => el("th", { scope: "col" }, text)), el("th", { scope: "col", class: "strip" }, `Since ${when(from)}: database above, truth below`))), el("tbody", {}, rows))), page.more.jobs ? el("p", { class: "small" }, `${count(page.more.jobs, "more job")}, over and as they say, or quiet for longer.`) : null];
}
function strips(job, from, span, now) {
  const x = t => `${(Math.max(0, Math.min(1, (t - from) / span)) * 100).toFixed(2)}%`, wide = (a, b) => `${(Math.max(0.4, (b - a) / span * 100)).toFixed(2)}%`;
  const parts = [], said = job.said, truth = job.truth;
  said.forEach(([t, status], i) => {
    const end = i + 1 < said.length ? said[i + 1][0] : now;
    parts.push(shape("rect", { x: x(t), y: 1, width: wide(t, end), height: 13, class: `s-${status}` }, shape("title", {}, `database: ${status} from ${when(t)}`)));
    if (status === "Complete") parts.push(shape("rect", { x: x(t), y: 12, width: wide(t, end), height: 2, class: "s-line" }));
    if ((end - t) / span > 0.22) parts.push(shape("text", { x: x(t + span * 0.012), y: 11, class: status === "Active" || status === "Failed" ? "s-on" : status === "Complete" ? "s-t" : "" }, status));
  });
  truth.forEach((entry, i) => {
    const [t, isNew, old, mixed, missing] = entry, end = i + 1 < truth.length ? truth[i + 1][0] : now;
    const state_ = missing ? "missing" : mixed || (isNew && old) ? "mixed" : isNew ? "new" : "old";
    parts.push(shape("rect", { x: x(t), y: 18, width: wide(t, end), height: 13, class: `t-${state_}` }, shape("title", {}, `true: ${truthText(entry)} from ${when(t)}`)));
    if (state_ === "new") parts.push(shape("rect", { x: x(t), y: 29, width: wide(t, end), height: 2, class: "t-line" }));
  });
  const says = `database: ${said.map(([, status]) => status).join(", ")}; true: ${truth.length ? truthText(truth.at(-1)) : "nothing on record"}`;
  return shape("svg", { class: "strips", height: 33, role: "img", "aria-label": says }, parts);
}
const LETTERS = { n: "new", o: "old", m: "missing", x: "other", "-": "none" };
function packageMaps(page) {
  const all = Object.values(page.packages);
  if (!all.length) return el("div", { class: "empty" }, isFiltered() ? "No package fits the filter." : "No record tells of a package on a share.");
  return [all.map(map => el("table", { class: "map", "data-k": map.package }, el("caption", {}, `${packageName(map.package) === map.package ? "" : `${packageName(map.package)}, `}${map.package}: new is ${map.job}`),
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "File"), map.servers.map(server => el("th", { scope: "col" }, server)))),
    el("tbody", {}, Object.entries(map.files).map(([file, letters]) => el("tr", { "data-k": file }, el("th", { scope: "row" }, file), [...letters].map(letter => el("td", {}, el("span", { class: `cell v-${letter}` }, LETTERS[letter])))))),
    el("tfoot", {}, el("tr", {}, el("th", { scope: "row" }, "folder"), map.folders.map(([isNew, old, missing, other]) => {
      const sum = isNew + old + missing + other;
      return el("td", { class: missing ? "refuse" : "" }, el("b", {}, missing ? `${missing} of ${sum} missing` : isNew === sum ? "whole, new" : isNew || other ? `${isNew} of ${sum} new` : "whole, old"));
    })), map.more_files || map.more_servers ? el("tr", {}, el("td", { colspan: map.servers.length + 1, class: "small" }, [map.more_files ? count(map.more_files, "more file") : "", map.more_servers ? count(map.more_servers, "more server") : ""].filter(Boolean).join(", "))) : null))), page.more.packages ? el("p", { class: "small" }, `${count(page.more.packages, "more package")}.`) : null];
}
function clientRows(page) {
  if (!page.clients.length) return el("div", { class: "empty" }, isFiltered() ? "No PC fits the filter." : "No record tells of what a PC ran. Records of clients are where the clients run.");
  return el("dl", { class: "clients" }, page.clients.map(row => el("div", { "data-k": row.state }, el("dt", {}, row.state), el("dd", { class: "n" }, number(row.count)), el("dd", { class: "pcs" }, row.machines.map(machine => el("span", { class: `pc ${row.tone}` }, machine)), row.count > row.machines.length ? el("span", { class: "pc rest" }, `and ${number(row.count - row.machines.length)} more`) : null))));
}
function retryRows(page) {
  if (!page.retries.length) return el("div", { class: "empty" }, "No retry is due.");
  return [el("ol", { class: "list" }, page.retries.map(row => el("li", { "data-k": `${row.job} ${row.at}` }, el("b", {}, clock(row.at)), el("span", { class: "retry" }, due(row.at)), el("span", {}, `◇ retry ${row.name}, ${count(row.server_count, "server")}, attempt ${number(row.attempt + 1)}`)))), page.more.retries ? el("p", { class: "small" }, `${count(page.more.retries, "more", "more")}.`) : null];
}
const endOf = mark => mark.ended_at - mark.at < 43200 ? clock(mark.ended_at) : when(mark.ended_at);
function faultRows(page) {
  const faults = page.marks.filter(mark => mark.lasts), more = page.more.faults;
  if (!faults.length) return null;
  return [el("dt", {}, "Broken on purpose"), el("dd", {}, el("b", { class: "refuse" }, `▲ ${count(faults.length + (more || 0), "fault")}: `), faults.map(mark => `${mark.text}, since ${when(mark.at)}`).join("; "), more ? ` and ${number(more)} more` : null, ".", el("small", {}, "What is blocked, late or missing may be so because of it."))];
}
function markRows(page) {
  if (!page.marks.length) return el("div", { class: "empty" }, "Nothing was broken or done by hand in this time.");
  return el("ol", { class: "list marks" }, page.marks.map((mark, i) => el("li", { "data-k": `${mark.at} ${mark.text}` }, el("span", { class: "number" }, String(i + 1)), el("span", {}, when(mark.at)), el("span", {}, mark.text, mark.lasts ? [", ", el("b", { class: "refuse" }, "still so")] : mark.ended_at ? `, until ${endOf(mark)}` : ""))).reverse());
}
