import { html } from 'hono/html';
import { PgwatchError } from '../../../errors.ts';
import { formatCount, formatNumber } from '../../../format.ts';
import type { CleanupResult } from '../../../log/prune.ts';
import type { CleanupChoice, CleanupPreview, CleanupRun } from '../cleanup-runner.ts';
import { action, check, input } from '../forms.ts';
import { ago, type Html, liveWhile, section, table } from '../parts.ts';
import type { Route } from '../route.ts';
import { visible } from '../visible.ts';
import type { Visit } from '../visit.ts';

export const cleanupRoutes: readonly Route[] = [
  { method: 'get', path: '/cleanup', handle: showCleanup },
  { method: 'post', path: '/cleanup', handle: cleanUp },
  { method: 'post', path: '/cleanup/stop', handle: stop },
];

const PREVIEW_MS = 3_000;

/** Shows what would be deleted, and then deletes it. */
async function showCleanup(visit: Visit): Promise<Response> {
  const { cleanup } = visit.site;
  const { run, isRunning } = cleanup;
  const isAsked = visit.query.has('days') && !isRunning;
  const choice = choiceIn(visit, visit.query);
  return visit.page({
    title: 'Clean-up',
    content: html`${liveWhile(
      isRunning,
      'cleanup',
      html`${run === undefined ? '' : progress(visit, run)}
      ${isRunning ? '' : choiceForm(visit, choice, isAsked)}`,
    )}
    ${isAsked ? preview(visit, choice, await cleanup.preview(choice, PREVIEW_MS)) : ''}`,
  });
}

function choiceForm(visit: Visit, choice: CleanupChoice, isAsked: boolean): Html {
  return html`<form class="card narrow" method="get" action="${visit.url('/cleanup')}">
    <p class="muted">
      Old notifications are deleted, oldest first, in short transactions, while consumers run. What a
      consumer has not handled stays, and so do retries and dead letters, unless you say otherwise.
    </p>
    ${input({ name: 'days', label: 'Days to keep', value: String(choice.days) })}
    ${check({ name: 'unprocessed', label: 'Also what some consumer has not handled, or retries', isChecked: choice.includeUnprocessed })}
    ${check({ name: 'dead', label: 'Also dead letters', isChecked: choice.includeDead })}
    <div class="actions">
      <button type="submit" class="${isAsked ? 'plain' : 'main'}">Preview</button>
    </div>
  </form>`;
}

function preview(visit: Visit, choice: CleanupChoice, { result, share }: CleanupPreview): Html {
  const { deleted, olderThan } = result;
  const isWhole = share >= 1;
  const what = isWhole
    ? formatCount(deleted, 'notification')
    : `At least ${formatCount(deleted, 'notification')}`;
  const all = share > 0 ? Math.round(deleted / share) : undefined;
  const content = html`<div class="card">
    <p>
      ${what} written before <time datetime="${olderThan.toISOString()}">${olderThan.toISOString()}</time>
      would be deleted.
    </p>
    ${
      isWhole
        ? ''
        : html`<p class="muted">
            There was time to look at ${Math.floor(share * 100)} % of what is so old${
              all === undefined ? '' : html`; all of it would be about ${formatNumber(all)}`
            }.
          </p>`
    }
    ${results(result, 'To delete')}
    ${
      isWhole && deleted === 0
        ? ''
        : action(visit, {
            path: '/cleanup',
            label: isWhole ? `Delete ${what}` : 'Delete all that is so old',
            tone: 'danger',
            fields: fieldsOf(choice),
          })
    }
  </div>`;
  return section('Preview', content);
}

function progress(visit: Visit, run: CleanupRun): Html {
  const { state, share, soFar, who, began, ended, choice } = run;
  const titles = {
    running: 'Running',
    done: 'The last one',
    stopped: 'The last one was stopped',
    failed: 'The last one failed',
  };
  const percent = Math.floor(share * 100);
  // It is this process that notes when it began.
  const now = new Date();
  const content = html`<div class="card">
    <p>
      ${formatCount(soFar?.deleted ?? 0, 'notification')} older than
      ${formatCount(choice.days, 'day')} deleted${kept(soFar)}; begun ${ago(began, now)} by ${who}${
        ended === undefined ? '' : html`, ended ${ago(ended, now)}`
      }.
    </p>
    ${
      state === 'running'
        ? html`<progress max="100" value="${percent}" aria-label="Clean-up">${percent} %</progress>
            ${action(visit, { path: '/cleanup/stop', label: 'Stop' })}`
        : ''
    }
    ${state === 'failed' ? html`<p>The log of the process that serves this page tells why. It can be begun again.</p>` : ''}
    ${soFar === undefined ? '' : results(soFar, 'Deleted')}
  </div>`;
  return section(titles[state], content, state === 'running' ? `${percent} %` : '');
}

function kept(soFar: CleanupResult | undefined): string {
  return soFar === undefined || soFar.kept === 0 ? '' : `, ${formatNumber(soFar.kept)} kept`;
}

function results(
  { deletedByChannel, keptFor, kept: keptCount }: CleanupResult,
  title: string,
): Html {
  const channels = Object.entries(deletedByChannel);
  return html`${
    channels.length === 0
      ? ''
      : table({
          caption: 'By channel',
          columns: [{ title: 'Channel' }, { title, numeric: true }],
          rows: channels.map(([channel, count]) => [
            html`<bdi class="name">${visible(channel)}</bdi>`,
            formatNumber(count),
          ]),
          empty: '',
        })
  }
  ${
    keptCount === 0
      ? ''
      : html`<h3>Kept: ${formatNumber(keptCount)}</h3>
          ${table({
            caption: 'What is kept, and for whom',
            columns: [
              { title: 'Consumer' },
              { title: 'Because it is' },
              { title: 'Kept', numeric: true },
            ],
            rows: keptFor.map(({ consumer, because, count }) => [
              html`<span class="name">${consumer}</span>`,
              because,
              formatNumber(count),
            ]),
            empty: '',
          })}`
  }`;
}

function cleanUp(visit: Visit): Response {
  const choice = choiceIn(visit, visit.form);
  visit.audit('cleanup', { ...choice });
  const hasBegun = visit.site.cleanup.start(choice, visit.identity.name);
  return visit.redirect(
    '/cleanup',
    hasBegun
      ? { kind: 'done', text: 'The clean-up has begun.' }
      : { kind: 'problem', text: 'A clean-up is running already.' },
  );
}

function stop(visit: Visit): Response {
  visit.audit('stop cleanup', {});
  visit.site.cleanup.stop();
  return visit.redirect('/cleanup', { kind: 'done', text: 'The clean-up stops.' });
}

function choiceIn({ site }: Visit, fields: URLSearchParams): CleanupChoice {
  const typed = fields.get('days')?.trim() ?? '';
  const days = typed === '' ? site.config.cleanup.days : Number(typed);
  if (!Number.isFinite(days) || days < 0) {
    throw new PgwatchError('USAGE', {
      what: `${JSON.stringify(typed)} is no number of days.`,
      hint: 'Give a number of days, such as 7 or 0.5.',
    });
  }
  return {
    days,
    includeUnprocessed: fields.has('unprocessed'),
    includeDead: fields.has('dead'),
  };
}

function fieldsOf({ days, includeUnprocessed, includeDead }: CleanupChoice): [string, string][] {
  return [
    ['days', String(days)],
    ...(includeUnprocessed ? [['unprocessed', '1'] satisfies [string, string]] : []),
    ...(includeDead ? [['dead', '1'] satisfies [string, string]] : []),
  ];
}
