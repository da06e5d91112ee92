import type { ResolvedConfig } from '../../config/resolved-config.ts';
import type { Environment } from '../../config/settings.ts';
import type { Database } from '../../db/database.ts';
import type { ListenAddress } from '../../listen-address.ts';
import type { Logger } from '../../logger.ts';

export interface AdminOptions {
  /** Read and changed through a pool of its own, so that pages never wait for deliveries. */
  readonly db: Database;
  readonly config: ResolvedConfig;
  /** Gets a line for each action, with who and what. */
  readonly logger: Logger;
  readonly bind: ListenAddress;
  /** Where the credentials are; see credentials.ts. Default: the process's. */
  readonly env?: Environment;
  /** What `/metrics` serves. Default: there is no such page. */
  readonly metrics?: { readonly contentType: string; text(): Promise<string> };
  /** What `/readyz` serves. Default: ready while the database answers. */
  readonly readiness?: () => Promise<ReadinessAnswer>;
}

export interface ReadinessAnswer {
  readonly ready: boolean;
  /** Why not. */
  readonly reasons: readonly string[];
}
