import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../package-root.ts';

/** Of this package. */
export function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8'));
  const found: unknown =
    typeof manifest === 'object' && manifest && Reflect.get(manifest, 'version');
  return String(found);
}
