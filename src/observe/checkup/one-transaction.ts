/** Statements, without their semicolons, as one mend: all of them take effect at once, or none. */
export function inOneTransaction(statements: readonly string[]): string {
  return ['begin;', ...statements.map((one) => `${one};`), 'commit;'].join('\n');
}
