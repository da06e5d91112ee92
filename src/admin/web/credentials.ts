import { createHash, timingSafeEqual } from 'node:crypto';
import type { Environment } from '../../config/settings.ts';
import { PgwatchError } from '../../errors.ts';

/** What somebody may do: an operator all, `read-only` only look. */
export type Role = 'operator' | 'read-only';

/** Who has shown credentials. */
export interface Identity {
  /** The user's name; `token` for one who came with a token, `local` where none are asked for. */
  readonly name: string;
  readonly role: Role;
}

/** What somebody shows: a token alone, or a user's name and password. */
export interface ShownCredentials {
  readonly user: string | undefined;
  readonly secret: string;
}

interface Credential extends Identity {
  readonly user: string | undefined;
  readonly digest: Buffer;
}

/** A token is not typed, so it can be long. */
const MIN_TOKEN = 16;
const MIN_PASSWORD = 8;

/** Those who may use the admin page, from the environment. */
export class Credentials {
  readonly #known: readonly Credential[];

  /**
   * Of PGWATCH_ADMIN_TOKEN, PGWATCH_ADMIN_USER with PGWATCH_ADMIN_PASSWORD, and for `read-only`
   * PGWATCH_ADMIN_READONLY_TOKEN, PGWATCH_ADMIN_READONLY_USER with PGWATCH_ADMIN_READONLY_PASSWORD. An
   * empty variable counts as not set.
   * @throws ADMIN_CREDENTIALS when one is incomplete or too short
   */
  constructor(env: Environment) {
    this.#known = [
      ...credentialsOf(env, 'PGWATCH_ADMIN_', 'operator'),
      ...credentialsOf(env, 'PGWATCH_ADMIN_READONLY_', 'read-only'),
    ];
    assertApart(this.#known);
  }

  get areConfigured(): boolean {
    return this.#known.length > 0;
  }

  /** Compares with all of them, in a time that does not depend on what is wrong. */
  identify({ user, secret }: ShownCredentials): Identity | undefined {
    const digest = digestOf(user, secret);
    const matching = this.#known.filter((known) => timingSafeEqual(known.digest, digest));
    const [found] = matching;
    return found === undefined ? undefined : { name: found.name, role: found.role };
  }
}

function credentialsOf(env: Environment, prefix: string, role: Role): Credential[] {
  const value = (name: string) => env[`${prefix}${name}`] ?? '';
  const [token, user, password] = [value('TOKEN'), value('USER'), value('PASSWORD')];
  if ((user === '') !== (password === '')) {
    const [given, missing] = user === '' ? ['PASSWORD', 'USER'] : ['USER', 'PASSWORD'];
    throw new PgwatchError('ADMIN_CREDENTIALS', {
      what: `${prefix}${given} is set and ${prefix}${missing} is not.`,
      hint: 'Set both, or neither.',
    });
  }
  assertLong(`${prefix}TOKEN`, token, MIN_TOKEN);
  assertLong(`${prefix}PASSWORD`, password, MIN_PASSWORD);
  return [
    ...(token === ''
      ? []
      : [{ name: 'token', role, user: undefined, digest: digestOf(undefined, token) }]),
    ...(user === '' ? [] : [{ name: user, role, user, digest: digestOf(user, password) }]),
  ];
}

/** As long as any other, so that a comparison tells nothing. */
function digestOf(user: string | undefined, secret: string): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([user ?? null, secret]))
    .digest();
}

function assertLong(variable: string, secret: string, atLeast: number): void {
  if (secret === '' || secret.length >= atLeast) return;
  throw new PgwatchError('ADMIN_CREDENTIALS', {
    what: `${variable} has ${secret.length} characters.`,
    why: `It needs at least ${atLeast}, or it could be guessed.`,
    hint: 'Draw one, for instance with `openssl rand -hex 24`.',
  });
}

function assertApart(known: readonly Credential[]): void {
  const digests = new Set(known.map(({ digest }) => digest.toString('hex')));
  if (digests.size === known.length) return;
  throw new PgwatchError('ADMIN_CREDENTIALS', {
    what: 'The credentials of operators and of read-only users are the same.',
    why: 'It would not be known which of them somebody is.',
    hint: 'Give each role its own.',
  });
}
