import type { Commands } from './options.ts';

/** Each body is loaded when its command is called: `--help` needs none of them. */
export const COMMANDS: Commands = {
  migrate: async () => (await import('./migrate.ts')).runMigrate,
  listen: async () => (await import('./listen.ts')).runListen,
  listConsumers: async () => (await import('./list-consumers.ts')).runListConsumers,
  cleanup: async () => (await import('./cleanup.ts')).runCleanup,
  adopt: async () => (await import('./adopt.ts')).runAdopt,
  notify: async () => (await import('./notify.ts')).runNotify,
};
