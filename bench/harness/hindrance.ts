import type { Site } from './site.ts';

/** What another program does to the database for as long as a run lasts. */
export interface Hindrance {
  readonly name: string;
  begin(site: Site): Promise<void>;
}

export const clean: Hindrance = { name: 'clean', begin: async () => {} };

/** A writer of a long transaction: it has an xid, and has rung nobody. */
export const openWriter: Hindrance = {
  name: 'open writer',
  async begin(site) {
    const client = await site.connect();
    await client.query('begin');
    await client.query('insert into changes (n, body) values (0, $1)', ['not yet committed']);
  },
};

/** A long report: no vacuum removes anything meanwhile, and transaction ids go by. */
export const heldSnapshot: Hindrance = {
  name: 'held snapshot',
  async begin(site) {
    const reader = await site.connect();
    await reader.query('begin isolation level repeatable read');
    await reader.query('select count(*) from changes');
    const others = await site.connect();
    let busy = false;
    const timer = setInterval(async () => {
      if (busy) return;
      busy = true;
      await others.query('select pg_current_xact_id()').catch(() => clearInterval(timer));
      busy = false;
    }, XID_EVERY_MS);
    site.onEnd(async () => clearInterval(timer));
  },
};

const XID_EVERY_MS = 5;
