import pg from 'pg';

/** A fresh database for one turn. */
export interface Site {
  readonly url: string;
  readonly client: pg.Client;
  /** Whatever a turn has started, to be ended with it; the last first. */
  onEnd(end: () => Promise<unknown>): void;
}

let made = 0;

/** Creates a database, lets a turn use it, and drops it. */
export async function atNewSite<T>(serverUrl: string, use: (site: Site) => Promise<T>): Promise<T> {
  made += 1;
  const name = `bench_${process.pid}_${made}`;
  const admin = new pg.Client({ connectionString: serverUrl });
  await admin.connect();
  await admin.query(`create database ${name} strategy file_copy`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  const ends: (() => Promise<unknown>)[] = [];
  try {
    return await use({ url: url.href, client, onEnd: (end) => ends.unshift(end) });
  } finally {
    for (const end of ends) await end();
    await client.end();
    await admin.query(`drop database ${name} with (force)`);
    // The next turn should not pay for what this one has left to be written.
    await admin.query('checkpoint');
    await admin.end();
  }
}
