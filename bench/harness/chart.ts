import { Error as errorsOnly, logger, parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { Evaluation } from './evaluation.ts';

const OURS = '#336791';
const OTHERS = '#8c8c8c';
const FRAME = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  background: 'white',
  padding: 12,
  config: {
    view: { stroke: null },
    font: 'sans-serif',
    axis: { labelFontSize: 11, labelLimit: 240 },
  },
};

/** A table as a chart, as SVG. Below its title stands the subtitle, if that is not empty. */
export async function chartOf(evaluation: Evaluation, subtitle: string): Promise<string> {
  const figure = evaluation.table.course === undefined ? bars(evaluation) : course(evaluation);
  const title = { text: evaluation.table.title, subtitle, anchor: 'start' as const, fontSize: 15 };
  const spec = { ...figure, title };
  const view = new View(parse(compile(spec, { logger: logger(errorsOnly) }).spec), {
    renderer: 'none',
  });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

/**
 * The medians, with lines from the lowest to the highest run: as bars, which begin at zero, or as
 * points on a logarithmic axis, which has none.
 */
function bars({ table, series }: Evaluation): TopLevelSpec {
  const { unit, better, logarithmic = false } = table;
  const values = series.map(({ contender, variant, summary }) => ({
    contender,
    variant,
    ours: contender.startsWith('pgwatch'),
    label: summary.median.toLocaleString('en', { maximumSignificantDigits: 3 }),
    ...summary,
  }));
  // Nothing has no place on a logarithmic axis.
  const positive = values.every(({ low }) => low > 0);
  const points = logarithmic && positive;
  const scale = points ? { type: 'log' as const, nice: true } : { zero: true };
  const x = {
    field: 'median',
    type: 'quantitative' as const,
    title: `${unit}, ${better} is better${points ? ' (logarithmic)' : ''}`,
    scale,
    axis: { gridColor: '#e5e5e5', tickCount: 6, labelOverlap: true, format: ',.6~g' },
  };
  return {
    ...FRAME,
    data: { values },
    facet: {
      row: {
        field: 'variant',
        title: null,
        sort: [...new Set(series.map(({ variant }) => variant))],
        header: { labelOrient: 'top', labelAnchor: 'start', labelFontSize: 12, labelPadding: 4 },
      },
    },
    spec: {
      width: 460,
      height: { step: 20 },
      encoding: { y: { field: 'contender', type: 'nominal', title: null, sort: null } },
      layer: [
        {
          mark: points ? { type: 'point', filled: true, size: 90, opacity: 1 } : { type: 'bar' },
          encoding: {
            x,
            color: { condition: { test: 'datum.ours', value: OURS }, value: OTHERS },
          },
        },
        {
          mark: { type: 'rule', color: '#222', strokeWidth: 1.5 },
          encoding: { x: { field: 'low', type: 'quantitative', scale }, x2: { field: 'high' } },
        },
        {
          mark: { type: 'text', align: 'left', dx: 8, fontSize: 11, color: '#222' },
          encoding: {
            x: { field: 'high', type: 'quantitative', scale },
            text: { field: 'label' },
          },
        },
      ],
    },
    resolve: { scale: { y: 'independent' } },
  };
}

/** Values over time, one line for each contender. */
function course({ table, series }: Evaluation): TopLevelSpec {
  const values = series.map(({ contender, variant, summary }) => ({
    contender,
    at: Number(variant),
    value: summary.median,
  }));
  return {
    ...FRAME,
    data: { values },
    width: 560,
    height: 260,
    mark: { type: 'line', strokeWidth: 1.5 },
    encoding: {
      x: { field: 'at', type: 'quantitative', title: table.course?.unit ?? null },
      y: { field: 'value', type: 'quantitative', title: table.unit, scale: { zero: true } },
      color: { field: 'contender', type: 'nominal', title: null },
    },
  };
}
