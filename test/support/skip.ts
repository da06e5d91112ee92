import type { TestContext } from 'vitest';

/** Skips the test, and prints the reason, which the default reporter keeps to itself. */
export function skipBecause(test: TestContext, reason: string): never {
  process.stderr.write(`skipped "${test.task.name}": ${reason}\n`);
  test.skip(reason);
}
