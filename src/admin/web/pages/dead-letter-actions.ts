import { html } from 'hono/html';
import { PgwatchError } from '../../../errors.ts';
import { formatCount } from '../../../format.ts';
import { countDiscard, discard } from '../../../steer/discard.ts';
import { countReplay, scheduleReplay } from '../../../steer/replay.ts';
import { assertNothingEmpty, chosenFilter } from '../chosen.ts';
import { deadLetterChoice, fieldsOf, sentFields } from '../dead-letter-choice.ts';
import { action } from '../forms.ts';
import type { Route } from '../route.ts';
import type { Visit } from '../visit.ts';

export const deadLetterActionRoutes: readonly Route[] = [
  { method: 'get', path: '/dead-letters/review', handle: review },
  { method: 'post', path: '/dead-letters/replay', handle: replay },
  { method: 'post', path: '/dead-letters/discard', handle: giveUp },
];

/** How many are meant, before anything is done. */
async function review(visit: Visit): Promise<Response> {
  const [what, of] = (visit.query.get('do') ?? '').split(' ');
  const isDiscard = what === 'discard';
  const fields = new URLSearchParams(
    sentFields(visit.query).filter(([name]) => of === 'selected' || name !== 'id'),
  );
  const request = await requestOf(visit, fields);
  const back = visit.url(
    '/dead-letters',
    Object.fromEntries(fieldsOf(deadLetterChoice(visit.query))),
  );
  const parent = { title: 'Dead letters', href: back };
  const { db } = visit.site;
  const isNothing = of === 'selected' && !fields.has('id');
  const number = isNothing ? 0 : await (isDiscard ? countDiscard : countReplay)(db, request);
  if (number === 0) {
    const content = html`<div class="empty">
      ${isNothing ? 'Nothing is selected.' : 'Nothing that was chosen is a dead letter any more.'}
      <a href="${back}">Back</a>
    </div>`;
    return visit.page({ title: 'Nothing to do', parent, content });
  }
  const letters = formatCount(number, 'dead letter');
  return visit.page({
    title: `${isDiscard ? 'Discard' : 'Replay'} ${letters}?`,
    parent,
    content: html`<div class="card narrow">
      <p>
        ${
          isDiscard
            ? html`They are given up for <strong>${request.consumer}</strong> and count as handled. What
                waited behind them goes on. They stay in the log until clean-up.`
            : html`<strong>${request.consumer}</strong> handles them again now, with all their
                attempts; of one key in the order of the ids.`
        }
      </p>
      <div class="actions">
        ${action(visit, {
          path: `/dead-letters/${isDiscard ? 'discard' : 'replay'}`,
          label: `${isDiscard ? 'Discard' : 'Replay'} ${letters}`,
          tone: isDiscard ? 'danger' : 'main',
          fields,
        })}
        <a href="${back}">Cancel</a>
      </div>
    </div>`,
  });
}

async function replay(visit: Visit): Promise<Response> {
  const request = await requestToDo(visit);
  visit.audit('replay', chosenIn(request));
  const scheduled = await scheduleReplay(visit.site.db, request);
  return done(visit, `${formatCount(scheduled, 'dead letter')} will be handled again.`);
}

async function giveUp(visit: Visit): Promise<Response> {
  const request = await requestToDo(visit);
  visit.audit('discard', chosenIn(request));
  const given = await discard(visit.site.db, request);
  return done(visit, `${formatCount(given, 'dead letter')} given up.`);
}

function done(visit: Visit, text: string): Response {
  const query = Object.fromEntries(fieldsOf(deadLetterChoice(visit.form)));
  return visit.redirect('/dead-letters', { kind: 'done', text }, query);
}

/** @throws USAGE */
function requestToDo(visit: Visit) {
  assertNothingEmpty(visit.form);
  return requestOf(visit, visit.form);
}

/** For the log, in which `error` is that of the line. */
function chosenIn({ error, ...request }: Awaited<ReturnType<typeof requestOf>>) {
  return { ...request, errorGroup: error };
}

/** @throws USAGE */
async function requestOf(visit: Visit, fields: URLSearchParams) {
  const { consumer, error } = deadLetterChoice(fields);
  if (consumer === undefined) {
    throw new PgwatchError('USAGE', {
      what: 'It is not said whose dead letters are meant.',
      hint: 'Choose a consumer first.',
    });
  }
  const filter = await chosenFilter(fields, visit.site);
  return { consumer, error, filter, states: ['dead'] as const };
}
