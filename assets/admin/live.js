import { drawCharts, isChart, redraw } from './charts.js';
import { Idiomorph } from './idiomorph.js';
import { isSelecting, show } from './selection.js';

/**
 * Keeps the parts that are marked `data-live` as they are on the server: whenever it says that something
 * is new, the page is fetched again and those parts are changed where they differ. Focus, scroll and
 * what is typed stay. Nothing changes while rows are selected, or the page is hidden.
 */
export function keepLive() {
  const light = document.getElementById('live-light');
  if (light === null || document.querySelector('[data-live]') === null) return;
  const base = document.documentElement.dataset.base ?? '';
  const source = new EventSource(`${base}/events`);
  let isBusy = false;
  let isMissed = false;

  const tell = (state, text) => {
    if (light.dataset.state === state) return;
    light.dataset.state = state;
    light.textContent = text;
  };
  const refresh = async () => {
    if (isSelecting()) return tell('frozen', 'frozen: rows selected');
    if (document.hidden || isBusy) {
      isMissed = true;
      return;
    }
    isBusy = true;
    isMissed = false;
    try {
      const response = await fetch(location.href, { headers: { accept: 'text/html' } });
      if (response.redirected) return location.reload();
      if (response.ok && !isSelecting()) {
        replace(new DOMParser().parseFromString(await response.text(), 'text/html'));
        tell('on', 'live');
      } else if (!response.ok) tell('off', 'no answer');
    } catch {
      tell('off', 'no connection');
    } finally {
      isBusy = false;
    }
  };
  source.addEventListener('change', refresh);
  source.addEventListener('open', () => tell('on', 'live'));
  source.addEventListener('error', () => tell('off', 'no connection'));
  document.addEventListener('change', () => {
    if (light.dataset.state === 'frozen' && !isSelecting()) refresh();
  });
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && isMissed) refresh();
  });
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
