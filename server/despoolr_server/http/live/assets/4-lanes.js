// Lanes: one update each, its holders below it, all up to now.
const MARGIN = { name: 270, wide: 330, right: 24 };
function cutTo(text, width, size) {
  const most = Math.max(4, Math.floor(width / (size * 0.6)));
  return text.length <= most ? text : text.slice(0, most - 1) + "…";
}
const STEPS = [300, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600];
const lanesShown = () => state.allLanes ? Infinity : innerWidth < 700 ? 3 : 6;
function drawLanes(page, now) {
  const node = at("picture"), width = node.clientWidth;
  const lanes = page.lane_order.map(id => page.lanes[id]).filter(Boolean).slice(0, lanesShown());
  if (!lanes.length || !width) { node.replaceChildren(); return; }
  const narrow = width < 640, left = narrow ? 0 : width > 1000 ? MARGIN.wide : MARGIN.name, right = narrow ? 14 : MARGIN.right;
  const [from, to] = spanOf(now), plot = width - left - right, isSeen = t => t >= from && t <= to;
  const x = t => left + (Math.min(Math.max(t, from), to) - from) / (to - from) * plot, nowX = x(now);
  const parts = [], put = (tag, attributes, ...children) => parts.push(shape(tag, attributes, ...children));
  const title = text => shape("title", {}, text);
  let y = 36;
  const behind = shape("g"), step = STEPS.find(s => plot / ((to - from) / s) > 76) || STEPS.at(-1);
  for (let t = Math.ceil(from / step) * step; t <= to; t += step) {
    const gx = x(t);
    behind.append(shape("path", { d: `M${gx} 30V9999`, class: "grid" }));
    if ((now > to || Math.abs(gx - nowX) > 44) && gx > left + 24) put("text", { x: gx, y: 26, "text-anchor": "middle", class: "t" }, step >= 86400 ? iso(t).slice(5, 10) : clock(t));
    if (t % 86400 === 0 && step < 86400 && (now > to || Math.abs(gx - nowX) > 60) && gx > left + 40) put("text", { x: gx, y: 12, "text-anchor": "middle", class: "t" }, `${weekday(t)} ${iso(t).slice(5, 10)}`);
  }
  if (now <= to) behind.append(shape("rect", { x: nowX, y: 30, width: width - nowX, height: 9999, class: "ahead" }));
  for (const lane of lanes) {
    const job = page.jobs[lane.job], label = `${fileName(lane.path)} on ${lane.server}${job ? `, ${job.name}` : ""}`;
    const end = lane.ended_at ?? now;
    put("text", { x: narrow ? 0 : 12, y: y + 14, class: "name" }, title(`${unc(lane.server, lane.share, lane.path)}, ${who(lane)}`), cutTo(label, narrow ? width - 8 : left - 24, 14.5));
    if (narrow) y += 19;
    if (end >= from && lane.first_at <= to) put("rect", { x: x(lane.first_at), y, width: Math.max(2, x(end) - x(lane.first_at)), height: 20, class: "wait" }, title(`${who(lane)} waits since ${when(lane.first_at)}`));
    let last = -99;
    for (const [t, n] of lane.ticks) {
      if (!isSeen(t)) continue;
      const tx = x(t), told = `refused ${times(n)} at ${when(t)}`;
      put("path", { d: `M${tx - 3.5} ${y + 6.5}l7 7m0-7l-7 7`, class: "cross" }, title(told));
      if (n > 1 && tx - last > 26) { put("text", { x: tx + 6, y: y + 14, class: "count" }, number(n)); last = tx; }
    }
    if (lane.ended_at && isSeen(end)) {
      const ex = x(end), through = lane.state === "resolved";
      if (through) { put("circle", { cx: ex, cy: y + 10, r: 7, class: "through" }, title(`got through at ${when(end)}`)); put("path", { d: `M${ex - 3} ${y + 10}l2 2.5 4-5`, class: "tick" }); }
      else put("path", { d: `M${ex - 6} ${y + 4}h12v12h-12zM${ex - 3} ${y + 7}l6 6m0-6l-6 6`, class: "stop" }, title(`given up at ${when(end)}`));
    }
    if (lane.next_at && lane.next_at <= to && lane.next_at > now) put("path", { d: `M${x(lane.next_at)} ${y + 3}l7 7l-7 7l-7-7z`, class: "cross" }, title(`next retry at ${when(lane.next_at)}`));
    y += 24;
    for (const bar of lane.bars) {
      const text = `${who(bar)}: ${fileName(bar.path)}`, bx = x(bar.opened_at), ex = x(bar.closed_at ?? now);
      if (narrow) { put("text", { x: 0, y: y + 11, class: "who" }, cutTo(text, width - 8, 12)); y += 15; }
      else put("text", { x: 24, y: y + 11, class: "who" }, title(text), cutTo(text, left - 32, 12));
      const told = title(`${who(bar)}${bar.user ? ` (${bar.user})` : ""} held ${fileName(bar.path)} ${since(bar)}${bar.closed_at ? ` until ${when(bar.closed_at)}` : ", and does"}`);
      if ((bar.closed_at ?? now) < from || bar.opened_at > to) { y += narrow ? 17 : 18; continue; }
      const early = bar.opened_at < from;
      put("path", { d: `M${bx + (early ? 6 : 0)} ${y + 2}H${Math.max(ex, bx + 2)}v10H${bx + (early ? 6 : 0)}${early ? "l-6-5z" : "z"}`, class: "bar" }, told);
      y += narrow ? 17 : 18;
    }
    if (lane.bar_count > lane.bars.length) { put("text", { x: narrow ? 0 : 24, y: y + 10, class: "who" }, `${number(lane.bar_count - lane.bars.length)} more holders`); y += 18; }
    y += 8;
  }
  let lastX = -99;
  page.marks.forEach((mark, i) => {
    const end = mark.lasts ? now : mark.ended_at ?? mark.at;
    if (end < from || mark.at > to) return;
    const mx = x(mark.at), cx = lastX = Math.max(mx, lastX + 18), told = `${mark.text}, ${mark.lasts ? `since ${when(mark.at)}` : when(mark.at)}${mark.ended_at ? ` until ${endOf(mark)}` : ""}`;
    if (end > mark.at || mark.lasts) put("rect", { x: mx, y: 30, width: Math.max(2, x(end) - mx), height: y - 30, class: mark.lasts ? "span lasts" : "span" }, title(told));
    if (mark.at >= from) put("path", { d: `M${mx} 34V${y}`, class: "mark" });
    if (cx > width - 9) return;
    put("circle", { cx, cy: y + 9, r: 8, class: "dotmark" }, title(told));
    put("text", { x: cx, y: y + 13, "text-anchor": "middle", class: "on" }, String(i + 1));
  });
  y += 22;
  if (now <= to) {
    put("path", { d: `M${nowX} 20V${y}`, class: "now" });
    put("text", { x: Math.min(nowX, width - 14), y: 15, "text-anchor": "middle", class: "now-t" }, "now");
  }
  const waiting = lanes.filter(lane => !lane.ended_at).length;
  const says = `${state.part ? `${when(from)} to ${now <= to ? "now" : when(to)}` : `The ${rangeText()}`}: ${count(waiting, "update waits", "updates wait")}, ${count(lanes.length - waiting, "wait", "waits")} ended. The same is listed under Blocked now.`;
  node.replaceChildren(shape("svg", { width, height: y, role: "img", "aria-label": says }, behind, parts));
}
