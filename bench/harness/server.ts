import { freemem, totalmem } from 'node:os';
import { startThrowawayServer } from '../../src/db/embedded/throwaway-server.ts';

/** As one would run it: every commit waits for the disk. */
export const SETTINGS: Readonly<Record<string, string>> = {
  fsync: 'on',
  full_page_writes: 'on',
  synchronous_commit: 'on',
  shared_buffers: `${Math.round(Math.min(2048, totalmem() / 2 ** 20 / 4))}MB`,
  max_wal_size: '8GB',
  checkpoint_timeout: '15min',
  max_connections: '200',
  track_io_timing: 'on',
};

export function startServer() {
  if (freemem() < 2 ** 30)
    throw new Error('Less than 1 GiB of memory is free; nothing measured then means much.');
  return startThrowawayServer({ settings: SETTINGS });
}
