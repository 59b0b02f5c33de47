"use strict";
// The time under the pointer, and every story open on paper. The page is complete without this.
const svg = document.getElementById("timeline"), cursor = document.getElementById("cursor"), at = svg.dataset;
svg.addEventListener("pointermove", event => {
  const box = svg.getBoundingClientRect(), x = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
  const inside = x >= at.left && x <= at.right && at.end > at.start;
  cursor.setAttribute("visibility", inside ? "visible" : "hidden");
  if (!inside) return;
  const time = +at.start + (x - at.left) / (at.right - at.left) * (at.end - at.start);
  cursor.setAttribute("transform", `translate(${x.toFixed(1)})`);
  cursor.querySelector("text").textContent = new Date(time * 1000).toISOString().slice(0, 16).replace("T", " ");
});
svg.addEventListener("pointerleave", () => cursor.setAttribute("visibility", "hidden"));
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(d => { d.open = true; }));
