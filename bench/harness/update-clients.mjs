// Where there is no pgbench: clients that each update one random row after another, until the time
// is over. Says how many commits there were, and in what time. Plain JavaScript: it starts at once.
import pg from 'pg';

const [url, clients, seconds, rows] = process.argv.slice(2);
const clock = () => performance.now() / 1000;

const connections = await Promise.all(
  Array.from({ length: Number(clients) }, async () => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    return client;
  }),
);
const beginning = clock();
let commits = 0;
await Promise.all(
  connections.map(async (client) => {
    while (clock() - beginning < Number(seconds)) {
      await client.query({
        name: 'update',
        text: 'update changes set n = n + 1 where id = $1',
        values: [1 + Math.floor(Math.random() * Number(rows))],
      });
      commits += 1;
    }
  }),
);
const elapsed = clock() - beginning;
await Promise.all(connections.map((client) => client.end()));
process.stdout.write(JSON.stringify({ commits, perSecond: commits / elapsed }));
