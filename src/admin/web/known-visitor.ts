import type { Identity, ShownCredentials } from './credentials.ts';
import { sessionSecretsOf } from './session-cookie.ts';
import type { Site } from './site.ts';

/** Somebody who may come in. */
export interface Known {
  readonly identity: Identity;
  /** Whose form tokens are theirs. */
  readonly owner: string;
  /** Of somebody who has signed in. */
  readonly session: string | undefined;
  /** Shown in each request, by no browser of its own. */
  readonly hasBearer: boolean;
}

export interface Shown {
  readonly address: string;
  readonly authorization: string | undefined;
  readonly cookie: string | undefined;
  readonly host: string | undefined;
}

export type Visitor =
  | { readonly kind: 'known'; readonly known: Known }
  /** Has shown nothing. */
  | { readonly kind: 'unknown' }
  /** Has shown what is wrong. */
  | { readonly kind: 'wrong' }
  /** Has done so too often. */
  | { readonly kind: 'too many' };

/** Of a name that is wrong, in the log. */
const LONGEST_USER = 100;

/** Where no credentials are configured, whoever reaches this server may do everything. */
const LOCAL: Known = {
  identity: { name: 'local', role: 'operator' },
  owner: 'local',
  session: undefined,
  hasBearer: false,
};

export function knownVisitor(site: Site, shown: Shown): Visitor {
  const { credentials, sessions } = site;
  if (!credentials.areConfigured) return { kind: 'known', known: LOCAL };
  if (shown.authorization !== undefined) return byHeader(site, shown.address, shown.authorization);
  for (const session of sessionSecretsOf(shown.cookie, shown.host)) {
    const identity = sessions.find(session);
    if (identity === undefined) continue;
    const owner = `session ${session}`;
    return { kind: 'known', known: { identity, owner, session, hasBearer: false } };
  }
  return { kind: 'unknown' };
}

/** Checks what was typed or sent; slows down whoever guesses. */
export function checkCredentials(
  { credentials, failures, logger }: Site,
  address: string,
  shown: ShownCredentials,
): Identity | 'wrong' | 'too many' {
  if (failures.isReached(address)) return 'too many';
  const identity = credentials.identify(shown);
  if (identity !== undefined) return identity;
  failures.note(address);
  logger.warn(
    { address, user: shown.user?.slice(0, LONGEST_USER) },
    'wrong credentials at the admin page',
  );
  return 'wrong';
}

function byHeader(site: Site, address: string, authorization: string): Visitor {
  const shown = credentialsIn(authorization);
  if (shown === undefined) return { kind: 'wrong' };
  const checked = checkCredentials(site, address, shown);
  if (checked === 'wrong' || checked === 'too many') return { kind: checked };
  return {
    kind: 'known',
    known: {
      identity: checked,
      owner: `user ${checked.name}`,
      session: undefined,
      hasBearer: shown.user === undefined,
    },
  };
}

/** `Bearer <token>`, or `Basic <base64 of user:password>`. */
function credentialsIn(authorization: string): ShownCredentials | undefined {
  const [scheme = '', value = ''] = authorization.trim().split(/\s+/, 2);
  switch (scheme.toLowerCase()) {
    case 'bearer':
      return { user: undefined, secret: value };
    case 'basic': {
      const text = Buffer.from(value, 'base64').toString();
      const colon = text.indexOf(':');
      if (colon < 0) return undefined;
      return { user: text.slice(0, colon), secret: text.slice(colon + 1) };
    }
    default:
      return undefined;
  }
}
