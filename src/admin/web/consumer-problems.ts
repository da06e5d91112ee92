import { html } from 'hono/html';
import { formatCount, formatSpan } from '../../format.ts';
import type { ConsumerStatus } from '../../observe/consumer-status.ts';
import { consumerPath } from './consumer-path.ts';
import { ago, type Html } from './parts.ts';
import { visibleStart } from './visible.ts';
import type { Visit } from './visit.ts';

/** So far behind is no moment's rush any more. */
const BEHIND_MS = 60_000;
const LONGEST_ERROR = 200;

/** Why a consumer does not do what it should, and what helps. */
export function consumerProblems(visit: Visit, status: ConsumerStatus): Html[] {
  const { consumer, state, pending, atLeast, oldest, at, pausedAt, retrying, dead, lastError } =
    status;
  const name = html`<a href="${visit.url(consumerPath(consumer))}">${consumer}</a>`;
  const waits =
    pending === undefined
      ? 'how many notifications wait could not be counted in time'
      : `${atLeast ? 'at least ' : ''}${formatCount(pending, 'notification')} ${pending === 1 ? 'waits' : 'wait'}`;
  const behindMs = oldest === undefined ? 0 : at.getTime() - oldest.getTime();
  const found: Html[] = [];
  if (state === 'no owner') {
    found.push(html`${name} has lost its process, and nobody has taken over; ${waits}. Start
    <code>pgwatch listen</code>.`);
  }
  if (state === 'stopped' && pending !== 0) {
    found.push(html`${name} is run by nobody, and ${waits}. Start <code>pgwatch listen</code>.`);
  }
  if (state === 'paused' && pending !== 0) {
    found.push(html`${name} was paused ${ago(pausedAt, at)}, and ${waits}. Resume it.`);
  }
  if (state === 'catching up' && (pending === undefined || behindMs > BEHIND_MS)) {
    const far = pending === undefined ? '' : `${formatSpan(behindMs)} `;
    found.push(html`${name} is ${far}behind; ${waits}. A handler takes long or hangs,
    or more is written than it can handle.`);
  }
  if (dead > 0) {
    found.push(html`${name} has
      <a href="${visit.url('/dead-letters', { consumer })}">${formatCount(dead, 'dead letter')}</a>.
      Replay them when their cause is repaired, or discard them.`);
  }
  if (retrying > 0 && lastError !== undefined) {
    const [line = ''] = lastError.error.split('\n');
    found.push(html`${name} has failed, and tries
    ${formatCount(retrying, 'notification')} again. The last error:
    <span class="error"><bdi>${visibleStart(line, LONGEST_ERROR)}</bdi></span>`);
  }
  return found;
}

/** Stands before everything else. Nothing when there are none. */
export function problemList(problems: readonly Html[]): Html | '' {
  if (problems.length === 0) return '';
  return html`<section class="problems" aria-labelledby="h-problems">
    <h2 id="h-problems"><span aria-hidden="true">▲</span> ${formatCount(problems.length, 'problem')}</h2>
    <ul>
      ${problems.map((problem) => html`<li>${problem}</li>`)}
    </ul>
  </section>`;
}
