import { dirname, resolve } from 'node:path';
import { shownPath } from '../error-place.ts';
import { isRecord } from '../is-record.ts';
import { type ListenAddress, parseListenAddress } from '../listen-address.ts';
import { type ConfigProblem, configError, showValue } from './config-problem.ts';
import { checkConfig } from './config-schema.ts';
import { DEFAULTS, METRICS_ADDRESS } from './defaults.ts';
import { type FoundConfig, readNamedConfig, searchConfig } from './find-config.ts';
import type { PgwatchConfig } from './pgwatch-config.ts';
import type {
  ConsumerGlobs,
  DatabaseChoice,
  ResolvedAdmin,
  ResolvedConfig,
  ResolvedRetry,
} from './resolved-config.ts';
import {
  type Environment,
  type GivenSetting,
  givenSettings,
  type SettingFlags,
} from './settings.ts';

export interface ConfigSources {
  /** Where the search for a configuration file starts; absolute. */
  readonly cwd: string;
  readonly env: Environment;
  /** The file that `--config` names. */
  readonly configFile?: string | undefined;
  readonly flags?: SettingFlags | undefined;
  /** Whether standard error is a terminal: decides the default log format. */
  readonly isTerminal: boolean;
}

/**
 * The configuration out of flags, environment, configuration file and defaults, in this order of
 * precedence. All problems are reported at once.
 * @throws CONFIG_NOT_FOUND, CONFIG_UNREADABLE, CONFIG_INVALID, DATABASE_URL_INVALID; USAGE when
 *   only flags are wrong
 */
export async function loadConfig(sources: ConfigSources): Promise<ResolvedConfig> {
  const { cwd, env, flags = {}, isTerminal } = sources;
  const found = await findConfig(sources);
  const given = givenSettings(flags, env);

  const sourceInFile = (path: string) => ({ source: fileSource(found, path) });
  const file = checkConfig(found === undefined ? {} : found.value, sourceInFile);
  const outside = checkConfig(nested(given), (path) => originOf(given, path));
  const config = merge(file.config, outside.config);
  const retry = { ...DEFAULTS.retry, ...defined(config.retry) };
  const problems = [...file.problems, ...outside.problems, ...checkRetry(retry, sourceInFile)];
  if (problems.length > 0) throw configError(problems);

  const root = found === undefined ? cwd : dirname(found.file);
  return {
    ...DEFAULTS,
    handlerTimeoutSeconds: undefined,
    listenUrl: undefined,
    // Both say that there is a pooler.
    preparedStatements:
      config.listenUrl === undefined && (config.wake ?? DEFAULTS.wake) === 'listen',
    logFormat: isTerminal ? 'pretty' : 'json',
    ...defined(config),
    root,
    file: found?.file,
    database: databaseChoice(config.database),
    consumers: consumerGlobs(config.consumers ?? DEFAULTS.consumers),
    migrations: config.migrations === undefined ? undefined : resolve(root, config.migrations),
    retry,
    metrics: metricsAddress(config.metrics),
    cleanup: { ...DEFAULTS.cleanup, ...defined(config.cleanup) },
    admin: adminOf(config.admin),
    redact: config.redact ?? [],
  };
}

async function findConfig(sources: ConfigSources): Promise<FoundConfig | undefined> {
  const { configFile, env, cwd } = sources;
  if (configFile !== undefined) {
    return readNamedConfig({ path: configFile, source: 'The flag --config' }, cwd);
  }
  const variable = env['PGWATCH_CONFIG'] ?? '';
  if (variable !== '') {
    const source = 'The environment variable PGWATCH_CONFIG';
    return readNamedConfig({ path: variable, source }, cwd);
  }
  return searchConfig(cwd);
}

function fileSource(found: FoundConfig | undefined, path: string): string {
  const name = found === undefined ? 'configuration' : shownPath(found.file);
  return path === '' ? name : `${name}: ${path}`;
}

/** `[{ key: 'cleanup.days', value: 1 }]` as `{ cleanup: { days: 1 } }`. */
function nested(given: readonly GivenSetting[]): Record<string, unknown> {
  const config: Record<string, unknown> = {};
  for (const { key, value } of given) {
    const [outer = key, inner] = key.split('.');
    const section = config[outer];
    config[outer] =
      inner === undefined ? value : { ...(isRecord(section) ? section : {}), [inner]: value };
  }
  return config;
}

function originOf(given: readonly GivenSetting[], path: string) {
  const origin = given.find(({ key }) => key === path)?.origin;
  return origin?.kind === 'flag'
    ? ({ source: `flag ${origin.name}`, code: 'USAGE' } as const)
    : { source: `environment variable ${origin?.name ?? path}` };
}

function merge(file: PgwatchConfig, outside: PgwatchConfig): PgwatchConfig {
  return {
    ...defined(file),
    ...defined(outside),
    cleanup: { ...defined(file.cleanup), ...defined(outside.cleanup) },
    admin: { ...defined(file.admin), ...defined(outside.admin) },
  };
}

function adminOf(admin: PgwatchConfig['admin']): ResolvedAdmin {
  const { allowedHosts = [] } = admin ?? {};
  const hosts = typeof allowedHosts === 'string' ? allowedHosts.split(',') : allowedHosts;
  return {
    ...DEFAULTS.admin,
    prefix: '',
    ...defined(admin),
    allowedHosts: hosts.map((host) => host.trim().toLowerCase()).filter((host) => host !== ''),
  };
}

/** A key that is there but undefined counts as not there. */
function defined<T extends object>(
  value: T | undefined,
): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  const entries = Object.entries(value ?? {}).filter(([, found]) => found !== undefined);
  return Object.fromEntries(entries) as { [Key in keyof T]?: Exclude<T[Key], undefined> };
}

function databaseChoice(database: string | undefined): DatabaseChoice {
  if (database === undefined) return { kind: 'none' };
  return database === 'embedded' ? { kind: 'embedded' } : { kind: 'url', url: database };
}

function metricsAddress(metrics: string | boolean | undefined): ListenAddress | undefined {
  if (metrics === undefined || metrics === false) return undefined;
  return metrics === true ? METRICS_ADDRESS : parseListenAddress(metrics, METRICS_ADDRESS);
}

function checkRetry(
  retry: ResolvedRetry,
  sourceOf: (path: string) => Pick<ConfigProblem, 'source'>,
): ConfigProblem[] {
  const { minDelaySeconds, maxDelaySeconds } = retry;
  if (maxDelaySeconds >= minDelaySeconds) return [];
  const text = `expected at least retry.minDelaySeconds (${minDelaySeconds}), found ${showValue(maxDelaySeconds)}.`;
  return [{ ...sourceOf('retry.maxDelaySeconds'), text }];
}

function consumerGlobs(consumers: NonNullable<PgwatchConfig['consumers']>): ConsumerGlobs {
  const listOf = (globs: string | readonly string[]) =>
    typeof globs === 'string' ? [globs] : globs;
  if (typeof consumers === 'string' || isList(consumers)) {
    return { kind: 'globs', globs: listOf(consumers) };
  }
  const apps = Object.entries(consumers).map(([app, globs]) => [app, listOf(globs)] as const);
  return { kind: 'apps', apps: Object.fromEntries(apps) };
}

function isList<T extends object>(value: T | readonly string[]): value is readonly string[] {
  return Array.isArray(value);
}
