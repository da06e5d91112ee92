import { formatCount } from '../format.ts';
import { visible } from '../log-line.ts';
import type { Finding, Severity } from '../observe/checkup/finding.ts';

const HEADINGS = {
  problem: 'PROBLEM',
  warning: 'WARNING',
  note: 'NOTE',
  ok: 'ok',
} as const satisfies Record<Severity, string>;

const SEVERITIES = ['problem', 'warning', 'note', 'ok'] as const satisfies readonly Severity[];

const INDENT = ' '.repeat(9);

/** The findings for people, the gravest first. */
export function findingsText(findings: readonly Finding[]): string {
  const parts = bySeverity(findings).map(findingText);
  return `${parts.join('')}${summaryOf(findings)}\n`;
}

/** The findings for programs: these keys stay. */
export function findingsJson(findings: readonly Finding[]) {
  return {
    counts: Object.fromEntries(
      SEVERITIES.map((severity) => [severity, countOf(findings, severity)]),
    ),
    findings: bySeverity(findings).map(({ check, severity, what, why, mend }) => ({
      check,
      severity,
      what,
      why: why ?? null,
      mend: mend ?? [],
    })),
  };
}

function bySeverity(findings: readonly Finding[]): readonly Finding[] {
  return SEVERITIES.flatMap((severity) => findings.filter((one) => one.severity === severity));
}

function findingText({ check, severity, what, why, mend = [] }: Finding): string {
  const lines = [`${HEADINGS[severity].padEnd(8)} ${check}: ${visible(what)}`];
  if (why !== undefined) lines.push(`${INDENT}${visible(why)}`);
  lines.push(...mend.flatMap(mendLines));
  const end = severity === 'ok' ? '\n' : '\n\n';
  return `${lines.join('\n')}${end}`;
}

/** Several lines stand at the margin: an indent would be pasted into what they quote, such as a body. */
function mendLines(mend: string): string[] {
  const lines = mend.split('\n').map((line) => visible(line));
  return lines.length > 1 ? lines : lines.map((line) => `${INDENT}  ${line}`);
}

function summaryOf(findings: readonly Finding[]): string {
  const [problems, warnings, notes, well] = SEVERITIES.map((severity) =>
    countOf(findings, severity),
  );
  return `${formatCount(problems ?? 0, 'problem')}, ${formatCount(warnings ?? 0, 'warning')}, ${formatCount(notes ?? 0, 'note')}; ${formatCount(well ?? 0, 'check')} well.`;
}

function countOf(findings: readonly Finding[], severity: Severity): number {
  return findings.filter((one) => one.severity === severity).length;
}
