import { drawCharts } from './charts.js';
import { fillLazyParts } from './lazy.js';
import { keepLive } from './live.js';
import { watchSelection } from './selection.js';

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
