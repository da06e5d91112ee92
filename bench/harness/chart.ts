import { Error as errorsOnly, logger, parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { MeasureResult } from './run.ts';

/** The medians of a measure as bars, with lines from the lowest to the highest run; as SVG. */
export async function chartOf(result: MeasureResult): Promise<string> {
  const values = result.series.map(({ contender, variant, summary }) => ({
    contender,
    variant,
    ours: contender.startsWith('pgwatch'),
    ...summary,
  }));
  const scale = result.logarithmic ? { type: 'log' as const } : { zero: true };
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: { text: result.title, anchor: 'start' },
    background: 'white',
    data: { values },
    facet: {
      row: {
        field: 'variant',
        title: null,
        sort: null,
        header: { labelAngle: 0, labelAlign: 'left' },
      },
    },
    spec: {
      width: 480,
      height: { step: 18 },
      encoding: { y: { field: 'contender', title: null, sort: null } },
      layer: [
        {
          mark: { type: 'bar', baseline: result.logarithmic ? 'min' : 0 } as never,
          encoding: {
            x: { field: 'median', type: 'quantitative', title: result.unit, scale },
            color: {
              condition: { test: 'datum.ours', value: '#336791' },
              value: '#b8b8b8',
            },
          },
        },
        {
          mark: { type: 'rule', color: '#333' },
          encoding: {
            x: { field: 'low', type: 'quantitative', scale },
            x2: { field: 'high' },
          },
        },
      ],
    },
    resolve: { scale: { y: 'independent' } },
    config: { view: { stroke: null }, font: 'sans-serif' },
  };
  const view = new View(parse(compile(spec, { logger: logger(errorsOnly) }).spec), {
    renderer: 'none',
  });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
