import { html } from 'hono/html';
import { formatNumber, formatSpan } from '../../format.ts';

/** Escaped, or made by `html`. */
export type Html = ReturnType<typeof html>;

/** What a template takes; text is escaped. */
export type Content = Html | string | number;

/** A part that is fetched again while the page is open, and replaced. @param id of the page's own */
export function live(id: string, content: Content): Html {
  return html`<div id="${id}" data-live>${content}</div>`;
}

/** The same while it may change; where that ends, an open page shows this once more and stops. */
export function liveWhile(isLive: boolean, id: string, content: Content): Html {
  return isLive ? live(id, content) : html`<div id="${id}" class="settled">${content}</div>`;
}

export interface Column {
  readonly title: string;
  readonly numeric?: boolean;
  /** Stands above the column instead of its title. */
  readonly head?: Html;
  /** For a box to select the row with. */
  readonly slim?: boolean;
}

export interface TableParts {
  /** Read out; says what the rows are. */
  readonly caption: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Content[])[];
  /** Instead of the table when there are no rows: says what to do. */
  readonly empty: Content;
}

/** A table that becomes a list of cards on a phone; the roles are lost there without saying them. */
export function table({ caption, columns, rows, empty }: TableParts): Html {
  if (rows.length === 0) return html`<div class="empty">${empty}</div>`;
  const kind = ({ numeric, slim }: Column) =>
    slim === true ? 'slim' : numeric === true ? 'number' : 'text';
  return html`<table role="table">
    <caption class="sr">${caption}</caption>
    <thead role="rowgroup">
      <tr role="row">
        ${columns.map(
          (column) =>
            html`<th role="columnheader" scope="col" class="${kind(column)}">
              ${column.head ?? column.title}
            </th>`,
        )}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${rows.map(
        (cells) =>
          html`<tr role="row">
            ${columns.map(
              (column, at) =>
                html`<td role="cell" class="${kind(column)}" data-title="${column.title}">
                  <div>${cells[at] ?? ''}</div>
                </td>`,
            )}
          </tr>`,
      )}
    </tbody>
  </table>`;
}

const STATES = {
  live: ['good', '●'],
  handled: ['good', '✓'],
  'catching up': ['busy', '↗'],
  pending: ['busy', '○'],
  retrying: ['warn', '↻'],
  stopped: ['warn', '■'],
  'no owner': ['bad', '▲'],
  dead: ['bad', '✕'],
  paused: ['calm', '‖'],
  skipped: ['calm', '–'],
} as const satisfies Record<string, readonly [string, string]>;

export type ShownState = keyof typeof STATES;

/** A state, told by its sign and its word; the colour only helps. */
export function badge(state: ShownState, text: string = state): Html {
  const [tone, sign] = STATES[state];
  return html`<span class="badge ${tone}"><span aria-hidden="true">${sign}</span> ${text}</span>`;
}

/**
 * How long ago, with the exact time to be read by those who want it.
 * @param now by the clock that the time is from: the database's, of what stands there
 */
export function ago(time: Date | undefined, now: Date): Content {
  if (time === undefined) return NONE;
  const span = formatSpan(Math.abs(now.getTime() - time.getTime()));
  const text = time.getTime() > now.getTime() + 1_000 ? `in ${span}` : `${span} ago`;
  return html`<time datetime="${time.toISOString()}" title="${exact(time)}">${text}</time>`;
}

/** `2026-11-24 10:00:00.123 UTC`. */
function exact(time: Date): string {
  return time.toISOString().replace('T', ' ').replace('Z', ' UTC');
}

/** Nothing to show, which a screen reader does not read out. */
export const NONE: Html = html`<span class="none" aria-hidden="true">–</span>`;

/** A number that matters only when it is not 0. Undefined: it could not be counted in time. */
export function count(number: number | undefined, { atLeast = false, bad = false } = {}): Html {
  if (number === undefined) return html`<span title="This could not be counted in time.">?</span>`;
  const text = `${formatNumber(number)}${atLeast ? '+' : ''}`;
  return html`<span class="${number === 0 ? 'none' : bad ? 'bad-number' : ''}">${text}</span>`;
}

/** `0.4/s`, `12/s`. */
export function rate(perSecond: number): string {
  const text = perSecond > 0 && perSecond < 10 ? perSecond.toFixed(1) : '';
  return `${text === '' ? formatNumber(Math.round(perSecond)) : text}/s`;
}

export interface ChartParts {
  /** Read out, and shown where no script draws. */
  readonly label: string;
  readonly kind: 'chart' | 'spark';
  /** Seconds since 1970, then a list for each series; null where nothing is known. */
  readonly data: readonly (readonly (number | null)[])[];
  readonly series: readonly string[];
}

/** Drawn by uPlot; see assets/admin/charts.js. */
export function chart({ label, kind, data, series }: ChartParts): Html {
  return html`<div
    class="${kind}"
    role="img"
    aria-label="${label}"
    data-chart="${JSON.stringify({ kind, data, series })}"
  ></div>`;
}

/** A part of a page with a title of its own. */
export function section(title: string, content: Content, aside: Content = ''): Html {
  const id = `h-${title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`;
  return html`<section aria-labelledby="${id}">
    <div class="section-head">
      <h2 id="${id}">${title}</h2>
      <div class="muted">${aside}</div>
    </div>
    ${content}
  </section>`;
}
