import {
  startThrowawayServer,
  type ThrowawayOptions,
  type ThrowawayServer,
} from '../../src/db/embedded/throwaway-server.ts';

/**
 * A server for those tests alone that need it: with settings, or to be broken. Of the version that the
 * tests run on, where `npm run test:matrix` says which (PGWATCH_TEST_BINARIES).
 */
export function startOwnServer(
  options: Omit<ThrowawayOptions, 'binaries'> = {},
): Promise<ThrowawayServer> {
  const { PGWATCH_TEST_BINARIES: binaries } = process.env;
  return startThrowawayServer(binaries === undefined ? options : { ...options, binaries });
}
