import type { Kysely } from 'kysely';

/** One direction of a migration: SQL text, or a function that is given a Kysely transaction. */
export type MigrationStep =
  | { readonly kind: 'sql'; readonly text: string }
  | { readonly kind: 'function'; readonly run: (db: Kysely<unknown>) => unknown };

export interface MigrationScript {
  readonly name: string;
  readonly up: MigrationStep;
  /** Undefined: cannot be reverted. */
  readonly down: MigrationStep | undefined;
}
