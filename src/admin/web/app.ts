import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import {
  type Env,
  knowVisitor,
  onlyFromOurPages,
  onlyKnownHosts,
  onlyOperators,
  onlyOwnReads,
  onlyShortAddresses,
  onlyWithFormToken,
  prepare,
} from './gates.ts';
import { liveEvents } from './live-events.ts';
import type { AdminOptions } from './options.ts';
import { metricsPage, readinessPage } from './pages/machines.ts';
import { notFoundPage, problemPage } from './pages/problem.ts';
import { openSignIn, signIn, signOut } from './pages/sign-in.ts';
import { plain } from './plain.ts';
import { prefixOf, withoutPrefix } from './prefix.ts';
import type { Route } from './route.ts';
import { ROUTES } from './routes.ts';
import { securityHeaders } from './security-headers.ts';
import type { Site } from './site.ts';
import { serveStaticFile } from './static-files.ts';
import { visitOf } from './visit-of.ts';

/** Payloads that are sent by hand. */
const LARGEST_FORM = 4 * 1024 * 1024;

/** What answers requests. The order of the gates is what keeps it safe. */
export function createApp(
  site: Site,
  { metrics, readiness }: Pick<AdminOptions, 'metrics' | 'readiness'>,
): Hono<Env> {
  const app = new Hono<Env>({
    getPath: (request) =>
      withoutPrefix(new URL(request.url).pathname, prefixOf(request.headers, site.config.admin)),
  });
  app.use(securityHeaders());
  app.use(prepare(site));
  app.get('/healthz', (context) => plain(context, 200, 'ok'));
  app.get('/readyz', (context) => readinessPage(context, site, readiness));
  app.get('/metrics', (context) => metricsPage(context, site, metrics));
  app.use(onlyKnownHosts(site));
  app.get('/assets/:file', serveStaticFile);
  app.use(onlyShortAddresses());
  app.use(onlyOwnReads());
  app.post(
    '*',
    bodyLimit({
      maxSize: LARGEST_FORM,
      onError: (context) => plain(context, 413, 'What was sent is too large: 4 MB at the most.'),
    }),
  );
  app.post('*', onlyFromOurPages(site));
  app.get('/sign-in', (context) => openSignIn(context, site));
  app.post('/sign-in', (context) => signIn(context, site));
  app.use(knowVisitor(site));
  app.get('/events', (context) =>
    // Who asks for the head alone would never hang up.
    context.req.raw.method === 'HEAD' ? context.body(null) : liveEvents(context, site.watch),
  );
  app.post('*', onlyWithFormToken(site));
  app.post('/sign-out', (context) => signOut(context, site));
  app.post('*', onlyOperators());
  for (const route of ROUTES) addRoute(app, site, route);
  app.notFound((context) =>
    // The gates before knowVisitor answer with 404 themselves.
    context.get('known') === undefined
      ? plain(context, 404, 'There is no such page.')
      : notFoundPage(visitOf(context, site)),
  );
  app.onError((err, context) => {
    site.logger.error({ err, path: context.req.path }, 'a page of the admin server failed');
    return plain(context, 500, 'Something went wrong. The log of this process tells what.');
  });
  return app;
}

function addRoute(app: Hono<Env>, site: Site, { method, path, handle }: Route): void {
  app.on(method.toUpperCase(), path, async (context) => {
    const visit = visitOf(context, site);
    try {
      return await handle(visit);
    } catch (error) {
      return problemPage(visit, error);
    }
  });
}
