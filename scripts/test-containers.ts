import { PostgreSqlContainer } from '@testcontainers/postgresql';
import { getContainerRuntimeClient } from 'testcontainers';
import { chosenMajors, testOnServers } from './server-tests.ts';

// npm run test:containers [-- 14 17]: the server tests on the official images of each version.

const majors = chosenMajors();
try {
  await getContainerRuntimeClient();
} catch (error) {
  process.stderr.write(
    'The tests cannot run in containers here: no container runtime answers ' +
      `(${error instanceof Error ? error.message : String(error)}).\n` +
      'Start Docker or Podman, or name it in DOCKER_HOST. Without one, npm run test:matrix tests ' +
      'the same versions on embedded servers.\n',
  );
  process.exit(1);
}
await testOnServers(majors, async (major) => {
  const container = await new PostgreSqlContainer(`postgres:${major}-alpine`).start();
  return { url: container.getConnectionUri(), stop: () => container.stop() };
});
