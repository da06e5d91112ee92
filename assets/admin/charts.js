import uPlot from './uplot.js';

const CHART_HEIGHT = 176;
/** Seconds; no less than the minutes that are written below a tick. */
const TICKS_APART = [60, 120, 300, 600, 1_800, 3_600, 7_200, 10_800, 21_600];
const TIME = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const EXACT_TIME = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const NUMBER = new Intl.NumberFormat('en-US', { maximumFractionDigits: 2 });

const drawn = new WeakMap();
const sizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const plot = drawn.get(target);
    if (plot !== undefined && contentRect.width > 0) {
      plot.setSize({ width: Math.floor(contentRect.width), height: plot.height });
    }
  }
});
const darkness = matchMedia('(prefers-color-scheme: dark)');

export function isChart(node) {
  return node instanceof HTMLElement && node.dataset.chart !== undefined;
}

/** Draws what is not drawn yet. */
export function drawCharts(root) {
  for (const place of root.querySelectorAll('[data-chart]')) {
    if (!drawn.has(place)) draw(place);
  }
}

/** Gives a chart the data of another one. */
export function redraw(place, { dataset, ariaLabel }) {
  if (place.dataset.chart === dataset.chart) return;
  place.dataset.chart = dataset.chart;
  place.ariaLabel = ariaLabel;
  drawn.get(place)?.setData(JSON.parse(dataset.chart).data);
}

function draw(place) {
  const { kind, data, series } = JSON.parse(place.dataset.chart);
  const options = kind === 'spark' ? sparkOptions() : chartOptions(series);
  const inner = getComputedStyle(place);
  const room = place.clientWidth - parseFloat(inner.paddingLeft) - parseFloat(inner.paddingRight);
  const width = Math.max(40, Math.floor(room));
  const height = kind === 'spark' ? place.clientHeight : CHART_HEIGHT;
  drawn.set(place, new uPlot({ ...options, width, height }, data, place));
  sizes.observe(place);
}

function colour(name) {
  return () => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function sparkOptions() {
  return {
    axes: [{ show: false }, { show: false }],
    cursor: { show: false },
    legend: { show: false },
    padding: [2, 0, 2, 0],
    scales: { y: { range: (_plot, _low, high) => [0, Math.max(high ?? 0, 1)] } },
    series: [
      {},
      {
        stroke: colour('--series-1'),
        fill: colour('--series-1-faded'),
        width: 1.5,
        points: { show: false },
      },
    ],
  };
}

function chartOptions(names) {
  const axis = {
    stroke: colour('--muted'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  };
  return {
    axes: [
      {
        ...axis,
        size: 30,
        incrs: TICKS_APART,
        values: (_plot, ticks) => ticks.map((tick) => TIME.format(tick * 1000)),
      },
      { ...axis, size: 56, values: (_plot, ticks) => ticks.map((tick) => NUMBER.format(tick)) },
    ],
    cursor: { points: { size: 7 }, y: false },
    scales: { y: { range: (_plot, _low, high) => [0, Math.max((high ?? 0) * 1.1, 1)] } },
    series: [
      { label: 'time', value: shown((at) => EXACT_TIME.format(at * 1000)) },
      ...names.map((label, at) => ({
        label,
        value: shown((perSecond) => NUMBER.format(perSecond)),
        stroke: colour(`--series-${at + 1}`),
        fill: at === 0 ? colour('--series-1-faded') : undefined,
        // Told apart without their colours, too.
        dash: at === 0 ? undefined : [6, 4],
        width: 2,
        points: { show: false },
      })),
    ],
  };
}

/** What the legend says of a series: where the pointer is, or else last. */
function shown(format) {
  return (plot, value, series, at) => {
    const one = at === null ? plot.data[series].at(-1) : value;
    return one === null || one === undefined ? '–' : format(one);
  };
}

darkness.addEventListener('change', () => {
  for (const place of document.querySelectorAll('[data-chart]')) drawn.get(place)?.redraw(false);
});
