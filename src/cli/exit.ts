import process from 'node:process';

/**
 * Ends the process as soon as what was printed is out. A module of the user's may hold a timer or a
 * connection, which would keep the process alive for ever.
 */
export function exitWith(code: number): void {
  process.exitCode = code;
  process.stdout.write('', () => {
    process.stderr.write('', () => process.exit());
  });
}
