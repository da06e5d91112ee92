#!/usr/bin/env node
// What npm links as the command `pgwatch`. It stands in the repository, because npm makes no link to
// a file that is not there yet, and dist comes only with the build.
import { existsSync } from 'node:fs';
import process from 'node:process';

const compiled = new URL('../dist/bin/pgwatch.js', import.meta.url);

if (existsSync(compiled)) {
  await import(compiled.href);
} else {
  process.stderr.write('pgwatch is not built yet.\n  → Run `npm run build` (or `npm start`).\n');
  process.exitCode = 1;
}
