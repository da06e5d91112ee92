#!/usr/bin/env node
// What npm links as the command `pgwatch`. It stands in the repository, because npm makes no link to
// a file that is not there yet, and dist comes only with the build.
import { existsSync } from 'node:fs';
import module from 'node:module';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const compiled = new URL('../dist/pgwatch.js', import.meta.url);

if (existsSync(compiled)) {
  // From Node 22.1 on. Beside the code, and not in a folder for everybody as by default: whoever can
  // write here could as well change the code.
  module.enableCompileCache?.(fileURLToPath(new URL('../node_modules/.cache', import.meta.url)));
  await import(compiled.href);
} else {
  process.stderr.write('pgwatch is not built yet.\n  → Run `npm run build` (or `npm start`).\n');
  process.exitCode = 1;
}
