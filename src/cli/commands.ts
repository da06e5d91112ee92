import type { Commands } from './options.ts';

/** Each body is loaded when its command is called: `--help` needs none of them. */
export const COMMANDS: Commands = {
  migrate: async () => (await import('./migrate.ts')).runMigrate,
  listen: async () => (await import('./listen.ts')).runListen,
  listConsumers: async () => (await import('./list-consumers.ts')).runListConsumers,
  cleanup: async () => (await import('./cleanup.ts')).runCleanup,
  adopt: async () => (await import('./adopt.ts')).runAdopt,
  status: async () => (await import('./status.ts')).runStatus,
  tail: async () => (await import('./tail.ts')).runTail,
  explain: async () => (await import('./explain.ts')).runExplain,
  doctor: async () => (await import('./doctor.ts')).runDoctor,
  admin: async () => (await import('./admin.ts')).runAdmin,
  replay: async () => (await import('./replay.ts')).runReplay,
  discard: async () => (await import('./discard.ts')).runDiscard,
  pause: async () => (await import('./steering.ts')).runPause,
  resume: async () => (await import('./steering.ts')).runResume,
  forget: async () => (await import('./steering.ts')).runForget,
  notify: async () => (await import('./notify.ts')).runNotify,
};
