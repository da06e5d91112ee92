import type { ConsumerGlobs, ResolvedConfig } from '../config/resolved-config.ts';
import {
  type DiscoveredConsumer,
  type Discovery,
  discoverConsumers,
  type LoadFailure,
} from '../consumer/discovery.ts';
import { selectConsumers } from '../consumer/selection.ts';
import { redactText } from '../redact.ts';
import type { CommandContext, ListConsumersOptions } from './options.ts';
import { formatTable } from './output.ts';

/**
 * Shows the consumers that are found, and what could not be loaded. Needs no database.
 * @returns 1 when something could not be loaded
 * @throws CONSUMER_UNKNOWN, APP_UNKNOWN, CONSUMERS_NONE, after what could not be loaded was shown:
 *   it may be the reason
 */
export async function runListConsumers(
  context: CommandContext,
  options: ListConsumersOptions,
): Promise<number> {
  const { config, logger, output } = context;
  const { consumers, failures } = await discoverConsumers({ ...config, logger });
  const format = options.json ? formatJson : formatText;
  const isFiltered =
    options.consumers.length + options.apps.length + options.excludeConsumers.length > 0;
  let selected = consumers;
  try {
    if (isFiltered) selected = selectConsumers(consumers, options);
  } catch (error) {
    if (failures.length > 0) output.write(format({ consumers: [], failures }, config));
    throw error;
  }
  output.write(format({ consumers: selected, failures }, config));
  return failures.length === 0 ? 0 : 1;
}

/** For programs: these keys stay. */
function formatJson({ consumers, failures }: Discovery): string {
  const listing = {
    consumers: consumers.map(({ consumer: { id, channels }, app, name, file }) => ({
      id,
      app,
      name,
      file,
      channels,
    })),
    failures: failures.map(({ file, app, error: { code, message, hint } }) => ({
      file,
      app,
      error: {
        code,
        message: redactText(message),
        hint: hint === undefined ? null : redactText(hint),
      },
    })),
  };
  return `${JSON.stringify(listing, undefined, 2)}\n`;
}

function formatText({ consumers, failures }: Discovery, config: ResolvedConfig): string {
  const parts: string[] = [];
  if (consumers.length > 0) parts.push(formatConsumers(consumers));
  if (failures.length > 0) parts.push(`Could not be loaded:\n${failures.map(describe).join('')}`);
  return parts.length > 0 ? parts.join('\n') : nothingFound(config);
}

function formatConsumers(consumers: readonly DiscoveredConsumer[]): string {
  return formatTable(
    ['ID', 'APP', 'NAME', 'FILE', 'CHANNELS'],
    consumers.map(({ consumer: { id, channels }, app, name, file }) => [
      id,
      app,
      name,
      file,
      channels.map(printable).join(', '),
    ]),
  );
}

/** PostgreSQL allows every character in the name of a channel. */
function printable(channel: string): string {
  return /[\p{Cc}\s,"]/u.test(channel) ? JSON.stringify(channel) : channel;
}

function describe({ file, app, error: { code, message, hint } }: LoadFailure): string {
  const lines = [`  ${file} (app ${app})`, `    error[${code}]: ${message}`];
  if (hint !== undefined) lines.push(`    → ${hint}`);
  return `${redactText(lines.join('\n'))}\n`;
}

function nothingFound({ root, file, consumers }: ResolvedConfig): string {
  const configuredIn = file ?? 'the default; there is no configuration file';
  return `No consumers found in ${root}\nwith ${globsOf(consumers)} (${configuredIn}).\n`;
}

function globsOf(consumers: ConsumerGlobs): string {
  switch (consumers.kind) {
    case 'globs':
      return consumers.globs.join(', ');
    case 'apps':
      return Object.entries(consumers.apps)
        .map(([app, globs]) => `${app}: ${globs.join(', ')}`)
        .join('; ');
  }
}
