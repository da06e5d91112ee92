import { drawCharts } from './charts.js';
import { fillLazyParts } from './lazy.js';
import { keepLive } from './live.js';
import { watchSelection } from './selection.js';

// On a phone the menu scrolls sideways. Only the menu: an address may lead to a place further down.
const current = document.querySelector('nav [aria-current="page"]');
const menu = current?.closest('nav');
if (menu) menu.scrollLeft = current.offsetLeft - (menu.clientWidth - current.offsetWidth) / 2;
drawCharts(document);
watchSelection();
keepLive();
fillLazyParts();

// What an action has done is said once, not again when the page is loaded anew or sent to somebody.
const here = new URL(location.href);
if (here.searchParams.has('notice')) {
  here.searchParams.delete('notice');
  history.replaceState(null, '', here);
}
