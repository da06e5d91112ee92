import { drawCharts, isChart, redraw } from './charts.js';
import { Idiomorph } from './idiomorph.js';
import { say } from './said.js';
import { isSelecting, show } from './selection.js';

/**
 * Keeps the parts that are marked `data-live` as they are on the server: whenever it says that something
 * is new, the page is fetched again and those parts are changed where they differ. Focus, scroll and
 * what is typed stay. Nothing changes while rows are selected.
 */
export function keepLive() {
  if (document.getElementById('live-light') === null) return;
  if (!hasLiveParts()) return;
  document.getElementById('live-light').hidden = false;
  listen();
  // A browser opens six connections to a server, for all its tabs: only the one in front needs one.
  document.addEventListener('visibilitychange', listen);
  document.addEventListener('change', () => {
    if (isFrozen !== isSelecting()) refresh();
  });
}

let source;
let isBusy = false;
let isFrozen = false;

function listen() {
  if (document.hidden || !hasLiveParts()) {
    source?.close();
    source = undefined;
    return;
  }
  if (source !== undefined) return;
  source = new EventSource(`${document.documentElement.dataset.base ?? ''}/events`);
  source.addEventListener('change', refresh);
  source.addEventListener('open', () => tell('on', 'live'));
  source.addEventListener('error', () => tell('off', 'no connection'));
}

/** A part may come to its end, and be fetched no more. */
function hasLiveParts() {
  return document.querySelector('[data-live]') !== null;
}

async function refresh() {
  if (!hasLiveParts()) {
    listen();
    return tell('off', 'not live');
  }
  isFrozen = isSelecting();
  if (isFrozen) return tell('frozen', 'frozen: rows selected');
  if (isBusy) return;
  isBusy = true;
  try {
    const response = await fetch(location.href, { headers: { accept: 'text/html' } });
    // Signed out meanwhile.
    if (response.redirected) return location.reload();
    if (!response.ok) return tell('off', 'no answer');
    const page = new DOMParser().parseFromString(await response.text(), 'text/html');
    if (isSelecting()) return;
    replace(page);
    tell('on', 'live');
  } catch {
    tell('off', 'no connection');
  } finally {
    isBusy = false;
  }
}

function tell(state, text) {
  const light = document.getElementById('live-light');
  if (light.dataset.state === state) return;
  const isFirst = light.dataset.state === 'off' && state === 'on';
  light.dataset.state = state;
  light.textContent = text;
  if (!isFirst) say(text);
}

function replace(page) {
  for (const part of document.querySelectorAll('[data-live]')) {
    const fresh = page.getElementById(part.id);
    if (fresh === null) continue;
    Idiomorph.morph(part, fresh, {
      morphStyle: 'outerHTML',
      ignoreActiveValue: true,
      restoreFocus: true,
      callbacks: { beforeNodeMorphed, beforeAttributeUpdated },
    });
  }
  drawCharts(document);
  show();
}

/** A chart is what is drawn in it, not what the server sent: it gets new data instead. */
function beforeNodeMorphed(old, fresh) {
  if (!isChart(old) || !isChart(fresh)) return true;
  redraw(old, fresh);
  return false;
}

/** What somebody has opened stays open. */
function beforeAttributeUpdated(name, node) {
  return !(name === 'open' && node instanceof HTMLDetailsElement);
}
