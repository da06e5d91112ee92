import { defineConfig } from 'pgwatch';

/** What `npm start` runs here: the examples, on a PostgreSQL server of this project's own. */
export default defineConfig({
  database: 'embedded',
  consumers: 'consumers/**/*.ts',
  migrations: 'examples/migrations',
});
