import type { Context } from 'hono';
import { within } from '../../../abandonable.ts';
import { refuseHost } from '../../../http/known-host.ts';
import type { Env } from '../gates.ts';
import { knownVisitor } from '../known-visitor.ts';
import type { AdminOptions } from '../options.ts';
import { askToSignIn, plain } from '../plain.ts';
import type { Site } from '../site.ts';

/** Pages may hold all connections for longer than an orchestrator waits. */
const ANSWER_WITHIN_MS = 2_000;

/** What orchestrators ask; it needs no credentials, and says nothing that would. */
export async function readinessPage(
  context: Context<Env>,
  site: Site,
  readiness: AdminOptions['readiness'],
): Promise<Response> {
  const { ready, reasons } = await (readiness ?? (() => answersOf(site)))();
  return context.json({ ready, reasons }, ready ? 200 : 503);
}

async function answersOf({ db }: Site) {
  try {
    await within(db.pool.query('select'), ANSWER_WITHIN_MS);
    return { ready: true, reasons: [] };
  } catch {
    return {
      ready: false,
      reasons: [`the database does not answer within ${ANSWER_WITHIN_MS / 1000} s`],
    };
  }
}

/** Needs credentials where there are any; there, a page of another site has none to send. */
export async function metricsPage(
  context: Context<Env>,
  site: Site,
  metrics: AdminOptions['metrics'],
): Promise<Response> {
  if (metrics === undefined) return plain(context, 404, 'This process has no metrics.');
  const { req } = context;
  if (site.credentials.areConfigured) {
    const visitor = knownVisitor(site, {
      address: context.get('address'),
      authorization: req.header('authorization'),
      cookie: req.header('cookie'),
      host: req.header('host'),
    });
    if (visitor.kind !== 'known') return askToSignIn(context, visitor.kind);
  } else {
    const refusal = refuseHost(req.header('host'), site.config.admin.allowedHosts);
    if (refusal !== undefined) return plain(context, 421, refusal);
  }
  return context.body(await metrics.text(), 200, { 'Content-Type': metrics.contentType });
}
