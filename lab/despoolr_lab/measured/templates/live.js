'use strict';
const main = document.querySelector('main'), state = document.querySelector('#state');
let kept = null;
function say(text) { if (state.textContent !== text) state.textContent = text; }
function draw(text) {
  if (document.hidden) { kept = text; return; }
  kept = null;
  main.innerHTML = text;
}
const source = new EventSource('events');
source.addEventListener('course', event => { draw(JSON.parse(event.data)); say('This load is running. The page is drawn anew every second.'); });
source.addEventListener('over', event => {
  source.close();
  const text = JSON.parse(event.data);
  if (!text) { say('This load has ended without a report.'); return; }
  document.open(); document.write(text); document.close();
});
source.onerror = () => say('This load does not answer: it may have ended. What it left lies in its run.');
document.addEventListener('visibilitychange', () => { if (!document.hidden && kept !== null) draw(kept); });
