"use strict";
// Times, durations and counts in words: one way to write each.
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"], two = n => String(n).padStart(2, "0");
const iso = at => new Date(at * 1000).toISOString();
const clock = (at, seconds) => iso(at).slice(11, seconds ? 19 : 16);
const weekday = at => DAYS[new Date(at * 1000).getUTCDay()];
const when = at => `${weekday(at)} ${iso(at).slice(5, 10)} ${clock(at)}`;
/** The two largest units, cut and never rounded up: `8 d 6 h`, `54 s`. */
function duration(s) {
  s = Math.max(0, Math.floor(s));
  const d = Math.floor(s / 86400), h = Math.floor(s / 3600) % 24, m = Math.floor(s / 60) % 60;
  if (d) return h ? `${d} d ${h} h` : `${d} d`;
  if (h) return m ? `${h} h ${m} min` : `${h} h`;
  return m ? `${m} min` : `${s} s`;
}
const countdown = s => s <= 0 ? "now" : s < 3600 ? `in ${Math.floor(s / 60)}:${two(Math.floor(s % 60))}` : `in ${duration(s)}`;
const number = n => n.toLocaleString("en-US");
const count = (n, one, more) => `${number(n)} ${n === 1 ? one : more || one + "s"}`;
const times = n => n === 1 ? "once" : n === 2 ? "twice" : `${number(n)} times`;
const fileName = path => path.split("/").pop() || path;
const unc = (server, share, path) => `\\\\${server}\\${share}\\${path.replaceAll("/", "\\")}`;
/** A text as one word of a shell's line: a name that a client made up is run by nobody who copies it. */
const quoted = text => `'${text.replaceAll("'", "'\\''")}'`;
const who = x => x.machine ? x.program ? `${x.program} on ${x.machine}` : x.machine : "somebody whom no record names";
const since = x => x.since ? `since before ${when(x.opened_at)}` : `since ${when(x.opened_at)}`;
