/**
 * What can be set from outside the configuration file. `key` is its path in the configuration;
 * the flag exists on some commands only.
 */
export interface Setting {
  readonly key: string;
  readonly variables: readonly string[];
  readonly flag?: string;
  /** What is not of its kind stays text, for the check to complain about or to take. */
  readonly kind: 'text' | 'number' | 'boolean';
}

export const SETTINGS = [
  {
    key: 'database',
    variables: ['PGWATCH_DATABASE_URL', 'DATABASE_URL'],
    flag: '--database-url',
    kind: 'text',
  },
  {
    key: 'listenUrl',
    variables: ['PGWATCH_LISTEN_URL'],
    flag: '--listen-url',
    kind: 'text',
  },
  { key: 'preparedStatements', variables: ['PGWATCH_PREPARED_STATEMENTS'], kind: 'boolean' },
  { key: 'wake', variables: ['PGWATCH_WAKE'], kind: 'text' },
  { key: 'pollSeconds', variables: ['PGWATCH_POLL'], kind: 'number' },
  { key: 'schema', variables: ['PGWATCH_SCHEMA'], kind: 'text' },
  { key: 'functionsSchema', variables: ['PGWATCH_FUNCTIONS_SCHEMA'], kind: 'text' },
  { key: 'migrations', variables: ['PGWATCH_MIGRATIONS'], kind: 'text' },
  { key: 'logLevel', variables: ['PGWATCH_LOG_LEVEL'], flag: '--log-level', kind: 'text' },
  { key: 'logFormat', variables: ['PGWATCH_LOG_FORMAT'], flag: '--log-format', kind: 'text' },
  { key: 'timeoutSeconds', variables: ['PGWATCH_TIMEOUT'], flag: '--timeout', kind: 'number' },
  {
    key: 'maxBatchSize',
    variables: ['PGWATCH_MAX_BATCH_SIZE'],
    flag: '--max-batch-size',
    kind: 'number',
  },
  { key: 'maxBatchBytes', variables: ['PGWATCH_MAX_BATCH_BYTES'], kind: 'number' },
  {
    key: 'reconnectDelaySeconds',
    variables: ['PGWATCH_RECONNECT_DELAY'],
    flag: '--reconnect-delay',
    kind: 'number',
  },
  { key: 'queryTimeoutSeconds', variables: ['PGWATCH_QUERY_TIMEOUT'], kind: 'number' },
  {
    key: 'shutdownTimeoutSeconds',
    variables: ['PGWATCH_SHUTDOWN_TIMEOUT'],
    flag: '--shutdown-timeout',
    kind: 'number',
  },
  { key: 'leaseSeconds', variables: ['PGWATCH_LEASE'], kind: 'number' },
  { key: 'handlerTimeoutSeconds', variables: ['PGWATCH_HANDLER_TIMEOUT'], kind: 'number' },
  {
    key: 'skipPlayback',
    variables: ['PGWATCH_SKIP_PLAYBACK'],
    flag: '--skip-playback',
    kind: 'boolean',
  },
  { key: 'cleanup.days', variables: ['PGWATCH_CLEANUP_DAYS'], flag: '--days', kind: 'number' },
  { key: 'metrics', variables: ['PGWATCH_METRICS'], flag: '--metrics', kind: 'boolean' },
  { key: 'admin.host', variables: ['PGWATCH_ADMIN_HOST'], flag: '--host', kind: 'text' },
  { key: 'admin.port', variables: ['PGWATCH_ADMIN_PORT'], flag: '--port', kind: 'number' },
  { key: 'admin.prefix', variables: ['PGWATCH_ADMIN_PREFIX'], flag: '--prefix', kind: 'text' },
  {
    key: 'admin.trustForwardedPrefix',
    variables: ['PGWATCH_ADMIN_TRUST_FORWARDED_PREFIX'],
    kind: 'boolean',
  },
  {
    key: 'admin.trustForwardedFor',
    variables: ['PGWATCH_ADMIN_TRUST_FORWARDED_FOR'],
    kind: 'boolean',
  },
  {
    key: 'admin.allowedHosts',
    variables: ['PGWATCH_ADMIN_ALLOWED_HOSTS'],
    flag: '--allowed-hosts',
    kind: 'text',
  },
  { key: 'poolSize', variables: ['PGWATCH_POOL_SIZE'], kind: 'number' },
] as const satisfies readonly Setting[];

export type SettingKey = (typeof SETTINGS)[number]['key'];

/** Flags as they were typed; `true` for one without a value. */
export type SettingFlags = { readonly [Key in SettingKey]?: string | true | undefined };

export type Environment = Readonly<Record<string, string | undefined>>;

/** A setting that a flag or the environment gives, and where it was found. */
export interface GivenSetting {
  readonly key: SettingKey;
  readonly value: unknown;
  readonly origin: { readonly kind: 'flag' | 'variable'; readonly name: string };
}

/** The flag, else the first environment variable that is set and not empty. */
export function givenSettings(flags: SettingFlags, env: Environment): GivenSetting[] {
  const settings: readonly (Setting & { readonly key: SettingKey })[] = SETTINGS;
  return settings.flatMap(({ key, variables, flag, kind }): GivenSetting[] => {
    const flagValue = flags[key];
    if (flagValue !== undefined) {
      return [{ key, value: parse(flagValue, kind), origin: { kind: 'flag', name: flag ?? key } }];
    }
    const name = variables.find((variable) => (env[variable] ?? '') !== '');
    if (name === undefined) return [];
    return [{ key, value: parse(env[name] ?? '', kind), origin: { kind: 'variable', name } }];
  });
}

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

const BOOLEANS: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  1: true,
  false: false,
  no: false,
  off: false,
  0: false,
};

/** What is not of its kind stays text, for the check to complain about. */
function parse(text: string | true, kind: Setting['kind']): unknown {
  if (text === true || kind === 'text') return text;
  const trimmed = text.trim();
  if (kind === 'number') return DECIMAL.test(trimmed) ? Number(trimmed) : text;
  return BOOLEANS[trimmed.toLowerCase()] ?? text;
}
