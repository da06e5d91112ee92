import type { CheckedTarget, MeasureResult } from './run.ts';

/** What came of a measure, for the terminal and for Markdown. */
export function sectionOf(result: MeasureResult): string {
  const parts = [`## ${result.title}`, tableOf(result), targetsOf(result), result.note];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function tableOf(result: MeasureResult): string {
  const rows = result.series.map(({ contender, variant, summary }) => [
    variant,
    contender,
    numeral(summary.median),
    `${numeral(summary.low)} to ${numeral(summary.high)}`,
    String(summary.runs),
  ]);
  return markdownTable(['', 'who', `${result.unit} (median)`, 'from to', 'runs'], rows);
}

function targetsOf(result: MeasureResult): string {
  if (result.targets.length === 0) return '';
  return markdownTable(
    ['target', 'measured', ''],
    result.targets.map((target) => [
      describe(target, result.unit),
      target.measured === undefined ? 'not measured' : target.measured.toPrecision(3),
      target.met ? 'met' : 'missed',
    ]),
  );
}

function describe(target: CheckedTarget, unit: string): string {
  const { contender, variant, beside, atLeast, atMost } = target;
  const bound =
    atLeast === undefined ? `at most ${numeral(atMost ?? 0)}` : `at least ${numeral(atLeast)}`;
  const than =
    beside === undefined
      ? unit
      : `× ${beside.contender}${beside.variant === undefined ? '' : `, ${beside.variant}`}`;
  return `${contender}, ${variant}: ${bound} ${than}`;
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

function numeral(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}
