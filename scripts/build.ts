/** Builds the code that is published. Its types come from tsc: see `build` in package.json. */
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.ts';

await bundle(fileURLToPath(new URL('../dist', import.meta.url)));
