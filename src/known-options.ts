import { type ErrorCode, PgwatchError } from './errors.ts';
import { suggest } from './suggest.ts';
import { describeType } from './value-type.ts';

/** Options as they come from code whose types nobody has checked. */
interface GivenOptions<Name extends string> {
  /** What errors call their place, as `createTriggerForTable()`. */
  readonly subject: string;
  readonly given: unknown;
  readonly known: readonly Name[];
  readonly code: ErrorCode;
}

/**
 * Refuses what is no object of options, and options that do not exist: passed over, a mistyped one
 * would do something else than was asked for, without a word.
 * @throws {PgwatchError} with the code given
 */
export function assertKnownOptions<Name extends string>(options: GivenOptions<Name>): void {
  const { subject, given, known, code } = options;
  const names = `Known are: ${known.join(', ')}.`;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new PgwatchError(code, {
      what: `${subject} was given ${describeType(given)} where its options belong.`,
      why: `Expected an object. ${names}`,
      hint: `Write the options as an object: { ${known[0] ?? ''}: … }.`,
    });
  }
  const unknown = Object.keys(given).find((name) => !known.some((one) => one === name));
  if (unknown === undefined) return;
  throw new PgwatchError(code, {
    what: `${subject} has an unknown option "${unknown}".${suggest(unknown, known)}`,
    why: names,
    hint: 'Correct its name, or leave it out.',
  });
}
