import { CompiledQuery } from 'kysely';

/** A statement as Kysely takes it. */
export function rawQuery(text: string, values: readonly unknown[]): CompiledQuery {
  return CompiledQuery.raw(text, [...values]);
}
