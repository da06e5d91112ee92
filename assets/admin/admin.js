import { drawCharts } from './charts.js';
import { keepLive } from './live.js';
import { watchSelection } from './selection.js';

drawCharts(document);
watchSelection();
keepLive();
