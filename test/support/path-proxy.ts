import { createServer, request } from 'node:http';
import { onTestFinished } from 'vitest';

/**
 * A proxy that shows a server under a path, takes the path off, and knows nothing else. Stopped
 * after the test.
 * @returns its URL, with the path
 */
export async function startPathProxy(target: string, path: string): Promise<string> {
  const proxy = createServer((incoming, answer) => {
    const { url = '/', method, headers } = incoming;
    if (!url.startsWith(`${path}/`) && url !== path) {
      answer.writeHead(404).end();
      return;
    }
    const passed = request(
      `${target}${url.slice(path.length) || '/'}`,
      { method, headers, agent: false },
      (response) => {
        answer.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(answer);
      },
    );
    passed.on('error', () => answer.destroy());
    answer.on('close', () => passed.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        proxy.close(() => resolve());
        proxy.closeAllConnections();
      }),
  );
  const address = proxy.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return `http://127.0.0.1:${port}${path}`;
}
