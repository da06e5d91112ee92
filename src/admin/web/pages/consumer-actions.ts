import { html } from 'hono/html';
import { formatCount } from '../../../format.ts';
import { assertKnownConsumer } from '../../../observe/unknown-consumer.ts';
import { forgetConsumer, pauseConsumer, resumeConsumer } from '../../../steer/consumer-steering.ts';
import { consumerPath } from '../consumer-path.ts';
import { action } from '../forms.ts';
import type { Route } from '../route.ts';
import type { Visit } from '../visit.ts';

export const consumerActionRoutes: readonly Route[] = [
  { method: 'post', path: '/consumers/:consumer/pause', handle: pause },
  { method: 'post', path: '/consumers/:consumer/resume', handle: resume },
  { method: 'get', path: '/consumers/:consumer/forget', handle: askToForget },
  { method: 'post', path: '/consumers/:consumer/forget', handle: forget },
];

async function pause(visit: Visit): Promise<Response> {
  const consumer = visit.param('consumer');
  visit.audit('pause', { consumer });
  const changed = await pauseConsumer(visit.site.db, consumer);
  const text = changed
    ? `${consumer} is paused: running handlers finish, nothing more is begun.`
    : `${consumer} was paused already.`;
  return visit.redirect(consumerPath(consumer), { kind: 'done', text });
}

async function resume(visit: Visit): Promise<Response> {
  const consumer = visit.param('consumer');
  visit.audit('resume', { consumer });
  const changed = await resumeConsumer(visit.site.db, consumer);
  const text = changed ? `${consumer} goes on where it was.` : `${consumer} was not paused.`;
  return visit.redirect(consumerPath(consumer), { kind: 'done', text });
}

async function askToForget(visit: Visit): Promise<Response> {
  const consumer = visit.param('consumer');
  const { db, watch } = visit.site;
  await assertKnownConsumer(db.pool, db.names, consumer);
  const { consumers } = await watch.read();
  const status = consumers.find((one) => one.consumer === consumer);
  const lost = [
    status !== undefined && status.pending === undefined
      ? 'what is pending'
      : formatCount(status?.pending ?? 0, 'pending notification'),
    formatCount(status?.retrying ?? 0, 'retry', 'retries'),
    formatCount(status?.dead ?? 0, 'dead letter'),
  ];
  return visit.page({
    title: `Forget ${consumer}?`,
    parent: { title: consumer, href: visit.url(consumerPath(consumer)) },
    content: html`<div class="card narrow">
      <p>
        Its position goes, and with it ${lost.join(', ')}. Clean-up does not wait for it any more. If
        it is run again, it is a new consumer, which starts where new ones do. The log itself stays as
        it is.
      </p>
      <div class="actions">
        ${action(visit, {
          path: consumerPath(consumer, 'forget'),
          label: `Forget ${consumer}`,
          tone: 'danger',
        })}
        <a href="${visit.url(consumerPath(consumer))}">Keep it</a>
      </div>
    </div>`,
  });
}

async function forget(visit: Visit): Promise<Response> {
  const consumer = visit.param('consumer');
  visit.audit('forget', { consumer });
  await forgetConsumer(visit.site.db, consumer);
  return visit.redirect('/consumers', { kind: 'done', text: `${consumer} is forgotten.` });
}
