import type { CheckedTarget, Evaluation } from './evaluation.ts';
import type { Failure } from './run.ts';

/** What came of a table, for the terminal and for Markdown. */
export function sectionOf(evaluation: Evaluation, failures: readonly Failure[]): string {
  const { table } = evaluation;
  const parts = [
    `## ${table.title}`,
    tableOf(evaluation, failures),
    targetsOf(evaluation),
    table.note,
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function tableOf({ table, series }: Evaluation, failures: readonly Failure[]): string {
  if (table.course !== undefined) return '';
  const head = ['', 'who', `median, ${table.unit}`, 'lowest to highest', 'runs'];
  const rows = series.map(({ contender, variant, summary }) => [
    variant,
    contender,
    numeral(summary.median),
    `${numeral(summary.low)} to ${numeral(summary.high)}`,
    String(summary.runs),
  ]);
  const { floor } = table;
  if (floor !== undefined) {
    head.push(floor.title);
    for (const [index, { ratio }] of series.entries()) {
      rows[index]?.push(ratio === undefined ? '' : shown(ratio));
    }
  }
  rows.push(
    ...failures.map(({ turn, repeat, reason }) => ['FAILED', turn, `run ${repeat}`, cell(reason)]),
  );
  return markdownTable(head, rows);
}

function targetsOf({ table, targets }: Evaluation): string {
  if (targets.length === 0) return '';
  return markdownTable(
    ['target', 'measured', ''],
    targets.map((target) => [
      describe(target, table.unit),
      target.measured === undefined ? '' : shown(target.measured),
      target.verdict,
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

export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

/** What would end a cell of Markdown. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function numeral(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}

function shown(ratio: number): string {
  return ratio >= 1_000 ? Math.round(ratio).toLocaleString('en') : ratio.toPrecision(3);
}
