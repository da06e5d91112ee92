// The driver's floor: a loop over SELECT that parses what it reads and does nothing with it. Plain
// JavaScript, so that its start costs no compilation.
import pg from 'pg';

const PAGE = 1_000;
const expected = Number(process.env.BENCH_EXPECT);
const clock = () => Number(process.hrtime.bigint()) / 1e6;

const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
await client.connect();
let lastId = 0;
let count = 0;
let firstAt = 0;
while (count < expected) {
  const { rows } = await client.query({
    name: 'page',
    text: `select id, channel, key, payload, created_at from pgwatch.notification_log
           where id > $1 order by id limit $2`,
    values: [lastId, PAGE],
  });
  if (count === 0) firstAt = clock();
  if (rows.length === 0) break;
  lastId = rows.at(-1).id;
  count += rows.length;
}
const { user, system } = process.cpuUsage();
const report = {
  count,
  firstAt,
  lastAt: clock(),
  times: [],
  cpuMs: (user + system) / 1000,
  peakBytes: process.resourceUsage().maxRSS * 1024,
};
process.send({ type: 'done', report });
await client.end();
process.disconnect();
