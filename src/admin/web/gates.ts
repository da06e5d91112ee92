import { getConnInfo } from '@hono/node-server/conninfo';
import type { MiddlewareHandler } from 'hono';
import { refuseHost } from '../../http/known-host.ts';
import { type Known, knownVisitor } from './known-visitor.ts';
import { askToSignIn, plain } from './plain.ts';
import { prefixOf } from './prefix.ts';
import { refuseWrite } from './request-guard.ts';
import type { Site } from './site.ts';
import { visitorAddress } from './visitor-address.ts';

/** What the gates learn of a request. */
export interface Env {
  Variables: {
    /** Where the browser sees the pages: empty, or as `/pgwatch`. */
    prefix: string;
    /** Who made the request; the proxy, where there is one that is not trusted to say. */
    address: string;
    known?: Known;
    form?: URLSearchParams;
  };
}

type Gate = MiddlewareHandler<Env>;

export function prepare({ config }: Site): Gate {
  return async (context, next) => {
    context.set('prefix', prefixOf(context.req.raw.headers, config.admin));
    const { address } = getConnInfo(context).remote;
    const forwarded = context.req.header('x-forwarded-for');
    context.set('address', visitorAddress(address, forwarded, config.admin.trustForwardedFor));
    await next();
  };
}

export function onlyKnownHosts({ config }: Site): Gate {
  return async (context, next) => {
    const refusal = refuseHost(context.req.header('host'), config.admin.allowedHosts);
    return refusal === undefined ? next() : plain(context, 421, refusal);
  };
}

/** More conditions in one address are nobody's search, and make pages of megabytes. */
const MOST_FIELDS = 200;

export function onlyShortAddresses(): Gate {
  return async (context, next) =>
    new URL(context.req.url).searchParams.size <= MOST_FIELDS
      ? next()
      : plain(context, 400, `The address has more than ${MOST_FIELDS} fields.`);
}

/**
 * Refuses what pages of other sites ask for behind their visitor's back. They could not read the answer,
 * but it would cost work. A link that somebody follows is welcome.
 */
export function onlyOwnReads(): Gate {
  return async (context, next) => {
    const { req } = context;
    const site = req.header('sec-fetch-site');
    const isForeign = site === 'cross-site' || site === 'same-site';
    const isFollowed =
      req.header('sec-fetch-mode') === 'navigate' && req.header('sec-fetch-dest') === 'document';
    if (req.method === 'POST' || !isForeign || isFollowed) return next();
    return plain(context, 403, `The request comes from another site (Sec-Fetch-Site: ${site}).`);
  };
}

/** For what writes. */
export function onlyFromOurPages({ config, logger }: Site): Gate {
  return async (context, next) => {
    const { req } = context;
    const refusal = refuseWrite(
      {
        host: req.header('host'),
        origin: req.header('origin'),
        fetchSite: req.header('sec-fetch-site'),
        hasBearer: /^bearer /i.test(req.header('authorization') ?? ''),
      },
      config.admin.allowedHosts,
    );
    if (refusal === undefined) return next();
    logger.warn({ address: context.get('address'), path: req.path, refusal }, 'write refused');
    return plain(context, 403, refusal);
  };
}

/** Lets those in who have shown credentials, or everybody where none are configured. */
export function knowVisitor(site: Site): Gate {
  return async (context, next) => {
    const result = knownVisitor(site, {
      address: context.get('address'),
      authorization: context.req.header('authorization'),
      cookie: context.req.header('cookie'),
      host: context.req.header('host'),
    });
    if (result.kind === 'known') {
      context.set('known', result.known);
      return next();
    }
    return askToSignIn(context, result.kind);
  };
}

/** For what writes: reads the form, and refuses those that are not from a page of this visitor's. */
export function onlyWithFormToken({ formTokens }: Site): Gate {
  return async (context, next) => {
    const known = context.get('known');
    const type = context.req.header('content-type') ?? '';
    if (!type.startsWith('application/x-www-form-urlencoded')) {
      return plain(context, 415, 'Send a form (application/x-www-form-urlencoded).');
    }
    const form = new URLSearchParams(await context.req.text());
    const isOurs =
      known !== undefined &&
      (known.hasBearer || formTokens.isOf(known.owner, form.get('token') ?? ''));
    if (!isOurs) {
      return plain(
        context,
        403,
        'The page that this was sent from is no longer current. Go back, load it again, and repeat it.',
      );
    }
    context.set('form', form);
    return next();
  };
}

/** For what writes. */
export function onlyOperators(): Gate {
  return async (context, next) =>
    context.get('known')?.identity.role === 'operator'
      ? next()
      : plain(context, 403, 'Your role is read-only: you may look, but change nothing.');
}
