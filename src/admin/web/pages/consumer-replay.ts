import { html } from 'hono/html';
import { formatCount } from '../../../format.ts';
import { assertKnownConsumer } from '../../../observe/unknown-consumer.ts';
import {
  countReplay,
  type ReplayableState,
  type ReplayRequest,
  scheduleReplay,
} from '../../../steer/replay.ts';
import { assertNothingEmpty, chosenFields, chosenFilter } from '../chosen.ts';
import { consumerPath } from '../consumer-path.ts';
import { action, choiceInputs } from '../forms.ts';
import type { Html } from '../parts.ts';
import type { Route } from '../route.ts';
import type { Visit } from '../visit.ts';

export const consumerReplayRoutes: readonly Route[] = [
  { method: 'get', path: '/consumers/:consumer/replay', handle: chooseReplay },
  { method: 'post', path: '/consumers/:consumer/replay', handle: replay },
];

/** Of a large log, all is too many to count. */
const WITHIN_MS = 30_000;

const STATES: readonly ReplayableState[] = ['handled', 'dead', 'skipped'];

/** A form that first counts; what it counted can then be replayed. */
async function chooseReplay(visit: Visit): Promise<Response> {
  const consumer = visit.param('consumer');
  const { db } = visit.site;
  await assertKnownConsumer(db.pool, db.names, consumer);
  const { query } = visit;
  const states = statesIn(query);
  const isChosen = query.has('count');
  return visit.page({
    title: `Replay for ${consumer}`,
    parent: { title: consumer, href: visit.url(consumerPath(consumer)) },
    content: html`<form class="card" method="get" action="${visit.url(consumerPath(consumer, 'replay'))}">
        <p class="muted">
          What it has handled, skipped or given up is handled again, of one key in the order of the ids.
          What is pending or retried comes anyway, and is left alone. Without a choice, all is meant.
        </p>
        <fieldset>
          <legend>What has become of them</legend>
          ${STATES.map(
            (state) =>
              html`<label class="check">
                <input
                  type="checkbox"
                  name="state"
                  value="${state}"
                  ${states.includes(state) ? 'checked' : ''}
                />
                ${state}
              </label>`,
          )}
        </fieldset>
        ${choiceInputs(query)}
        <div class="actions">
          <button type="submit" name="count" value="1" class="${isChosen ? 'plain' : 'main'}">
            Count them
          </button>
        </div>
      </form>
      ${isChosen ? await counted(visit, consumer) : ''}`,
  });
}

async function counted(visit: Visit, consumer: string): Promise<Html> {
  const request = await requestOf(visit, consumer, visit.query);
  const number = await countReplay(visit.site.db, request, WITHIN_MS);
  if (number === 0) {
    return html`<div class="empty" id="counted">Nothing that was chosen can be replayed.</div>`;
  }
  const what = formatCount(number, 'notification');
  return html`<div class="card" id="counted">
    <p><strong>${what}</strong> would be handled again by ${consumer}.</p>
    ${action(visit, {
      path: consumerPath(consumer, 'replay'),
      label: `Replay ${what}`,
      tone: 'main',
      fields: [
        ...chosenFields(visit.query),
        ...statesIn(visit.query).map((state): [string, string] => ['state', state]),
      ],
    })}
  </div>`;
}

async function replay(visit: Visit): Promise<Response> {
  const consumer = visit.param('consumer');
  assertNothingEmpty(visit.form);
  const request = await requestOf(visit, consumer, visit.form);
  visit.audit('replay', { ...request });
  const scheduled = await scheduleReplay(visit.site.db, request);
  const text = `${formatCount(scheduled, 'notification')} will be handled again by ${consumer}.`;
  return visit.redirect(consumerPath(consumer), { kind: 'done', text });
}

async function requestOf(
  visit: Visit,
  consumer: string,
  fields: URLSearchParams,
): Promise<ReplayRequest> {
  const filter = await chosenFilter(fields, visit.site);
  return { consumer, filter, states: statesIn(fields) };
}

/** Of none, all are meant. */
function statesIn(fields: URLSearchParams): readonly ReplayableState[] {
  const given = fields.getAll('state');
  return given.length === 0 ? STATES : STATES.filter((state) => given.includes(state));
}
