import type { Context } from 'hono';
import type { Env } from './gates.ts';
import type { Site } from './site.ts';
import { Visit } from './visit.ts';

/** @throws when the gates have not been passed, which is a fault of ours */
export function visitOf(context: Context<Env>, site: Site): Visit {
  const known = context.get('known');
  if (known === undefined) throw new Error('Nobody has checked who this is.');
  return new Visit({
    site,
    context,
    prefix: context.get('prefix'),
    identity: known.identity,
    formToken: site.formTokens.of(known.owner),
    address: context.get('address'),
    form: context.get('form') ?? new URLSearchParams(),
  });
}
